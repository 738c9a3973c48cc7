import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  FlowBlockedError,
  TopicProblem,
  WriterFencedError,
} from '../../../coordinator/target/errors.js';
import type { FlowTarget } from '../../../coordinator/target/flow-target.js';
import type { MapAck } from '../../../coordinator/target/offset-map-store.js';
import { SourceFacts } from '../../../coordinator/target/source-facts.js';
import type { MapRun } from '../../../coordinator/target/partition-map.js';
import type { KafkaCluster } from '../../../kafka/client/index.js';
import { isControl } from '../../../kafka/records/batch-header.js';
import { buildBatch, readBatch, type ReadRecord } from '../../../kafka/records/build-batch.js';
import { initCodecs } from '../../../kafka/records/compression.js';
import { OffsetMapConflictError } from '../../../mirror/offset-map-errors.js';
import { decodeCheckpoint } from '../../../mirror/records/checkpoint.js';
import { encodeOffsetMapKey } from '../../../mirror/records/offset-map-key.js';
import { fetchBatches, produceBatch } from '../../kafka/records/on-broker.js';
import { startKafka, type KafkaServers } from '../../kit/start-kafka.js';
import { flowFrom, SOURCE_TOPIC_ID, TargetProcess } from './open-on-broker.js';

let kafka: KafkaServers;

before(async () => {
  await initCodecs();
  kafka = await startKafka({ name: 'flow-target' });
});

after(async () => {
  await kafka?.stop();
});

function orders(partitionCount: number): {
  name: string;
  topicId: string;
  partitionCount: number;
} {
  return { name: 'orders', topicId: SOURCE_TOPIC_ID, partitionCount };
}

function run(sourceStart: number, targetStart: number, length: number): MapRun {
  return {
    sourceStart: BigInt(sourceStart),
    targetStart: BigInt(targetStart),
    length: BigInt(length),
  };
}

function progress(
  partition: number,
  ...runs: MapRun[]
): Parameters<FlowTarget['applyProgress']>[0] {
  return { topic: 'orders', partition, runs };
}

function nextAcks(target: FlowTarget): Promise<readonly MapAck[]> {
  return new Promise((resolve) => target.onDurable(resolve));
}

async function recordsOf(cluster: KafkaCluster, topic: string): Promise<ReadRecord[]> {
  const batches = await fetchBatches({ cluster, topic, partition: 0 });
  return batches.filter((batch) => !isControl(batch)).flatMap((batch) => readBatch(batch));
}

function isProblem(problem: string): (error: unknown) => boolean {
  return (error) => error instanceof TopicProblem && error.problem === problem;
}

describe('FlowTarget', () => {
  it('makes compacted internal topics, and keeps one producer for good', async () => {
    const flow = flowFrom('fresh');
    await using process = new TargetProcess(kafka.bootstrapServers);
    const target = await process.open(flow);
    const { producer } = target;
    await target.close();

    const again = await process.open(flow);

    assert.deepEqual(again.producer, producer);
    assert.equal(again.promoted, undefined);
    for (const topic of ['mm2-offset-map.fresh.internal', 'fresh.checkpoints.internal']) {
      const configs = await process.admin.describeTopicConfigs(topic);
      assert.equal(configs.find(({ name }) => name === 'cleanup.policy')?.value, 'compact');
      const { topics } = await process.cluster.metadata([topic]);
      assert.equal(topics.get(topic)?.partitions.length, 1);
    }
  });

  it('makes a copy without properties that only the source knows, and says so', async () => {
    const facts = new SourceFacts();
    const configsOf = (...values: [string, string][]) => ({
      ...{ values: new Map(values), names: new Set<string>(), kept: new Set<string>() },
      problem: undefined,
    });
    facts.takeConfigs(
      new Map([
        ['orders', configsOf(['message.format.version', '3.0'], ['retention.ms', '7'])],
        ['wrong', configsOf(['retention.ms', 'soon'])],
      ]),
      false,
    );
    await using process = new TargetProcess(kafka.bootstrapServers);
    const flow = flowFrom('older', 'sync.topic.configs.enabled = false');
    const target = await process.open(flow, { facts });

    await target.ensureTopic(orders(1));

    const configs = await process.admin.describeTopicConfigs('older.orders');
    assert.equal(configs.find(({ name }) => name === 'retention.ms')?.value, '7');
    assert.deepEqual(
      facts.notices.map(({ topic, code }) => [topic, code]),
      [['orders', 'config-unknown-on-target']],
    );
    assert.match(facts.notices[0]?.message ?? '', /west does not know message\.format\.version/);
    const wrong = { ...orders(1), name: 'wrong' };
    await assert.rejects(target.ensureTopic(wrong), isProblem('topic-refused'));
  });

  it('is blocked by a replication factor beyond the brokers, and names the option', async () => {
    const flow = flowFrom('wide', 'offset-syncs.topic.replication.factor = 3');
    await using process = new TargetProcess(kafka.bootstrapServers);

    await assert.rejects(process.open(flow), (error: unknown) => {
      assert.ok(error instanceof FlowBlockedError);
      return /offset-syncs\.topic\.replication\.factor/.test(error.message);
    });
  });

  it('is blocked by an internal topic that forgets', async () => {
    const flow = flowFrom('forgetful');
    await using process = new TargetProcess(kafka.bootstrapServers);
    const name = 'mm2-offset-map.forgetful.internal';
    const configs = { 'cleanup.policy': 'delete' };
    await process.admin.createTopic({ name, partitionCount: 1, replicationFactor: 1, configs });

    await assert.rejects(process.open(flow), (error: unknown) => {
      assert.ok(error instanceof FlowBlockedError);
      return /cleanup\.policy=delete/.test(error.message);
    });
  });

  it('creates a topic, grows it, and refuses to have more partitions than the source', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const target = await process.open(flowFrom('grow'));

    const made = await target.ensureTopic(orders(2));
    assert.equal(made.targetTopic, 'grow.orders');
    assert.equal(made.partitionCount, 2);
    const grown = await target.ensureTopic(orders(3));
    assert.equal(grown.partitionCount, 3);
    assert.equal(grown.targetTopicId, made.targetTopicId);
    await assert.rejects(target.ensureTopic(orders(1)), isProblem('partition-count-shrunk'));
  });

  it('has a partition that a begun topic got later copied from its first record', async () => {
    const flow = flowFrom('added');
    await using process = new TargetProcess(kafka.bootstrapServers);
    const target = await process.open(flow);
    await target.ensureTopic(orders(1));
    await target.ensureTopic(orders(2)); // nothing is copied yet: as configured
    target.applyProgress(progress(1, run(500, 0, 0)));

    await target.ensureTopic(orders(4));

    await using successor = new TargetProcess(kafka.bootstrapServers);
    const again = await successor.open(flow); // the first dies before it has granted anything
    await again.ensureTopic(orders(4));
    const tails = [0, 1, 2, 3].map((partition) => again.assignment('orders', partition).mapTail);
    assert.deepEqual(tails, [[], [run(500, 0, 0)], [run(0, 0, 0)], [run(0, 0, 0)]]);
  });

  it('copies to a wider topic once an operator accepted that, also after a restart', async () => {
    await using first = new TargetProcess(kafka.bootstrapServers);
    const before = await first.open(flowFrom('wider'));
    await before.ensureTopic(orders(3));
    await assert.rejects(before.ensureTopic(orders(2)), isProblem('partition-count-shrunk'));
    await before.acceptWider('orders');
    assert.equal((await before.ensureTopic(orders(2))).partitionCount, 3);
    await before.close();
    await using second = new TargetProcess(kafka.bootstrapServers);
    const after = await second.open(flowFrom('wider'));
    assert.equal((await after.ensureTopic(orders(2))).partitionCount, 3);
  });

  it('tells a topic that cannot have its replicas by name', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const target = await process.open(flowFrom('factor', 'factor->west.replication.factor = 3'));

    await assert.rejects(target.ensureTopic(orders(1)), (error: unknown) => {
      assert.ok(error instanceof TopicProblem);
      assert.match(error.message, /replication\.factor/);
      return error.problem === 'replication-factor';
    });
  });

  it('refuses a target topic that was deleted and created again', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const target = await process.open(flowFrom('again'));
    const { targetTopic } = await target.ensureTopic(orders(1));
    await process.deleteTopic(targetTopic);

    await assert.rejects(target.ensureTopic(orders(1)), isProblem('target-recreated'));
  });

  it('acknowledges a report once it is durable, and a repeat again', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const target = await process.open(flowFrom('acks'));
    await target.ensureTopic(orders(1));
    const expected = [{ topic: 'orders', partition: 0, sourceNext: 500n, targetNext: 0n }];

    let acks = nextAcks(target);
    target.applyProgress(progress(0, run(500, 0, 0)));
    assert.deepEqual(await acks, expected);

    acks = nextAcks(target);
    target.applyProgress(progress(0, run(500, 0, 0)));
    assert.deepEqual(await acks, expected);
    assert.throws(() => target.applyProgress(progress(0, run(400, 0, 5))), OffsetMapConflictError);
  });

  it('knows the same after it was opened again', async () => {
    const flow = flowFrom('reload');
    await using process = new TargetProcess(kafka.bootstrapServers);
    const target = await process.open(flow);
    await target.ensureTopic(orders(3));
    target.applyProgress(progress(0, run(500, 0, 0), run(500, 0, 10), run(520, 10, 5)));
    target.applyProgress(progress(1, run(7, 0, 0)));
    const sourceEpoch = { offset: 525n, epoch: 4 };
    target.applyProgress({ ...progress(0, run(520, 10, 5)), sourceEpoch });
    for (let index = 0; index < 2_000; index += 1) {
      target.applyProgress(progress(2, run(index * 3, index * 2, 2)));
    }
    const offset = (group: string, partition: number, value: bigint) => {
      return { group, topic: 'orders', partition, offset: value, metadata: `of ${group}` };
    };
    target.recordGroupOffsets([
      offset('a', 0, 505n),
      offset('a', 1, 7n),
      offset('b', 0, 512n),
      offset('b', 2, 9_999n),
    ]);
    await target.flush();
    const partitions = [0, 1, 2];
    const assignments = partitions.map((partition) => target.assignment('orders', partition));
    assert.deepEqual(assignments[0]?.sourceEpoch, sourceEpoch);
    const mapped = target.mappedPartitions();
    const positions = target.groupPositions();
    assert.deepEqual(
      positions.map(({ kind, targetOffset }) => [kind, targetOffset]),
      [
        ['exact', 5n],
        ['exact', 0n],
        ['gap', 10n],
        ['beyond', 4_000n],
      ],
    );
    await target.close();

    const again = await process.open(flow);

    assert.deepEqual(
      partitions.map((partition) => again.assignment('orders', partition)),
      assignments,
    );
    assert.deepEqual(again.mappedPartitions(), mapped);
    // That the source itself said so is what only the first of them saw.
    const read = positions.map((position) => ({ ...position, live: false }));
    assert.deepEqual(again.groupPositions(), read);
    assert.deepEqual(again.findMapEntry('orders', 2, 3_997n), [
      run(5_994, 3_996, 2),
      run(5_997, 3_998, 2),
    ]);
    assert.equal(again.corruptRecords, 0);
  });

  it('fences the coordinator before it, which changes nothing any more', async () => {
    const flow = flowFrom('fence');
    await using process = new TargetProcess(kafka.bootstrapServers);
    await using other = new TargetProcess(kafka.bootstrapServers);
    const older = await process.open(flow);
    await older.ensureTopic(orders(1));
    older.applyProgress(progress(0, run(0, 0, 10)));
    older.recordGroupOffsets([
      { group: 'g', topic: 'orders', partition: 0, offset: 4n, metadata: '' },
    ]);
    await older.flush();
    const newer = await other.open(flow, { term: 2n });
    const stepDown = new Promise<void>((resolve) => older.onFenced(resolve));
    let acknowledged = 0;
    older.onDurable(() => (acknowledged += 1));
    const before = await recordsOf(other.cluster, 'mm2-offset-map.fence.internal');
    const checkpoints = await recordsOf(other.cluster, 'fence.checkpoints.internal');

    older.applyProgress(progress(0, run(10, 10, 10)));
    await assert.rejects(older.flush(), WriterFencedError);
    await stepDown;

    assert.equal(acknowledged, 0);
    assert.deepEqual(await recordsOf(other.cluster, 'mm2-offset-map.fence.internal'), before);
    assert.deepEqual(await recordsOf(other.cluster, 'fence.checkpoints.internal'), checkpoints);
    assert.deepEqual(newer.mappedPartitions()[0]?.end, { sourceNext: 10n, targetNext: 10n });
    newer.applyProgress(progress(0, run(10, 10, 10)));
    await newer.flush();
  });

  it('writes checkpoints as MirrorMaker 2 does, and again when the map has grown', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const target = await process.open(flowFrom('check'));
    await target.ensureTopic(orders(2));
    target.applyProgress(progress(0, run(100, 0, 10)));
    const offset = { group: 'g', topic: 'orders', offset: 115n, metadata: 'm' };
    target.recordGroupOffsets([
      { ...offset, partition: 0 },
      { ...offset, partition: 1 },
    ]);
    await target.flush();
    await target.flush();
    target.applyProgress(progress(0, run(110, 10, 10)));
    await target.flush();

    const records = await recordsOf(process.cluster, 'check.checkpoints.internal');

    const common = { group: 'g', topic: 'check.orders', partition: 0, metadata: 'm' };
    assert.deepEqual(
      records.map(({ key, value }) => decodeCheckpoint(key!, value!)),
      [
        { ...common, upstreamOffset: 115n, downstreamOffset: 10n },
        { ...common, upstreamOffset: 115n, downstreamOffset: 15n },
      ],
    );
  });

  it('refuses a partition whose stored map is corrupt, and serves the others', async () => {
    const flow = flowFrom('corrupt');
    await using process = new TargetProcess(kafka.bootstrapServers);
    const target = await process.open(flow);
    await target.ensureTopic(orders(2));
    target.applyProgress(progress(0, run(0, 0, 10)));
    target.applyProgress(progress(1, run(0, 0, 10)));
    await target.close();
    const topic = 'mm2-offset-map.corrupt.internal';
    const key = encodeOffsetMapKey({ kind: 'chunk', topic: 'orders', partition: 0, chunkIndex: 0 });
    const damaged = { key, value: Buffer.from('not a chunk'), timestamp: 0n };
    const stray = { key: Buffer.from('?'), value: Buffer.from('?'), timestamp: 0n };
    const { cluster } = process;
    await produceBatch({ cluster, topic, partition: 0 }, buildBatch({ records: [damaged, stray] }));

    const again = await process.open(flow);
    await again.ensureTopic(orders(2));
    again.recordGroupOffsets([
      { group: 'g', topic: 'orders', partition: 0, offset: 5n, metadata: '' },
    ]);

    assert.equal(again.corruptRecords, 2);
    assert.throws(() => again.assignment('orders', 0), isProblem('map-corrupt'));
    assert.throws(() => again.applyProgress(progress(0, run(10, 10, 1))), isProblem('map-corrupt'));
    assert.equal(again.groupPositions()[0]?.kind, 'unknown');
    assert.deepEqual(again.findMapEntry('orders', 0, 5n), []);
    assert.deepEqual(again.assignment('orders', 1).mapTail, [run(0, 0, 10)]);
  });

  it('writes what is left when it is closed', async () => {
    const flow = flowFrom('close');
    await using process = new TargetProcess(kafka.bootstrapServers);
    const target = await process.open(flow);
    await target.ensureTopic(orders(1));
    target.applyProgress(progress(0, run(0, 0, 10)));

    await target.close();

    const again = await process.open(flow);
    assert.deepEqual(again.mappedPartitions()[0]?.end, { sourceNext: 10n, targetNext: 10n });
  });
});
