import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { tidyPem, toPem } from '../../../kafka/key-stores/pem.js';
import { projectRoot } from '../../kit/project-root.js';

const TLS = join(projectRoot(), 'test', 'fixtures', 'tls');

describe('PEM', () => {
  const written = readFileSync(join(TLS, 'agent.pem'), 'utf8');
  const certificate = new X509Certificate(written);

  it('is written as others read it', () => {
    assert.deepEqual(new X509Certificate(toPem([certificate.raw])).raw, certificate.raw);
  });

  it('is read in one line, as it stands in a properties file', () => {
    const line = written.trim().replaceAll('\n', ' ');
    assert.throws(() => new X509Certificate(line));
    assert.deepEqual(new X509Certificate(tidyPem(line)).raw, certificate.raw);
    const twice = tidyPem(`${line} ${line}`);
    assert.equal(twice.match(/BEGIN CERTIFICATE/g)?.length, 2);
    assert.equal(tidyPem(twice), twice);
  });

  it('keeps the header lines of old encrypted keys', () => {
    const old =
      '-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAA==\n-----END RSA PRIVATE KEY-----\n';
    assert.equal(tidyPem(old), old);
  });
});
