import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { TimeoutError } from '../../../common/errors.js';
import type { FlowTarget } from '../../../coordinator/target/flow-target.js';
import { applicationMetadata } from '../../../coordinator/target/sync-decision.js';
import { buildBatch } from '../../../kafka/records/build-batch.js';
import { initCodecs } from '../../../kafka/records/compression.js';
import { produce } from '../../../kafka/messages/produce.js';
import { encodeCheckpoint } from '../../../mirror/records/checkpoint.js';
import { eventually } from '../../kit/eventually.js';
import { startKafka, type KafkaServers } from '../../kit/start-kafka.js';
import { flowFrom, NEVER, SOURCE_TOPIC_ID, TargetProcess } from './open-on-broker.js';

const SYNC = ['sync.group.offsets.enabled = true', 'sync.group.offsets.interval.seconds = 1'];

describe('group offsets on the target', () => {
  let kafka: KafkaServers;

  before(async () => {
    await initCodecs();
    kafka = await startKafka({ name: 'group-offsets' });
  });

  after(() => kafka.stop());

  /** A flow's target whose map is one record at each offset from `delta` behind. */
  async function open(process: TargetProcess, flow: ReturnType<typeof flowFrom>) {
    const target = await process.open(flow);
    await target.ensureTopic({ name: 'orders', topicId: SOURCE_TOPIC_ID, partitionCount: 1 });
    const runs = [{ sourceStart: 100n, targetStart: 0n, length: 1_000n }];
    target.applyProgress({ topic: 'orders', partition: 0, runs });
    return target;
  }

  const record = (target: FlowTarget, group: string, offset: bigint, metadata = ''): void =>
    target.recordGroupOffsets([{ group, topic: 'orders', partition: 0, offset, metadata }]);

  async function committed(process: TargetProcess, group: string) {
    const offsets = (await process.realAdmin.groupOffsets([group])).get(group) ?? [];
    return offsets.map(({ offset, metadata }) => [offset, metadata] as const)[0];
  }

  it('are kept beside the checkpoints topic when that is turned off, and found again', async () => {
    const flow = flowFrom('quiet', 'emit.checkpoints.enabled = false');
    await using process = new TargetProcess(kafka.bootstrapServers);
    const target = await open(process, flow);
    record(target, 'g', 150n);
    await target.flush();
    await target.close();
    const again = await process.open(flow);
    assert.deepEqual(again.groupPositions()[0]?.targetOffset, 50n);
    const { topics } = await process.cluster.metadata(null);
    assert.equal(topics.has('quiet.checkpoints.internal'), false);
    assert.equal(topics.has('mm2-group-positions.quiet.internal'), true);
  });

  it('leave out a checkpoint that cannot be read, and count it', async () => {
    const flow = flowFrom('torn');
    await using process = new TargetProcess(kafka.bootstrapServers);
    const target = await open(process, flow);
    record(target, 'whole', 150n);
    record(target, 'torn', 160n);
    await target.flush();
    await target.close();
    const topic = 'torn.checkpoints.internal';
    const of = { group: 'torn', topic: 'torn.orders', partition: 0, metadata: '' };
    const { key, value } = encodeCheckpoint({ ...of, upstreamOffset: 9n, downstreamOffset: 9n });
    const records = buildBatch({
      records: [{ key, value: value.subarray(0, 12), timestamp: 0n }],
    });
    const { nodeId } = process.cluster.leaderOf(topic, 0)!;
    await process.cluster.request({ nodeId }, produce, {
      ...{ transactionalId: null, acks: -1, timeoutMs: 10_000 },
      topics: [{ name: topic, partitions: [{ partitionIndex: 0, records }] }],
    });
    const again = await process.open(flow);
    assert.equal(again.corruptRecords, 1);
    const groups = again.groupPositions().map(({ group, targetOffset }) => [group, targetOffset]);
    assert.deepEqual(groups, [['whole', 50n]]);
    await assert.rejects(again.groups.toTarget('torn', NEVER), /knows no offsets of group torn/);
  });

  it('begin anew with a source topic that was made anew: its records are not skipped', async () => {
    const flow = flowFrom('anew');
    await using process = new TargetProcess(kafka.bootstrapServers);
    const target = await open(process, flow);
    record(target, 'g', 150n);
    const { targetTopicId } = target.mappedPartitions()[0]!;
    const position = () => target.groupPositions().find(({ group }) => group === 'g')?.targetOffset;
    assert.equal(position(), 50n);
    const restarted = { sourceTopicId: '99112233-4455-6677-8899-aabbccddeeff', targetTopicId };
    const update = {
      ...{ topic: 'orders', partition: 0, renewed: { sequenceBase: 0n, restarted } },
      runs: [
        { sourceStart: 0n, targetStart: 1_000n, length: 0n },
        { sourceStart: 0n, targetStart: 1_000n, length: 40n },
      ],
    };
    target.applyProgress(update);
    assert.equal(position(), 1_000n);
    record(target, 'g', 10n);
    target.applyProgress(update); // as long as it is not acknowledged
    assert.equal(position(), 1_010n);
    await target.flush();
    await target.close();
    const again = await process.open(flow);
    assert.equal(again.groupPositions()[0]?.targetOffset, 1_010n);
    // The same topic, copied anew: what was committed there holds.
    const { sourceTopicId } = again.mappedPartitions()[0]!;
    const same = { sequenceBase: 0n, restarted: { sourceTopicId, targetTopicId } };
    again.applyProgress({ ...update, renewed: same });
    assert.equal(again.groupPositions()[0]?.targetOffset, 1_010n);
  });

  it('are not committed while the groups there cannot be listed: unknown is not empty', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    let asked = 0;
    process.faults.listGroups = () => {
      asked += 1;
      return Promise.reject(new TimeoutError('listing the groups', 1));
    };
    const target = await open(process, flowFrom('deaf', ...SYNC));
    record(target, 'unheard', 150n);
    await eventually(() => asked >= 2);
    assert.equal(await committed(process, 'unheard'), undefined);
    delete process.faults.listGroups;
    await eventually(async () => (await committed(process, 'unheard'))?.[0] === 50n);
  });

  it('follow a group that commits anew whenever it is looked at', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const target = await open(process, flowFrom('busy', ...SYNC));
    let offset = 150n;
    process.faults.groupOffsets = async (...args) => {
      const found = await process.realAdmin.groupOffsets(...args);
      record(target, 'g', (offset += 10n));
      return found;
    };
    record(target, 'g', offset);
    await eventually(async () => ((await committed(process, 'g'))?.[0] ?? 0n) >= 70n);
  });

  it('name a refused partition, and go on with the others', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    let refusals = 0;
    process.faults.commitGroupOffsets = async (group, offsets, options) => {
      if (group !== 'refused') {
        return process.realAdmin.commitGroupOffsets(group, offsets, options);
      }
      refusals += 1;
      const failure = { errorCode: 28, errorName: 'INVALID_COMMIT_OFFSET_SIZE', retriable: false };
      return [{ topic: 'partly.orders', partition: 0, ...failure }];
    };
    const target = await open(process, flowFrom('partly', ...SYNC));
    record(target, 'refused', 150n);
    record(target, 'taken', 150n);
    await eventually(async () => (await committed(process, 'taken'))?.[0] === 50n);
    await eventually(() => refusals > 1);
    const outcomes = async () =>
      (await target.groups.list(NEVER)).map(({ group, sync }) => `${group} ${sync}`).sort();
    // Of the last round: one that stood still between its look and its commit knows nothing.
    const expected = 'refused failed, taken committed';
    await eventually(async () => (await outcomes()).join(', ') === expected, outcomes);
  });

  it('are never put back by a coordinator that was replaced', async () => {
    const flow = flowFrom('zombie', ...SYNC);
    await using process = new TargetProcess(kafka.bootstrapServers);
    await using other = new TargetProcess(kafka.bootstrapServers);
    const older = await open(process, flow);
    record(older, 'g', 400n);
    await older.flush();
    await eventually(async () => (await committed(process, 'g'))?.[0] === 300n);
    const fenced = new Promise<void>((resolve) => older.onFenced(resolve));
    const newer = await other.open(flow, { term: 2n });
    record(newer, 'g', 150n); // the group went back
    await eventually(async () => (await committed(other, 'g'))?.[0] === 50n);
    // The older one still believes in 300, and looks every second: it is told before it can commit.
    await fenced;
    const stamp = (await committed(other, 'g'))?.[1];
    assert.match(String(stamp), /^mirrorctl source=150 topic=\S+$/);
    record(newer, 'g', 160n);
    await eventually(async () => (await committed(other, 'g'))?.[0] === 60n);
  });

  for (const metadata of ['', 'AgAAAZ'])
    it(`follow a rewind after a change of coordinators, with metadata '${metadata}'`, async () => {
      const flow = flowFrom(metadata === '' ? 'bare' : 'streams', ...SYNC);
      await using process = new TargetProcess(kafka.bootstrapServers);
      await using other = new TargetProcess(kafka.bootstrapServers);
      const older = await open(process, flow);
      for (const group of ['rewound', 'consumed']) record(older, group, 400n, metadata);
      const at = async (group: string, offset: bigint) =>
        eventually(
          async () => (await committed(other, group))?.[0] === offset,
          () => committed(other, group),
        );
      for (const group of ['rewound', 'consumed']) await at(group, 300n);
      await older.close();
      const topic = flow.policy.formatRemoteTopic(flow.source, 'orders');
      const theirs = [{ topic, partition: 0, offset: 310n, metadata }];
      assert.deepEqual(await other.realAdmin.commitGroupOffsets('consumed', theirs), []);
      const newer = await other.open(flow, { term: 2n });
      for (const group of ['rewound', 'consumed', 'after']) record(newer, group, 150n, metadata);
      await at('rewound', 50n);
      assert.equal(applicationMetadata(String((await committed(other, 'rewound'))?.[1])), metadata);
      await at('after', 50n);
      // A round later it has had its turn as well.
      record(newer, 'later', 150n, metadata);
      await at('later', 50n);
      assert.equal((await committed(other, 'consumed'))?.[0], 310n);
    });
});
