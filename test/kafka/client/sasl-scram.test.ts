import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ScramClient } from '../../../kafka/client/sasl-scram.js';

const sasl = { mechanism: 'SCRAM-SHA-256', username: 'user', password: 'pencil' } as const;

// The exchange of RFC 7677, section 3.
const NONCE = 'rOprNGfwEbeRWgbNEkqO';
const SERVER_NONCE = `${NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0`;
const SALT = 'W22ZaJ0SNY7soEsUEjb6gQ==';
const SERVER_FIRST = `r=${SERVER_NONCE},s=${SALT},i=4096`;
const SERVER_FINAL = 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=';

describe('ScramClient', () => {
  it('speaks the exchange of RFC 7677', async () => {
    const client = new ScramClient(sasl, NONCE);
    assert.equal(client.firstMessage().toString(), `n,,n=user,r=${NONCE}`);
    const proof = 'dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=';
    const final = await client.finalMessage(Buffer.from(SERVER_FIRST));
    assert.equal(final.toString(), `c=biws,r=${SERVER_NONCE},p=${proof}`);
    client.verify(Buffer.from(SERVER_FINAL));
  });

  it('escapes what separates fields in a user name', () => {
    const client = new ScramClient({ ...sasl, username: 'a=b,c' }, NONCE);
    assert.equal(client.firstMessage().toString(), `n,,n=a=3Db=2Cc,r=${NONCE}`);
  });

  it('refuses a server that does not know the password', async () => {
    const client = new ScramClient(sasl, NONCE);
    await client.finalMessage(Buffer.from(SERVER_FIRST));
    assert.throws(() => client.verify(Buffer.from('v=AAAA')), /does not know the password/);
    assert.throws(() => client.verify(Buffer.from('')), /does not know the password/);
    assert.throws(() => client.verify(Buffer.from('e=other-error')), /other-error/);
  });

  it('refuses a proof before the challenge', () => {
    assert.throws(() => new ScramClient(sasl, NONCE).verify(Buffer.from('v=')));
  });

  it('refuses challenges that weaken the password or cost too much', async () => {
    for (const challenge of [
      `r=other,s=${SALT},i=4096`,
      `r=${NONCE},s=${SALT},i=4096`,
      `r=${SERVER_NONCE},s=,i=4096`,
      `r=${SERVER_NONCE},s=${SALT},i=1`,
      `r=${SERVER_NONCE},s=${SALT},i=2000000000`,
      '',
    ]) {
      const client = new ScramClient(sasl, NONCE);
      await assert.rejects(client.finalMessage(Buffer.from(challenge)), Error, challenge);
    }
  });
});
