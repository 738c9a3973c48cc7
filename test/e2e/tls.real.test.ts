import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { assertMirrored } from '../kit/history-checker.js';
import { freePorts } from '../kit/free-port.js';
import { MirroredPair } from '../kit/mirrored-pair.js';
import { projectRoot } from '../kit/project-root.js';
import { readTopic } from '../kit/read-topic.js';
import { runMirrorctl, type Finished } from '../kit/run-mirrorctl.js';
import { startProcess, type RunningProcess } from '../kit/start-process.js';
import { temporaryFolder } from '../kit/temporary-folder.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const pem = (name: string): string => join(projectRoot(), 'test', 'fixtures', 'tls', name);

/** By name of the client's certificate; `other` and its CA are unknown to the coordinator. */
const ctlTls = (ca: string, own?: string): Record<string, string> => ({
  MIRRORCTL_TLS_CA: pem(ca),
  ...(own === undefined
    ? {}
    : { MIRRORCTL_TLS_CERT: pem(`${own}.pem`), MIRRORCTL_TLS_KEY: pem(`${own}.key`) }),
});

const agentTls = (ca: string, own: string): string[] => [
  `agent.tls.ca = ${pem(ca)}`,
  `agent.tls.cert = ${pem(`${own}.pem`)}`,
  `agent.tls.key = ${pem(`${own}.key`)}`,
];

/** So long that the one agent with a session keeps it, held up as it may be. */
const LEASE_TTL_MS = 20_000;

/** What an agent or `mirrorctl` says of a handshake that the coordinator broke off. */
const REFUSED_BY_SERVER = /that CA must have signed agent\.tls\.cert/;

describe('mutual TLS between the coordinator, its agents and mirrorctl', () => {
  let pair: MirroredPair;

  const ctl = (env: Readonly<Record<string, string>>, ...args: string[]): Promise<Finished> =>
    runMirrorctl(args, { MIRRORCTL_COORDINATOR: pair.coordinator, ...env });

  /** An agent that gets no session, and says why. */
  async function refusedAgent(name: string, lines: readonly string[], says: RegExp): Promise<void> {
    const file = pair.write(`${name}.properties`, [
      ...[`agent.id = ${name}`, 'agent.clusters = us-east, us-west'],
      ...[`agent.coordinators = ${pair.coordinator}`, 'agent.http.listen = 127.0.0.1:0', ...lines],
    ]);
    const agent = await startProcess({
      ...{ name, args: ['agent/main.js', file] },
      readyMatch: ({ msg, error, hint }) =>
        msg === 'no session' && says.test(`${String(error)}; ${String(hint)}`),
    });
    await agent.kill();
  }

  before(async () => {
    pair = await MirroredPair.open({
      flowLines: [
        `coordinator.tls.ca = ${pem('ca.pem')}`,
        `coordinator.tls.cert = ${pem('coordinator.pem')}`,
        `coordinator.tls.key = ${pem('coordinator.key')}`,
      ],
      agents: [],
      leaseTtlMs: LEASE_TTL_MS,
      operatorEnv: ctlTls('ca.pem', 'agent'),
    });
    await createTopics(pair.east, [{ topic: 'orders', partitions: 2 }]);
    await pair.start();
    await pair.startAgent('good', { lines: agentTls('ca.pem', 'agent') });
  });

  after(async () => {
    await pair.stop();
    await pair.close();
  });

  it('mirrors, and serves operators, with certificates on both sides', async () => {
    await writeUnique(pair.east, { topic: 'orders', partitions: [0, 1], count: 200 });
    await pair.caughtUp(['orders']);
    assertMirrored(
      await readTopic(pair.east, 'orders'),
      await readTopic(pair.west, 'us-east.orders'),
    );
    const { code, out, err } = await ctl(ctlTls('ca.pem', 'agent'), 'agents');
    assert.equal(code, 0, out + err);
  });

  it('tells an operator without a certificate, or with one of another CA, what is needed', async () => {
    for (const own of [undefined, 'other']) {
      const { code, err } = await ctl(ctlTls('ca.pem', own), 'status');
      assert.equal(code, 1);
      assert.match(err, /no TLS connection to a coordinator at 127\.0\.0\.1:\d+/);
      assert.match(err, /that CA must have signed --tls-cert, which needs --tls-key/);
      assert.doesNotMatch(err, /Deprecation/);
    }
  });

  it('tells an operator that the CA is another one, or that TLS is needed at all', async () => {
    const wrong = await ctl(ctlTls('other-ca.pem', 'agent'), 'status');
    assert.equal(wrong.code, 1);
    assert.match(wrong.err, /no TLS connection .*(unable to verify|self-signed|issuer)/s);
    assert.match(wrong.err, /--tls-ca .*names the CA/);
    const plain = await ctl({}, 'status');
    assert.equal(plain.code, 1);
    assert.match(plain.err, /if it has coordinator\.tls\.\* set, add --tls-ca/);
  });

  it('lets no agent in whose certificate is of another CA, or that trusts another one', async () => {
    const unknownCa = /unable to verify|self-signed|issuer/;
    await refusedAgent('foreign', agentTls('ca.pem', 'other'), REFUSED_BY_SERVER);
    await refusedAgent('doubting', agentTls('other-ca.pem', 'agent'), unknownCa);
    await refusedAgent('plain', [], /agent\.tls/);
    const { out } = await pair.mirrorctl('--json', 'agents');
    const { agents } = JSON.parse(out) as { agents: { agentId: string }[] };
    assert.deepEqual(
      agents.map(({ agentId }) => agentId),
      ['good'],
    );
  });
});

describe('a coordinator whose own certificate is no good', () => {
  const CASES = [
    { own: 'expired', says: /certificate has expired/ },
    { own: 'elsewhere', says: /altnames|does not match/ },
  ];
  for (const { own, says } of CASES) {
    it(`is not talked to, and the reason is named: ${own}`, async () => {
      const [port] = await freePorts(1);
      const file = join(temporaryFolder(`tls-${own}`), 'mm2.properties');
      const lines = [
        'clusters = a, b',
        'a.bootstrap.servers = 127.0.0.1:1',
        'b.bootstrap.servers = 127.0.0.1:1',
        'a->b.enabled = true',
        `coordinator.listen = 127.0.0.1:${port}`,
        'coordinator.http.listen = 127.0.0.1:0',
        `coordinator.tls.cert = ${pem(`${own}.pem`)}`,
        `coordinator.tls.key = ${pem(`${own}.key`)}`,
        `agent.tls.ca = ${pem('other-ca.pem')}`,
      ];
      writeFileSync(file, lines.join('\n'));
      const mirror: RunningProcess = await startProcess({
        ...{ name: own, args: ['mirror-maker/main.js', file] },
        readyMatch: ({ msg, error }) => msg === 'no session' && says.test(String(error)),
      });
      const env = { MIRRORCTL_COORDINATOR: `127.0.0.1:${port}`, ...ctlTls('other-ca.pem') };
      const { code, err } = await runMirrorctl(['status'], env);
      await mirror.kill();
      assert.equal(code, 1);
      assert.match(err, /no TLS connection to a coordinator/);
      assert.match(err, says);
    });
  }
});
