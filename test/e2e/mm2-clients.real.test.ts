/**
 * What we write beside the records, judged by those it is for: Kafka's own MirrorClient,
 * RemoteClusterUtils, console formatters and the store of offset syncs of MirrorMaker 2.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';

import {
  DefaultReplicationPolicy,
  IdentityReplicationPolicy,
  type ReplicationPolicy,
} from '../../mirror/policy/replication-policy.js';
import { decodeCheckpoint } from '../../mirror/records/checkpoint.js';
import { decodeOffsetSync } from '../../mirror/records/offset-sync.js';
import { hasTopic } from '../kit/delete-topic.js';
import { eventually } from '../kit/eventually.js';
import { assertMirrored } from '../kit/history-checker.js';
import { readTopic } from '../kit/read-topic.js';
import { JavaProgram } from '../kit/run-java.js';
import { startKafka, type KafkaServers } from '../kit/start-kafka.js';
import { startProcess, type RunningProcess } from '../kit/start-process.js';
import { temporaryFolder } from '../kit/temporary-folder.js';
import { withAdmin } from '../kit/with-admin.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const JUDGE_PACKAGE = 'org.apache.kafka.connect.mirror';
const DEFAULT_CLASS = `${JUDGE_PACKAGE}.DefaultReplicationPolicy`;
const IDENTITY_CLASS = `${JUDGE_PACKAGE}.IdentityReplicationPolicy`;
const RECORDS = 1_000;

const COMMON = `
replication.factor = 1
checkpoints.topic.replication.factor = 1
heartbeats.topic.replication.factor = 1
offset-syncs.topic.replication.factor = 1
coordinator.listen = 127.0.0.1:0
coordinator.http.listen = 127.0.0.1:0
`;

describe('what MirrorMaker 2 clients read', () => {
  let a: KafkaServers;
  let b: KafkaServers;
  let c: KafkaServers;
  const judge = new JavaProgram('MirrorJudge', JUDGE_PACKAGE);
  const running: RunningProcess[] = [];

  before(async () => {
    const start = (name: string) => startKafka({ name, heapMb: 256 });
    [a, b, c] = await Promise.all([start('a'), start('b'), start('c')]);
  });

  after(async () => {
    await Promise.all(running.map((maker) => maker.stop()));
    await Promise.all([a, b, c].map((each) => each.stop()));
  });

  async function start(text: string): Promise<RunningProcess> {
    const config = join(temporaryFolder('mirror-maker'), 'mm2.properties');
    writeFileSync(config, text + COMMON);
    const maker = await startProcess({
      name: 'mirror-maker',
      args: ['mirror-maker/main.js', config],
    });
    running.push(maker);
    return maker;
  }

  async function hasRecords(servers: KafkaServers, topic: string, atLeast: number): Promise<void> {
    const count = async () => (await readTopic(servers, topic).catch(() => [])).length;
    await eventually(
      async () => (await count()) >= atLeast,
      async () => `${topic}: ${await count()}`,
      60_000,
    );
  }

  /** What the newest checkpoint of each group and partition says: the first may lie before it. */
  async function checkpointsAre(
    servers: KafkaServers,
    topic: string,
    wanted: Readonly<Record<string, number>>,
  ): Promise<void> {
    let found: Record<string, number> = {};
    const look = async (): Promise<boolean> => {
      found = {};
      for (const { key, value } of await readTopic(servers, topic).catch(() => [])) {
        const checkpoint = decodeCheckpoint(key!, value!);
        const place = `${checkpoint.group} ${checkpoint.topic}-${checkpoint.partition}`;
        found[place] = Number(checkpoint.downstreamOffset);
      }
      return isDeepStrictEqual(found, wanted);
    };
    await eventually(look, () => found, 60_000);
  }

  /** The newest sync is written behind the records, which are there before it. */
  async function syncsReach(
    servers: KafkaServers,
    topic: string,
    wanted: Readonly<Record<string, number>>,
  ): Promise<void> {
    const found: Record<string, number> = {};
    const look = async (): Promise<boolean> => {
      for (const { key, value } of await readTopic(servers, topic).catch(() => [])) {
        const sync = decodeOffsetSync(key!, value!);
        found[`${sync.topic}-${sync.partition}`] = Number(sync.upstreamOffset);
      }
      return Object.entries(wanted).every(([place, offset]) => found[place] === offset);
    };
    await eventually(look, () => found, 60_000);
  }

  it('are served by a chain of two hops with default names', async () => {
    await createTopics(a, [{ topic: 'orders', partitions: 1 }]);
    await writeUnique(a, { topic: 'orders', count: RECORDS });
    const committed = [{ topic: 'orders', partition: 0, offset: 700n, metadata: null }];
    await withAdmin(a, (admin) => admin.commitGroupOffsets('app', committed));
    const maker = await start(`
clusters = A, B, C
A.bootstrap.servers = ${a.bootstrapServers}
B.bootstrap.servers = ${b.bootstrapServers}
C.bootstrap.servers = ${c.bootstrapServers}
A->B.enabled = true
B->C.enabled = true
A->B.offset-syncs.topic.location = target
`);
    await hasRecords(c, 'B.A.orders', RECORDS);
    await hasRecords(c, 'B.A.heartbeats', 1);
    await hasRecords(c, 'B.heartbeats', 1);
    await hasRecords(c, 'heartbeats', 1);
    await eventually(() => hasTopic(c, 'B.checkpoints.internal'));
    await checkpointsAre(b, 'A.checkpoints.internal', { 'app A.orders-0': 700 });
    await syncsReach(b, 'mm2-offset-syncs.A.internal', { 'orders-0': RECORDS - 1 });
    await hasRecords(b, 'mm2-offset-syncs.C.internal', 1);
    assertMirrored(await readTopic(a, 'orders'), await readTopic(c, 'B.A.orders'));

    const onC = await judge.ask(
      ...[c.bootstrapServers, DEFAULT_CLASS, 'upstream', 'hops:A', 'hops:B', 'heartbeats'],
      ...['checkpoints', 'remote', 'remote:B', 'format:heartbeats:B.heartbeats'],
    );
    assert.equal(onC.get('upstream'), '[A, B]');
    assert.equal(onC.get('hops:A'), '2');
    assert.equal(onC.get('hops:B'), '1');
    assert.equal(onC.get('heartbeats'), '[B.A.heartbeats, B.heartbeats, heartbeats]');
    assert.equal(onC.get('checkpoints'), '[B.checkpoints.internal]');
    assert.equal(onC.get('remote'), '[B.A.heartbeats, B.A.orders, B.heartbeats]');
    // On B, both (A, B), whose target it is, and (C, B), which C needs, are written.
    assert.match(
      onC.get('format:heartbeats:B.heartbeats') ?? '',
      /Heartbeat\{sourceClusterAlias=[AC], targetClusterAlias=B, timestamp=\d{13}\}/,
    );

    const onB = await judge.ask(
      ...[b.bootstrapServers, DEFAULT_CLASS, 'upstream', 'hops:A', 'translate:A:app'],
      ...['format:checkpoints:A.checkpoints.internal', 'format:syncs:mm2-offset-syncs.A.internal'],
      'sync:mm2-offset-syncs.A.internal:orders:0:0,500,999,1000',
    );
    assert.equal(onB.get('upstream'), '[A]');
    assert.equal(onB.get('hops:A'), '1');
    assert.equal(onB.get('translate:A:app'), '{A.orders-0=700}');
    assert.match(
      onB.get('format:checkpoints:A.checkpoints.internal') ?? '',
      /Checkpoint\{consumerGroupId=app, topicPartition=A\.orders-0, upstreamOffset=700, downstreamOffset=700, metadata=\}/,
    );
    assert.match(
      onB.get('format:syncs:mm2-offset-syncs.A.internal') ?? '',
      /OffsetSync\{topicPartition=(orders|heartbeats)-0, upstreamOffset=\d+, downstreamOffset=\d+\}/,
    );
    const bySyncs = onB.get('sync:mm2-offset-syncs.A.internal:orders:0:0,500,999,1000') ?? '';
    const last = bySyncs.split(',').map(Number);
    // By syncs a position may come out too early or not at all, and never too late.
    for (const [index, exact] of [0, 500, 999, 1_000].entries()) {
      assert.ok((last[index] ?? -1) <= exact, bySyncs);
    }
    assert.deepEqual(last.slice(2), [999, 1_000], 'the newest sync is exact');
    await maker.stop();
  });

  it('are served with names that are kept', async () => {
    await createTopics(a, [{ topic: 'kept', partitions: 2 }]);
    await writeUnique(a, { topic: 'kept', partitions: [0, 1], count: RECORDS });
    const committed = [0, 1].map((partition) => {
      return { topic: 'kept', partition, offset: 300n, metadata: null };
    });
    await withAdmin(a, (admin) => admin.commitGroupOffsets('keeper', committed));
    const maker = await start(`
clusters = X, Y
X.bootstrap.servers = ${a.bootstrapServers}
Y.bootstrap.servers = ${c.bootstrapServers}
X->Y.enabled = true
X->Y.topics = kept
X->Y.groups = keeper
replication.policy.class = IdentityReplicationPolicy
`);
    await hasRecords(c, 'kept', 2 * RECORDS);
    await hasRecords(c, 'X.heartbeats', 1);
    await checkpointsAre(c, 'X.checkpoints.internal', {
      'keeper kept-0': 300,
      'keeper kept-1': 300,
    });
    await hasRecords(a, 'mm2-offset-syncs.Y.internal', 2);
    const onC = await judge.ask(
      ...[c.bootstrapServers, IDENTITY_CLASS, 'upstream', 'hops:X', 'checkpoints'],
      ...['translate:X:keeper', 'format:heartbeats:X.heartbeats'],
    );
    assert.match(onC.get('upstream') ?? '', /\bX\b/);
    assert.equal(onC.get('hops:X'), '1');
    assert.match(onC.get('checkpoints') ?? '', /X\.checkpoints\.internal/);
    assert.equal(onC.get('translate:X:keeper'), '{kept-0=300, kept-1=300}');
    assert.match(
      onC.get('format:heartbeats:X.heartbeats') ?? '',
      /sourceClusterAlias=Y, target.*=X/,
    );
    await maker.stop();
  });

  it('keep their internal topics compacted, with one partition', async () => {
    for (const [servers, topic] of [
      [a, 'heartbeats'],
      [b, 'heartbeats'],
      [b, 'A.checkpoints.internal'],
      [b, 'mm2-offset-syncs.A.internal'],
      [a, 'mm2-offset-syncs.Y.internal'],
    ] as const) {
      await withAdmin(servers, async (admin, cluster) => {
        const { topics } = await cluster.metadata([topic]);
        assert.equal(topics.get(topic)?.partitions.length, 1, topic);
        const configs = await admin.describeTopicConfigs(topic);
        assert.equal(configs.find(({ name }) => name === 'cleanup.policy')?.value, 'compact');
      });
    }
  });

  it('agree with us about names', async () => {
    const names = [
      'orders',
      'a.orders',
      'a.b.orders',
      'heartbeats',
      'a.heartbeats',
      'b.a.heartbeats',
    ]
      .concat(['my-heartbeats', 'a.my-heartbeats', 'orders.', 'orders..', '.orders', '..', '__x'])
      .concat([
        'a.checkpoints.internal',
        'mm2-offset-syncs.a.internal',
        'mm2.internal',
        'x.internal',
      ])
      .concat(['mm2-configs.a.internal', 'b.a.checkpoints.internal', 'checkpoints.internal', 'a']);
    const options = { separator: '.', internalTopicSeparatorEnabled: true };
    for (const [className, policy] of [
      [DEFAULT_CLASS, new DefaultReplicationPolicy(options)],
      [IDENTITY_CLASS, new IdentityReplicationPolicy(options)],
    ] as const) {
      const questions = names.map((name) => `policy:${name}`);
      const answers = await judge.ask(a.bootstrapServers, className, ...questions);
      for (const name of names) {
        assert.equal(
          policyFacts(policy, name),
          answers.get(`policy:${name}`),
          `${className} ${name}`,
        );
      }
    }
  });
});

function policyFacts(policy: ReplicationPolicy, topic: string): string {
  return [
    policy.formatRemoteTopic('src', topic),
    String(policy.topicSource(topic)),
    String(policy.upstreamTopic(topic)),
    policy.originalTopic(topic),
    String(policy.isHeartbeatsTopic(topic)),
    String(policy.isCheckpointsTopic(topic)),
    String(policy.isMM2InternalTopic(topic)),
    String(policy.isInternalTopic(topic)),
  ].join(' ');
}
