import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseProperties } from '../../../common/config/properties.js';
import { ConfigError, ProblemCollector } from '../../../common/config/problems.js';
import { loadMirrorConfig } from '../../../mirror/config/mm2-config.js';
import { brief, flowOf, load, ONE_FLOW, problemsOf, TWO_CLUSTERS } from './load.js';

describe('loadMirrorConfig', () => {
  it('reports all problems at once, with file and line', () => {
    const text = [
      'clusters = us-east, us-west, bad alias',
      'us-eats.bootstrap.servers = x:1',
      'us-east->us-wst.enabled = true',
      'us-east->us-west.enabled = true',
      'us-east->us-west.topcis = a',
      'us-east.bootstrap.servers = a:9092,b',
      'emit.heartbeats.interval.seconds = soon',
      'us-east -> us-west.topics = a',
      'coordinator.lease.ttl.ms = 1999',
    ].join('\n');
    assert.throws(
      () => loadMirrorConfig({ path: '/etc/m.properties', text, requireSourceBootstrap: true }),
      (error: unknown) => {
        assert.ok(error instanceof ConfigError);
        const expected = [
          '1: `clusters` has the alias `bad alias`: an alias may have letters, digits',
          '3: `us-east->us-wst.enabled` names the cluster `us-wst`, which is not in `clusters`',
          '4: `us-east->us-west` is enabled, but `us-west.bootstrap.servers` is missing',
          '6: `us-east.bootstrap.servers` has `b`, which is not host:port',
          '7: `emit.heartbeats.interval.seconds` must be a whole number',
          '8: `us-east` is cut off before `->`, because a space ends a key',
          '9: `coordinator.lease.ttl.ms` must be a whole number from 2000 to',
          '2: warning: unknown key `us-eats.bootstrap.servers` is ignored',
          '5: warning: unknown key `us-east->us-west.topcis` is ignored',
        ];
        const lines = error.message.split('\n');
        assert.equal(lines.length, expected.length);
        for (const [index, start] of expected.entries()) {
          const wanted = `/etc/m.properties:${start}`;
          assert.equal(lines[index]?.slice(0, wanted.length), wanted);
        }
        return true;
      },
    );
  });

  const suggestions: readonly [string, string][] = [
    ['sync.topic.config = true', 'sync.topic.configs'],
    ['east->west.topcis = a', 'east->west.topics'],
    ['esat.bootstrap.servers = a:1', 'east.bootstrap.servers'],
    ['esat.consumer.isolation.level = a', 'east.consumer.isolation.level'],
    ['east.bootstrap.server = a:1', 'east.bootstrap.servers'],
    ['east.consumer.fetch.max.byte = 1', 'east.consumer.fetch.max.bytes'],
    ['source.consumer.fetch.max.byte = 1', 'source.consumer.fetch.max.bytes'],
    ['coordinator.listn = a:1', 'coordinator.listen'],
    ['config.provider = file', 'config.providers'],
    ['agent.sites = a', 'agent.site'],
    ['securty.protocol = SSL', 'security.protocol'],
    ['task.max = 1', ''], // known, as a key of Connect
  ];
  for (const [line, suggestion] of suggestions) {
    it(`answers \`${line}\` with ${suggestion === '' ? 'no suggestion' : suggestion}`, () => {
      const [problem, ...others] = problemsOf(ONE_FLOW, line);
      assert.deepEqual(others, []);
      assert.equal(problem?.severity, 'warning');
      assert.equal(problem?.hint, suggestion === '' ? null : `did you mean \`${suggestion}\`?`);
    });
  }

  it('suggests `clusters` where it is misspelt', () => {
    assert.equal(problemsOf('cluster = a, b')[0]?.hint, 'did you mean that by `cluster`?');
  });

  const cluster: readonly [string, RegExp][] = [
    ['clusters = a, coordinator', /`coordinator` is reserved/],
    ['clusters = a, agent', /`agent` is reserved/],
    ['clusters = a, b/c', /letters, digits/],
    [`clusters = ${'a'.repeat(101)}`, /longer than 100/],
    ['clusters = ,', /names no cluster/],
    ['', /the key `clusters` is missing/],
  ];
  for (const [line, expected] of cluster) {
    it(`refuses \`${line.slice(0, 40)}\``, () => {
      assert.match(brief(problemsOf(line))[0] ?? '', expected);
    });
  }

  const cutOff: readonly [string, RegExp][] = [
    ['east->west .topics = a', /^error \d `east->west` names no option of a flow; a space/],
    ['east->west. topics = a', /^error \d `east->west\.` names no option of a flow; a space/],
    ['east-> west.topics = a', /^error \d `east->` names no option of a flow; a space/],
    ['east->west = true', /^error \d `east->west` names no option of a flow/],
    ['east=>west.topics = a', /^error \d `east` is cut off before `>`, because `=` ends a key/],
  ];
  for (const [line, expected] of cutOff) {
    it(`refuses \`${line}\``, () => {
      const told = brief(problemsOf(ONE_FLOW, line));
      assert.equal(told.length, 1);
      assert.match(told[0] ?? '', expected);
    });
  }

  it('takes aliases that are words of MM2, as its examples do', () => {
    const config = load(
      'clusters = source, target',
      'source.bootstrap.servers = s:1',
      'target.bootstrap.servers = t:1',
      'source->target.enabled = true',
      'source.consumer.auto.offset.reset = latest',
    );
    assert.equal(config.flows[0]?.startOffset, 'latest');
    assert.deepEqual(config.clusters.get('source')?.bootstrapServers, ['s:1']);
    assert.deepEqual(config.warnings, []);
  });

  it('reads the longest alias that a key begins with', () => {
    const config = load(
      'clusters = us, us-x, us.east',
      'us.bootstrap.servers = a:1',
      'us.east.bootstrap.servers = b:1',
      'us->us.east.topics = t',
    );
    assert.deepEqual(config.clusters.get('us')?.bootstrapServers, ['a:1']);
    assert.deepEqual(config.clusters.get('us.east')?.bootstrapServers, ['b:1']);
    assert.deepEqual(config.flows[0]?.topicFilter.include.patterns, ['t']);
  });

  it('refuses a flow from a cluster to itself', () => {
    assert.match(brief(problemsOf(ONE_FLOW, 'east->east.enabled = true'))[0] ?? '', /to itself/);
  });

  it('has the reverse of an enabled flow, which carries its heartbeats, but not every pair', () => {
    const config = load(ONE_FLOW.replace('east, west', 'east, west, north'));
    assert.deepEqual(
      config.flows.map(({ id, enabled }) => [id, enabled]),
      [
        ['east->west', true],
        ['west->east', false],
      ],
    );
  });

  it('lays the keys of a cluster over the security options of the file', () => {
    const config = load(
      ONE_FLOW,
      'security.protocol = SSL',
      'ssl.truststore.location = /all',
      'west.security.protocol = SASL_SSL',
      'west.request.timeout.ms = 5000',
      'west.consumer.sasl.mechanism = PLAIN',
    );
    assert.deepEqual(config.clusters.get('east')?.client, {
      'security.protocol': 'SSL',
      'ssl.truststore.location': '/all',
    });
    assert.deepEqual(config.clusters.get('west')?.client, {
      'security.protocol': 'SASL_SSL',
      'ssl.truststore.location': '/all',
      'request.timeout.ms': '5000',
    });
  });

  // The order and the omissions are those of MirrorMaker 2 4.3, found by running its classes.
  it('lets the client option win that wins in MM2', () => {
    const layers = [
      'east->west.consumer.fetch.max.bytes = 1',
      'east.consumer.fetch.max.bytes = 2',
      'east->west.source.consumer.fetch.max.bytes = 3',
    ];
    for (let count = 1; count <= layers.length; count++) {
      const { sourceConsumer } = flowOf(...layers.slice(0, count).reverse());
      assert.deepEqual(sourceConsumer, { 'fetch.max.bytes': String(count) });
    }
  });

  it('lets the security option win that wins in MM2', () => {
    const layers = [
      'east->west.consumer.ssl.provider = 1',
      'ssl.provider = 2',
      'east.ssl.provider = 3',
      'east.consumer.ssl.provider = 4',
      'east->west.source.consumer.ssl.provider = 5',
    ];
    for (let count = 1; count <= layers.length; count++) {
      const { sourceConsumer } = flowOf(...layers.slice(0, count).reverse());
      assert.deepEqual(sourceConsumer, { 'ssl.provider': String(count) });
    }
  });

  for (const key of [
    'consumer.auto.offset.reset',
    'source.consumer.auto.offset.reset',
    'east->west.consumer.override.auto.offset.reset',
    'east.source.consumer.auto.offset.reset',
  ]) {
    it(`ignores \`${key}\` as MM2 does, but not silently`, () => {
      assert.equal(flowOf(`${key} = latest`).startOffset, 'earliest');
      assert.deepEqual(brief(problemsOf(ONE_FLOW, `${key} = latest`)), [
        `warning 5 \`${key}\` is ignored, as it is by MirrorMaker 2`,
      ]);
    });
  }

  it('keeps the options of the target apart from those of the source', () => {
    const flow = flowOf(
      'west.producer.acks = all',
      'east.producer.acks = 1',
      'east->west.admin.retries = 3',
      'east->west.target.admin.retries = 4',
    );
    assert.deepEqual(flow.targetProducer, { acks: 'all' });
    assert.deepEqual(flow.sourceConsumer, {});
    assert.deepEqual([flow.sourceAdmin, flow.targetAdmin], [{ retries: '3' }, { retries: '4' }]);
  });

  it('accepts keys of Connect, and says once for each reason that they have no meaning', () => {
    const problems = brief(
      problemsOf(
        ONE_FLOW,
        'tasks.max = 10',
        'east->west.tasks.max = 4',
        'key.converter = org.apache.kafka.connect.converters.ByteArrayConverter',
        'value.converter = org.apache.kafka.connect.converters.ByteArrayConverter',
        'dedicated.mode.enable.internal.rest = true',
        'west.offset.storage.topic = mm2-offsets',
      ),
    );
    assert.deepEqual(
      problems.map((problem) => problem.split(', because ')[0]),
      [
        'warning 5 `tasks.max`, `east->west.tasks.max` have no meaning here',
        'warning 7 `key.converter`, `value.converter` have no meaning here',
        'warning 9 `dedicated.mode.enable.internal.rest` has no meaning here',
        'warning 10 `west.offset.storage.topic` has no meaning here',
      ],
    );
  });

  it('knows where a MirrorMaker 2 kept its progress, and the group of its workers', () => {
    const ofTarget = ['west.offset.storage.topic = mine', 'west.group.id = workers'];
    const flow = flowOf(...ofTarget, 'east.group.id = x', 'group.id = y');
    assert.equal(flow.connectOffsetsTopic, 'mine');
    assert.equal(flow.connectGroup, 'workers');
    const global = flowOf(...ofTarget, 'offset.storage.topic = ours');
    assert.equal(global.connectOffsetsTopic, 'ours');
    assert.equal(flowOf('group.id = y').connectGroup, 'east-mm2');
  });

  const ignored: readonly [string, RegExp, string][] = [
    [
      'east.topics = a',
      /`topics` belongs to a flow, not to a cluster/,
      'write source->target.topics',
    ],
    ['enabled = true', /`enabled` is ignored without a flow/, 'write A->B.enabled'],
    ['bootstrap.servers = a:1', /ignored without the alias/, 'write <alias>.bootstrap.servers'],
  ];
  for (const [line, message, hint] of ignored) {
    it(`warns that \`${line}\` does nothing`, () => {
      const [problem] = problemsOf(ONE_FLOW, line);
      assert.equal(problem?.severity, 'warning');
      assert.match(problem?.message ?? '', message);
      assert.equal(problem?.hint, hint);
    });
  }

  it('needs the bootstrap servers of a source only where the caller reads it', () => {
    const text = 'clusters = a, b\nb.bootstrap.servers = b:1\na->b.enabled = true';
    const config = loadMirrorConfig({ path: 'f', text, requireSourceBootstrap: false });
    assert.deepEqual(config.clusters.get('a')?.bootstrapServers, []);
    assert.match(brief(problemsOf(text))[0] ?? '', /^error 3 .*`a\.bootstrap\.servers` is missing/);
    const targetless = text.replace('b.bootstrap', 'a.bootstrap');
    assert.throws(
      () => loadMirrorConfig({ path: 'f', text: targetless, requireSourceBootstrap: false }),
      /`b\.bootstrap\.servers` is missing/,
    );
  });

  it('lays overrides over the text', () => {
    const overrides = parseProperties(
      { path: 'agent.properties', text: 'east.bootstrap.servers = local:1,x' },
      new ProblemCollector(),
    );
    const options = { path: 'f', text: ONE_FLOW, overrides, requireSourceBootstrap: true };
    assert.throws(() => loadMirrorConfig(options), /^ConfigError: agent\.properties:1: .* has `x`/);
  });

  it('warns if nothing is enabled', () => {
    assert.deepEqual(brief(problemsOf(TWO_CLUSTERS)), [
      'warning 0 no flow is enabled, so nothing is replicated',
    ]);
  });

  it('is frozen', () => {
    const config = load(ONE_FLOW);
    assert.ok([config, config.flows, config.flows[0], config.coordinator].every(Object.isFrozen));
    assert.ok(Object.isFrozen(config.clusters.get('east')?.bootstrapServers));
  });

  it('reads the keys of the coordinator', () => {
    assert.deepEqual(load(ONE_FLOW).coordinator, {
      id: null,
      listen: '127.0.0.1:7700',
      advertisedListen: null,
      httpListen: '127.0.0.1:7780',
      tls: { ca: null, cert: null, key: null },
      etcdEndpoints: [],
      etcdPrefix: '/mirror',
      etcdUser: null,
      etcdPassword: null,
      etcdTls: { ca: null, cert: null, key: null },
      leaseTtlMs: 10_000,
    });
    const { coordinator } = load(
      ONE_FLOW,
      'coordinator.listen = 0.0.0.0:0',
      'coordinator.etcd.endpoints = http://etcd-1:2379, etcd-2:2379',
      'coordinator.etcd.prefix = /a/b',
      'coordinator.lease.ttl.ms = 2000',
      'coordinator.tls.cert = c.pem',
      'coordinator.tls.key = k.pem',
    );
    assert.equal(coordinator.listen, '0.0.0.0:0');
    assert.deepEqual(coordinator.etcdEndpoints, ['http://etcd-1:2379', 'etcd-2:2379']);
    assert.equal(coordinator.etcdPrefix, '/a/b');
    assert.equal(coordinator.leaseTtlMs, 2_000);
    assert.deepEqual(coordinator.tls, { ca: null, cert: 'c.pem', key: 'k.pem' });
  });

  for (const line of [
    'coordinator.listen = 7700',
    'coordinator.http.listen = host:99999',
    'coordinator.advertised.listen = host:0',
    'coordinator.etcd.endpoints = etcd',
    'coordinator.etcd.prefix = mirror',
    'coordinator.etcd.prefix = /mirror/',
    'coordinator.lease.ttl.ms = 10s',
    'coordinator.tls.cert = c.pem',
  ]) {
    it(`refuses \`${line}\``, () => {
      const problems = problemsOf(ONE_FLOW, line);
      assert.deepEqual(
        problems.map(({ severity, line: at }) => [severity, at]),
        [['error', 5]],
      );
    });
  }
});
