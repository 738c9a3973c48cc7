import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError } from '../../../common/config/problems.js';
import { loadAgentConfig } from '../../../mirror/config/agent-config.js';
import { FULL_EXAMPLE } from './seed-examples.js';

const load = (...lines: string[]) =>
  loadAgentConfig({ path: 'agent.properties', text: lines.join('\n'), hostname: 'edge-1' });

const MINIMAL = 'agent.clusters = factory-a, central\nagent.coordinators = m-1:7700, m-2:7700';

describe('loadAgentConfig', () => {
  it('has defaults for all but the clusters and the coordinators', () => {
    const { overrides, ...config } = load(MINIMAL);
    assert.deepEqual(config, {
      id: 'edge-1',
      site: '',
      clusters: ['factory-a', 'central'],
      coordinators: ['m-1:7700', 'm-2:7700'],
      httpListen: '127.0.0.1:7790',
      tls: { ca: null, cert: null, key: null },
      memoryBytesMax: 256 * 1024 * 1024,
      connectionsPerBrokerMax: 4,
      drainTimeoutMs: 30_000,
      bandwidthBytesPerSecond: 0,
      warnings: [],
    });
    assert.equal(overrides.size, 0);
  });

  it('reads every key', () => {
    const config = load(
      MINIMAL,
      'agent.id = a-1',
      'agent.site = factory-a',
      'agent.http.listen = 0.0.0.0:0',
      'agent.tls.ca = ca.pem',
      'agent.tls.cert = c.pem',
      'agent.tls.key = k.pem',
      'agent.memory.bytes.max = 33554432',
      'factory-a.bootstrap.servers = localhost:9092',
      'factory-a.consumer.isolation.level = read_committed',
      'config.providers = env',
    );
    assert.equal(config.id, 'a-1');
    assert.equal(config.site, 'factory-a');
    assert.equal(config.httpListen, '0.0.0.0:0');
    assert.deepEqual(config.tls, { ca: 'ca.pem', cert: 'c.pem', key: 'k.pem' });
    assert.equal(config.memoryBytesMax, 33_554_432);
    assert.deepEqual(
      [...config.overrides.keys()],
      ['factory-a.bootstrap.servers', 'factory-a.consumer.isolation.level'],
    );
    assert.deepEqual(config.warnings, []);
    assert.ok(Object.isFrozen(config));
  });

  it('takes the clusters from the bootstrap servers it knows', () => {
    const config = load('agent.coordinators = m:7700', 'dc.1.bootstrap.servers = a:1');
    assert.deepEqual(config.clusters, ['dc.1']);
  });

  it('makes an id of any name of a host', () => {
    const options = { path: 'f', text: MINIMAL };
    assert.equal(loadAgentConfig({ ...options, hostname: 'a b/c' }).id, 'a-b-c');
    assert.equal(loadAgentConfig({ ...options, hostname: '' }).id, 'agent');
  });

  it('needs no coordinator and no file of its own in a standalone process', () => {
    const config = loadAgentConfig({
      path: 'f',
      text: FULL_EXAMPLE,
      hostname: 'h',
      standalone: true,
    });
    assert.deepEqual(config.clusters, ['us-east', 'us-west']);
    assert.equal(config.overrides.size, 0);
    assert.deepEqual(config.warnings, []);
  });

  it('reports all problems at once', () => {
    assert.throws(
      () =>
        load(
          'agent.clusters = a/b',
          'agent.id = bad id',
          'agent.memory.bytes.max = 1',
          'agent.http.listen = 7790',
          'agent.tls.key = k',
          'agent.coordinator = m:7700',
          'clusters = a, b',
          'a.bootstrap.servers = nope',
        ),
      (error: unknown) => {
        assert.ok(error instanceof ConfigError);
        assert.deepEqual(
          error.problems.map(({ line, severity }) => [line, severity]),
          [
            [0, 'error'],
            [1, 'error'],
            [2, 'error'],
            [3, 'error'],
            [4, 'error'],
            [5, 'error'],
            [6, 'warning'],
            [7, 'warning'],
            [8, 'error'],
          ],
        );
        assert.equal(error.problems[6]?.hint, 'did you mean `agent.coordinators`?');
        return true;
      },
    );
  });
});
