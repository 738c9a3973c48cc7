import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FLOW_OPTIONS, flowOptionKeys, spellingsOf } from '../../../mirror/config/flow-options.js';
import type { FlowConfig } from '../../../mirror/config/mirror-config.js';
import { brief, flowOf, load, ONE_FLOW, problemsOf, TWO_CLUSTERS } from './load.js';

describe('flow options', () => {
  it('have the defaults of MirrorMaker 2 4.x', () => {
    const { policy, topicFilter, groupFilter, configPropertiesExclude, ...rest } = flowOf();
    assert.deepEqual(rest, {
      id: 'east->west',
      source: 'east',
      target: 'west',
      enabled: true,
      useDefaultsFrom: 'target',
      replicationFactor: 2,
      offsetSyncsTopicReplicationFactor: 3,
      checkpointsTopicReplicationFactor: 3,
      heartbeatsTopicReplicationFactor: 3,
      refreshTopicsEnabled: true,
      refreshTopicsIntervalMs: 600_000,
      refreshGroupsEnabled: true,
      refreshGroupsIntervalMs: 600_000,
      syncTopicConfigsEnabled: true,
      syncTopicConfigsIntervalMs: 600_000,
      syncTopicAclsEnabled: true,
      syncTopicAclsIntervalMs: 600_000,
      syncTopicAclsScope: 'literal',
      topicDeletionPolicy: 'keep',
      topicDeletionQuarantineMs: 604_800_000,
      syncGroupOffsetsEnabled: false,
      syncGroupOffsetsIntervalMs: 60_000,
      emitCheckpointsEnabled: true,
      emitCheckpointsIntervalMs: 60_000,
      emitHeartbeatsEnabled: true,
      emitHeartbeatsIntervalMs: 1_000,
      heartbeatsReplicationEnabled: true,
      emitOffsetSyncsEnabled: true,
      offsetLagMax: 100,
      offsetSyncsTopicLocation: 'source',
      startOffset: 'earliest',
      bandwidthBytesPerSecond: 0,
      adminTimeoutMs: 60_000,
      consumerPollTimeoutMs: 1_000,
      connectOffsetsTopic: 'mm2-offsets.east.internal',
      connectGroup: 'east-mm2',
      sourceConsumer: {},
      sourceAdmin: {},
      targetProducer: {},
      targetAdmin: {},
    });
    assert.equal(policy.name, 'default');
    assert.equal(policy.formatRemoteTopic('east', 'orders'), 'east.orders');
    assert.deepEqual(topicFilter.include.patterns, ['.*']);
    assert.deepEqual(topicFilter.exclude.patterns, ['mm2.*\\.internal', '.*\\.replica', '__.*']);
    assert.deepEqual(groupFilter.exclude.patterns, ['console-consumer-.*', 'connect-.*', '__.*']);
    assert.equal(configPropertiesExclude.matches('min.insync.replicas'), true);
    assert.equal(configPropertiesExclude.matches('retention.ms'), false);
  });

  const values: readonly [line: string, read: (flow: FlowConfig) => unknown, expected: unknown][] =
    [
      ['replication.factor = -1', (flow) => flow.replicationFactor, -1],
      ['topics.blacklist = a', (flow) => flow.topicFilter.exclude.patterns, ['a']],
      ['topics.exclude = a', (flow) => flow.topicFilter.exclude.patterns, ['a']],
      ['topics.exclude =', (flow) => flow.topicFilter.exclude.patterns, []],
      ['groups.blacklist = a', (flow) => flow.groupFilter.exclude.patterns, ['a']],
      ['groups.exclude = a', (flow) => flow.groupFilter.exclude.patterns, ['a']],
      ['config.properties.blacklist = a', (flow) => flow.configPropertiesExclude.patterns, ['a']],
      ['config.properties.exclude = a', (flow) => flow.configPropertiesExclude.patterns, ['a']],
      ['sync.topic.configs = false', (flow) => flow.syncTopicConfigsEnabled, false],
      ['sync.topic.configs.enabled = false', (flow) => flow.syncTopicConfigsEnabled, false],
      ['sync.topic.acls = false', (flow) => flow.syncTopicAclsEnabled, false],
      ['sync.topic.acls.enabled = false', (flow) => flow.syncTopicAclsEnabled, false],
      ['emit.heartbeats = false', (flow) => flow.emitHeartbeatsEnabled, false],
      ['emit.heartbeats.enabled = false', (flow) => flow.emitHeartbeatsEnabled, false],
      ['emit.checkpoints = false', (flow) => flow.emitCheckpointsEnabled, false],
      ['emit.checkpoints.enabled = false', (flow) => flow.emitCheckpointsEnabled, false],
      ['sync.group.offsets.enabled = true', (flow) => flow.syncGroupOffsetsEnabled, true],
      [
        'checkpoints.internal.replication.factor = 1',
        (flow) => flow.checkpointsTopicReplicationFactor,
        1,
      ],
      [
        'checkpoints.topic.replication.factor = 1',
        (flow) => flow.checkpointsTopicReplicationFactor,
        1,
      ],
      [
        'heartbeats.internal.replication.factor = 1',
        (flow) => flow.heartbeatsTopicReplicationFactor,
        1,
      ],
      [
        'heartbeats.topic.replication.factor = 1',
        (flow) => flow.heartbeatsTopicReplicationFactor,
        1,
      ],
      [
        'offset-syncs.internal.replication.factor = 1',
        (flow) => flow.offsetSyncsTopicReplicationFactor,
        1,
      ],
      [
        'offset-syncs.topic.replication.factor = 1',
        (flow) => flow.offsetSyncsTopicReplicationFactor,
        1,
      ],
      ['offset-syncs.topic.location = target', (flow) => flow.offsetSyncsTopicLocation, 'target'],
      ['use.defaults.from = source', (flow) => flow.useDefaultsFrom, 'source'],
      [
        'heartbeats.replication.enabled = false',
        (flow) => flow.heartbeatsReplicationEnabled,
        false,
      ],
      ['emit.offset-syncs.enabled = false', (flow) => flow.emitOffsetSyncsEnabled, false],
      ['offset.lag.max = 0', (flow) => flow.offsetLagMax, 0],
      ['offset.lag.max = -1', (flow) => flow.offsetLagMax, -1],
      [
        'replication.policy.class = IdentityReplicationPolicy',
        (flow) => flow.policy.name,
        'identity',
      ],
      [
        'replication.policy.class = org.apache.kafka.connect.mirror.IdentityReplicationPolicy',
        (flow) => flow.policy.name,
        'identity',
      ],
      [
        'replication.policy.separator = _',
        (flow) => flow.policy.formatRemoteTopic('a', 'b'),
        'a_b',
      ],
      [
        'replication.policy.separator = _',
        (flow) => flow.policy.checkpointsTopic('a'),
        'a_checkpoints_internal',
      ],
      ['refresh.topics.interval.seconds = -1', (flow) => flow.refreshTopicsEnabled, false],
      ['emit.checkpoints.interval.seconds = -5', (flow) => flow.emitCheckpointsEnabled, false],
    ];
  for (const [line, read, expected] of values) {
    it(`read \`${line}\`, of the flow and of the whole file`, () => {
      assert.deepEqual(read(flowOf(line)), expected);
      assert.deepEqual(read(flowOf(`east->west.${line}`)), expected);
      assert.deepEqual(problemsOf(ONE_FLOW, line), []);
    });
  }

  it('of a flow win over those of the file, whichever spelling each has', () => {
    assert.deepEqual(
      flowOf('topics.exclude = a', 'east->west.topics.blacklist = b').topicFilter.exclude.patterns,
      ['b'],
    );
    assert.equal(
      flowOf('east->west.replication.factor = 4', 'replication.factor = 5').replicationFactor,
      4,
    );
  });

  it('contradict each other in two spellings only if they differ', () => {
    assert.deepEqual(problemsOf(ONE_FLOW, 'topics.exclude = a', 'topics.blacklist = a'), []);
    assert.deepEqual(brief(problemsOf(ONE_FLOW, 'topics.exclude = a', 'topics.blacklist = b')), [
      'error 6 `topics.blacklist` contradicts `topics.exclude` on line 5: both are the same option',
    ]);
  });

  const malformed: readonly [string, RegExp][] = [
    ['east->west.sync.topic.acls.enabled = yes', /must be true or false, not `yes`/],
    ['replication.factor = 0', /must not be 0/],
    ['replication.factor = two', /must be a whole number from -1 to 32767, not `two`/],
    ['replication.factor =', /must be a whole number/],
    ['emit.heartbeats.interval.seconds = 0', /must not be 0/],
    ['emit.heartbeats.interval.seconds = 1.5', /must be a whole number/],
    ['offset-syncs.topic.location = both', /must be source or target, not `both`/],
    ['east->west.consumer.auto.offset.reset = none', /must be earliest or latest/],
    [
      'replication.policy.class = com.example.Mine',
      /names the Java class `com.example.Mine`, which cannot run here/,
    ],
    ['topic.filter.class = com.example.Mine', /cannot run here/],
    ['group.filter.class = com.example.Mine', /cannot run here/],
    ['config.property.filter.class = com.example.Mine', /cannot run here/],
    ['replication.policy.separator = /', /characters of topic names only/],
    ['east->west.transforms = Rename', /cannot be honoured/],
    ['topics = (?=a)b', /look-ahead is not supported/],
    ['east->west.groups = (a', /missing closing \)/],
  ];
  for (const [line, expected] of malformed) {
    it(`refuse \`${line}\` once, with file and line`, () => {
      const problems = problemsOf(ONE_FLOW, line, 'west->east.enabled = false');
      assert.equal(problems.length, 1);
      assert.deepEqual(
        [problems[0]?.severity, problems[0]?.file, problems[0]?.line],
        ['error', 'f', 5],
      );
      assert.match(problems[0]?.message ?? '', expected);
    });
  }

  it('warn of a pattern that properties make another of', () => {
    const [problem, ...others] = problemsOf(ONE_FLOW, 'east->west.topics = orders-\\d+, a\\.b');
    assert.deepEqual(others, []);
    assert.equal(problem?.severity, 'warning');
    assert.match(problem?.message ?? '', /`east->west\.topics` has `\\d`, of which .* `d` alone/);
    assert.equal(problem?.hint, 'write \\\\d');
    assert.deepEqual(problemsOf(ONE_FLOW, 'east->west.topics = orders-\\\\d+'), []);
  });

  it('warn of patterns that spaces separate, which are one that matches nothing', () => {
    const [problem, ...others] = problemsOf(ONE_FLOW, 'topics = orders  payments, [a b]+, x');
    assert.deepEqual(others, []);
    assert.equal(problem?.severity, 'warning');
    assert.match(problem.message, /`topics` has the pattern `orders {2}payments`, which only/);
    assert.equal(problem.hint, 'a comma separates patterns: orders, payments');
  });

  it('explain a comma inside a pattern', () => {
    const [problem] = problemsOf(ONE_FLOW, 'topics = a{2,3}');
    assert.match(problem?.message ?? '', /`a\{2`, which cannot be used: it has an open brace/);
    assert.equal(problem?.hint, 'a comma separates patterns, so {m,n} cannot be written');
  });

  it('of the whole file are complained about once, for all their flows', () => {
    const text = [ONE_FLOW, 'west->east.enabled = false', 'replication.factor = x'];
    assert.equal(problemsOf(...text, 'replication.policy.separator = /').length, 2);
  });

  it('shorten an interval that no timer can wait for', () => {
    assert.equal(
      flowOf('refresh.topics.interval.seconds = 2147483647').refreshTopicsIntervalMs,
      2_147_483_000,
    );
  });

  it('all have well-formed defaults and spellings of their own', () => {
    const spellings = flowOptionKeys().flatMap(spellingsOf);
    assert.equal(new Set(spellings).size, spellings.length);
    for (const key of flowOptionKeys().filter((each) => each !== 'enabled')) {
      const line = `${key} = ${FLOW_OPTIONS[key].default.replaceAll('\\', '\\\\')}`;
      assert.deepEqual(problemsOf(ONE_FLOW, line), [], line);
    }
  });

  it('begin where `auto.offset.reset` of the source consumer says', () => {
    assert.equal(flowOf('east->west.consumer.auto.offset.reset = LATEST').startOffset, 'latest');
    assert.equal(flowOf('east.consumer.auto.offset.reset = latest').startOffset, 'latest');
    assert.equal(flowOf('west.consumer.auto.offset.reset = latest').startOffset, 'earliest');
  });

  it('begin where `start.offset` says, whatever the consumer says', () => {
    const latest = 'east.consumer.auto.offset.reset = latest';
    const flow = (line: string): unknown => flowOf(`${line}\n${latest}`).startOffset;
    assert.equal(flow('start.offset = earliest'), 'earliest');
    assert.deepEqual(flow('east->west.start.offset = timestamp:1700000000000'), {
      timestampMs: 1_700_000_000_000,
    });
    assert.equal(flow('west->east.start.offset = earliest'), 'latest');
    assert.deepEqual(flowOf('east.consumer.auto.offset.reset = by_duration:PT1H').startOffset, {
      durationMs: 3_600_000,
    });
    assert.equal(problemsOf(ONE_FLOW, 'start.offset = yesterday').length, 1);
  });

  it('leave a pair disabled unless it is enabled', () => {
    const config = load(TWO_CLUSTERS, 'east->west.topics = a', 'enabled = true');
    assert.deepEqual(
      config.flows.map((flow) => flow.enabled),
      [false],
    );
    assert.equal(config.warnings.length, 2);
  });
});
