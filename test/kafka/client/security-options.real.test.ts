import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { securityOf } from '../../../kafka/client/security-options.js';
import { temporaryFolder } from '../../kit/temporary-folder.js';

describe('a key store that Java made', () => {
  const file = join(temporaryFolder('key-store'), 'k.p12');
  const options = {
    'security.protocol': 'SSL',
    'ssl.keystore.type': 'PKCS12',
    'ssl.keystore.location': file,
  };

  it('is read as PKCS12, and refused with a wrong password', () => {
    const make =
      '-genkeypair -keyalg EC -alias k -dname CN=k -storetype PKCS12 -storepass changeit';
    execFileSync('keytool', [...make.split(' '), '-keystore', file], { stdio: 'ignore' });
    const { tls } = securityOf('a', { ...options, 'ssl.keystore.password': 'changeit' })!;
    assert.ok(Buffer.isBuffer(tls?.pfx));
    const wrong = { ...options, 'ssl.keystore.password': 'other' };
    assert.throws(() => securityOf('a', wrong), /ssl\.keystore\.location: .*password/);
  });
});
