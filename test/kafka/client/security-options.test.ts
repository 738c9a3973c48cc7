import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { requestTimeoutMs, securityOf } from '../../../kafka/client/security-options.js';
import { projectRoot } from '../../kit/project-root.js';
import { temporaryFolder } from '../../kit/temporary-folder.js';

const TLS = join(projectRoot(), 'test', 'fixtures', 'tls');
const SSL = { 'security.protocol': 'SSL' };
const SASL = { 'security.protocol': 'SASL_PLAINTEXT' };
const jaas = (options: string) => ({
  'sasl.jaas.config': `x.PlainLoginModule required ${options};`,
});

describe('securityOf', () => {
  it('is nothing for PLAINTEXT, whatever else is set', () => {
    assert.equal(securityOf('a', { 'ssl.truststore.location': '/nowhere' }), undefined);
  });

  it('reads PEM stores, in files and inline', () => {
    const files = securityOf('a', {
      ...SSL,
      'ssl.truststore.type': 'PEM',
      'ssl.truststore.location': join(TLS, 'ca.pem'),
      'ssl.endpoint.identification.algorithm': '',
      'ssl.enabled.protocols': 'TLSv1.3,TLSv1.2',
    });
    assert.match(String(files?.tls?.ca), /BEGIN CERTIFICATE/);
    assert.equal(files?.tls?.verifyHostname, false);
    assert.deepEqual([files?.tls?.minVersion, files?.tls?.maxVersion], ['TLSv1.2', 'TLSv1.3']);
    const inline = securityOf('a', {
      ...SSL,
      'ssl.truststore.certificates': String(files?.tls?.ca),
    });
    assert.equal(inline?.tls?.ca, files?.tls?.ca);
  });

  it('reads the user and password of a JAAS line, quoted and escaped as Java does', () => {
    const { sasl } = securityOf('a', {
      ...SASL,
      'sasl.mechanism': 'SCRAM-SHA-512',
      ...jaas(String.raw`username='me' password="a \"b\" = c;d"`),
    })!;
    assert.deepEqual(sasl, {
      mechanism: 'SCRAM-SHA-512',
      username: 'me',
      password: 'a "b" = c;d',
    });
  });

  const folder = temporaryFolder('security-options');
  const damaged = join(folder, 'damaged.p12');
  writeFileSync(damaged, 'no store');
  const refusals: readonly [string, Record<string, string>, RegExp][] = [
    [
      'an unknown protocol',
      { 'security.protocol': 'TLS' },
      /a\.security\.protocol: TLS is not one/,
    ],
    ['Kerberos', { ...SASL }, /a\.sasl\.mechanism: GSSAPI is not supported; use one of PLAIN/],
    [
      'a JAAS line without a password',
      { ...SASL, 'sasl.mechanism': 'PLAIN', ...jaas('username="me"') },
      /a\.sasl\.jaas\.config: it must have username/,
    ],
    [
      'a trust store of another kind, with what to do',
      { ...SSL, 'ssl.truststore.type': 'JCEKS', 'ssl.truststore.location': '/t.jks' },
      /truststore of type JCEKS.*keytool -list -rfc -keystore \/t\.jks > ca\.pem.*type=PEM/,
    ],
    [
      'a key store of another kind, with what to do',
      { ...SSL, 'ssl.keystore.type': 'JCEKS', 'ssl.keystore.location': '/k.jks' },
      /keystore of type JCEKS.*-deststoretype PKCS12.*ssl\.keystore\.type=PKCS12/,
    ],
    [
      'certificates that are cut off',
      { ...SSL, 'ssl.truststore.certificates': '-----BEGIN CERTIFICATE-----' },
      /a\.ssl\.truststore\.certificates: there is no whole certificate/,
    ],
    [
      'a PEM store whose type is not said',
      { ...SSL, 'ssl.truststore.location': join(TLS, 'ca.pem') },
      /ca\.pem is no store of type JKS; set ssl\.truststore\.type=PEM/,
    ],
    [
      'a damaged store',
      { ...SSL, 'ssl.keystore.type': 'PKCS12', 'ssl.keystore.location': damaged },
      /a\.ssl\.keystore\.location: .*damaged\.p12 is no store of type PKCS12/,
    ],
    [
      'a file that is not there',
      { ...SSL, 'ssl.truststore.type': 'PEM', 'ssl.truststore.location': '/nowhere.pem' },
      /\/nowhere\.pem cannot be read/,
    ],
  ];
  for (const [what, options, expected] of refusals) {
    it(`refuses ${what}`, () => assert.throws(() => securityOf('a', options), expected));
  }

  it('names no password in an error', () => {
    const secret = { ...SASL, 'sasl.mechanism': 'PLAIN', ...jaas('password="hunter2"') };
    assert.throws(
      () => securityOf('a', secret),
      (error: Error) => !error.message.includes('hunter2'),
    );
  });
});

describe('requestTimeoutMs', () => {
  it('takes what a timer can wait, and nothing else', () => {
    const of = (value: string) => requestTimeoutMs({ 'request.timeout.ms': value });
    assert.deepEqual(['30000', '0', 'x', '9999999999'].map(of), [
      30_000,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
