import assert from 'node:assert/strict';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ConfigError } from '../../../common/config/problems.js';
import { loadMirrorConfig } from '../../../mirror/config/mm2-config.js';
import { readConfigText, referenceResolver } from '../../../mirror/config/read-config.js';
import { hasReference } from '../../../mirror/config/references.js';
import { brief, ONE_FLOW } from './load.js';
import { cpuTimeMs } from '../../kit/cpu-time.js';

describe('references', () => {
  let directory = '';
  before(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'mirror-config-'));
    await writeFile(path.join(directory, 'secrets.properties'), 'jaas = a # ${env:HOME}\n');
    await writeFile(path.join(directory, 'user'), 'me');
    await writeFile(path.join(directory, 'latin1'), Buffer.from('caf\xe9', 'latin1'));
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

  it('are to text in UTF-8, as in Kafka', () => {
    assert.throws(() => clientOf(`\${dir:${directory}:latin1}`), /latin1: it is not text in UTF-8/);
  });

  const loaded = (keepUnresolved: boolean, ...lines: string[]) => {
    const providers = [
      'config.providers = env, vault',
      'config.providers.env.class = x.EnvVarConfigProvider',
      'config.providers.vault.class = com.example.VaultConfigProvider',
    ];
    const text = [ONE_FLOW, ...providers, ...lines].join('\n');
    const resolveReference = referenceResolver({});
    const options = { path: 'f', text, requireSourceBootstrap: true, resolveReference };
    try {
      return loadMirrorConfig({ ...options, keepUnresolved }).warnings;
    } catch (error) {
      assert.ok(error instanceof ConfigError);
      return error.problems;
    }
  };

  it('are complained about once, whatever follows from what they lack', () => {
    const lines = ['replication.factor = ${env:NO}', 'west.bootstrap.servers = ${env:NO}'];
    const told = (keep: boolean) =>
      brief(loaded(keep, ...lines)).filter((each) => !/replaces/.test(each));
    for (const keep of [true, false]) {
      assert.equal(told(keep).length, 2);
      assert.match(told(keep)[0] ?? '', /^(error|warning) 8 .*: there is no such key$/);
    }
  });

  it('to providers that no program here has are errors wherever they are checked', () => {
    const [problem] = loaded(true, 'groups = ${vault:a:b}');
    assert.equal(problem?.severity, 'error');
    assert.match(problem?.message ?? '', /its provider is none of/);
  });

  it('to providers that are not declared are warned of', () => {
    const [problem] = loaded(false, 'east.sasl.jaas.config = ${fil:/x:y}');
    assert.equal(problem?.severity, 'warning');
    assert.match(problem?.message ?? '', /has `\$\{fil:\/x:y\}`, which is kept .* not name `fil`/);
  });

  const faults: readonly [string, RegExp][] = [
    ['${env:MISSING}', /there is no such key/],
    ['${file:/nowhere/at/all:x}', /\/nowhere\/at\/all: there is no such file/],
    ['${vault:a:b}', /its provider is none of FileConfigProvider/],
    ['${dir:/etc:../passwd}', /there is no such key/],
    ['${dir:/etc:..}', /there is no such key/],
  ];
  for (const [value, expected] of faults) {
    it(`reports ${value}`, () => assert.throws(() => clientOf(value), expected));
  }

  const restricted = (value: string, ...params: string[]) =>
    loadMirrorConfig({
      path: 'f',
      text: [
        ONE_FLOW,
        `east.client.id = ${value}`,
        'config.providers = file, env',
        'config.providers.file.class = x.FileConfigProvider',
        'config.providers.env.class = x.EnvVarConfigProvider',
        ...params.map((param) => `config.providers.${param}`),
      ].join('\n'),
      requireSourceBootstrap: true,
      resolveReference: referenceResolver({ KAFKA_ID: 'me', HOME: '/h' }),
    }).clusters.get('east')?.client['client.id'];

  it('are kept within allowed.paths', () => {
    const value = `\${file:${directory}/secrets.properties:jaas}`;
    const allowed = `file.param.allowed.paths = /nowhere, ${directory}`;
    assert.equal(restricted(value, allowed), 'a # ${env:HOME}');
    for (const paths of ['/nowhere', `${directory.slice(0, -1)}`])
      assert.throws(
        () => restricted(value, `file.param.allowed.paths = ${paths}`),
        /its path is not in `allowed\.paths`/,
      );
    const outside = `\${file:${directory}/../x/secrets.properties:jaas}`;
    assert.throws(() => restricted(outside, allowed), /its path is not in `allowed\.paths`/);
  });

  it('are kept within allowlist.pattern', () => {
    const allowlist = 'env.param.allowlist.pattern = KAFKA_.*';
    assert.equal(restricted('${env:KAFKA_ID}', allowlist), 'me');
    assert.throws(
      () => restricted('${env:HOME}', allowlist),
      /does not match `allowlist\.pattern`/,
    );
  });

  it('need a provider with a class', () => {
    const text = `${ONE_FLOW}\nconfig.providers = vault`;
    const load = () =>
      loadMirrorConfig({
        ...{ path: 'f', text, requireSourceBootstrap: true },
        resolveReference: referenceResolver({}),
      });
    assert.throws(load, /the provider `vault` has no class/);
  });

  it('are found in linear time', () => {
    const startMs = cpuTimeMs();
    assert.equal(hasReference('${a:'.repeat(250_000)), false);
    assert.ok(cpuTimeMs() - startMs < 2_000);
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

  it('refuses an enormous file without reading it', async () => {
    const file = path.join(await mkdtemp(path.join(tmpdir(), 'mirror-config-')), 'huge');
    await writeFile(file, '');
    await truncate(file, 10 * 1024 ** 3); // sparse: it takes no room
    await assert.rejects(readConfigText(file), /longer than \d+ bytes/);
    await rm(path.dirname(file), { recursive: true });
  });

  const texts: readonly [string, Buffer, string][] = [
    ['UTF-8', Buffer.from('password = café'), 'password = café'],
    ['ISO-8859-1, as Java does', Buffer.from('password = café', 'latin1'), 'password = café'],
  ];
  for (const [name, bytes, text] of texts) {
    it(`reads ${name}`, async () => {
      const file = path.join(await mkdtemp(path.join(tmpdir(), 'mirror-config-')), 'f');
      await writeFile(file, bytes);
      assert.equal(await readConfigText(file), text);
      await rm(path.dirname(file), { recursive: true });
    });
  }

  for (const mark of ['', '\ufeff']) {
    it(`refuses UTF-16 ${mark === '' ? 'without' : 'with'} a mark`, async () => {
      const file = path.join(await mkdtemp(path.join(tmpdir(), 'mirror-config-')), 'f');
      await writeFile(file, Buffer.from(`${mark}clusters = a, b`, 'utf16le'));
      await assert.rejects(readConfigText(file), /f: the file is not text in UTF-8 .* save it as/);
      await rm(path.dirname(file), { recursive: true });
    });
  }

  it('says so if the file is a directory', async () => {
    await assert.rejects(readConfigText(tmpdir()), /this is a directory, not a file/);
  });
});
