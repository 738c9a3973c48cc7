import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ConfigError } from '../../../common/config/problems.js';
import { loadMirrorConfig } from '../../../mirror/config/mm2-config.js';
import { readConfigText, referenceResolver } from '../../../mirror/config/read-config.js';
import { hasReference } from '../../../mirror/config/references.js';
import { ONE_FLOW } from './load.js';

describe('references', () => {
  let directory = '';
  before(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'mirror-config-'));
    await writeFile(path.join(directory, 'secrets.properties'), 'jaas = a # ${env:HOME}\n');
    await writeFile(path.join(directory, 'user'), 'me');
  });
  after(() => rm(directory, { recursive: true }));

  const clientOf = (value: string) => {
    const provider = 'org.apache.kafka.common.config.provider';
    const config = loadMirrorConfig({
      path: 'f',
      text: [
        ONE_FLOW,
        `east.sasl.jaas.config = ${value}`,
        'config.providers = file, dir, env, vault',
        `config.providers.file.class = ${provider}.FileConfigProvider`,
        `config.providers.dir.class = ${provider}.DirectoryConfigProvider`,
        `config.providers.env.class = ${provider}.EnvVarConfigProvider`,
        'config.providers.vault.class = com.example.VaultConfigProvider',
      ].join('\n'),
      requireSourceBootstrap: true,
      resolveReference: referenceResolver({ HOME: '/h', EMPTY: '' }),
    });
    return {
      value: config.clusters.get('east')?.client['sasl.jaas.config'],
      kept: config.properties.get('east.sasl.jaas.config')?.value,
    };
  };

  it('are looked up in files, directories and the environment', () => {
    const written = [
      `\${file:${directory}/secrets.properties:jaas}`,
      `\${dir:${directory}:user}`,
      'x${env:HOME}x${env:EMPTY}',
    ].join(' ');
    const { value, kept } = clientOf(written);
    assert.equal(value, 'a # ${env:HOME} me x/hx'); // and what was read is not searched again
    assert.equal(kept, written);
  });

  it('stay as they are if their provider is not declared', () => {
    assert.equal(clientOf('${other:a:b} ${plain}').value, '${other:a:b} ${plain}');
  });

  const faults: readonly [string, RegExp][] = [
    ['${env:MISSING}', /there is no such key/],
    ['${file:/nowhere/at/all:x}', /\/nowhere\/at\/all: there is no such file/],
    ['${vault:a:b}', /its provider is not FileConfigProvider/],
    ['${dir:/etc:../passwd}', /there is no such key/],
    ['${dir:/etc:..}', /there is no such key/],
  ];
  for (const [value, expected] of faults) {
    it(`reports ${value}`, () => assert.throws(() => clientOf(value), expected));
  }

  it('are found in linear time', () => {
    const startMs = performance.now();
    assert.equal(hasReference('${a:'.repeat(250_000)), false);
    assert.ok(performance.now() - startMs < 2_000);
  });
});

describe('readConfigText', () => {
  it('names the file that is missing', async () => {
    await assert.rejects(readConfigText('/nowhere/mm2.properties'), (error: unknown) => {
      assert.ok(error instanceof ConfigError);
      assert.equal(error.message, '/nowhere/mm2.properties: there is no such file');
      return true;
    });
  });

  it('says so if the file is a directory', async () => {
    await assert.rejects(readConfigText(tmpdir()), /this is a directory, not a file/);
  });
});
