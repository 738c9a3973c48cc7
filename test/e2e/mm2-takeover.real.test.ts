/**
 * From MirrorMaker 2 to us and back, on one unchanged file. MirrorMaker 2 repeats records when it was
 * killed; we must not add to that, and nobody may lose any.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { partitionOfKey } from '../../kafka/records/partition-of-key.js';
import { decodeCheckpoint } from '../../mirror/records/checkpoint.js';
import { decodeConnectOffset, encodeConnectOffset } from '../../mirror/records/connect-offset.js';
import { eventually } from '../kit/eventually.js';
import type { HistoryRecord } from '../kit/history-checker.js';
import { compiledRoot } from '../kit/project-root.js';
import { readTopic } from '../kit/read-topic.js';
import type { ServerProcess } from '../kit/server-process.js';
import { startKafka, type KafkaServers } from '../kit/start-kafka.js';
import { startMm2 } from '../kit/start-mm2.js';
import { startProcess, type RunningProcess } from '../kit/start-process.js';
import { temporaryFolder } from '../kit/temporary-folder.js';
import { withAdmin } from '../kit/with-admin.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const PARTITIONS = [0, 1, 2];

/** Where a group stands that is far behind the takeover. */
const BEHIND = 1_000;

const WAIT_MS = 120_000;

function properties(east: KafkaServers, west: KafkaServers): string {
  return `
clusters = us-east, us-west
us-east.bootstrap.servers = ${east.bootstrapServers}
us-west.bootstrap.servers = ${west.bootstrapServers}
us-east->us-west.enabled = true
us-east->us-west.topics = orders
us-west->us-east.emit.heartbeats.enabled = false
replication.factor = 1
checkpoints.topic.replication.factor = 1
heartbeats.topic.replication.factor = 1
offset-syncs.topic.replication.factor = 1
config.storage.replication.factor = 1
offset.storage.replication.factor = 1
status.storage.replication.factor = 1
offset.flush.interval.ms = 4000
scheduled.rebalance.max.delay.ms = 0
coordinator.listen = 127.0.0.1:0
coordinator.http.listen = 127.0.0.1:0
`;
}

describe('from MirrorMaker 2 and back', () => {
  let east: KafkaServers;
  let west: KafkaServers;
  let file: string;
  let written = 0;
  const mm2s: ServerProcess[] = [];
  const makers: RunningProcess[] = [];

  before(async () => {
    const start = (name: string) => startKafka({ name, heapMb: 256 });
    [east, west] = await Promise.all([start('east'), start('west')]);
    file = join(temporaryFolder('mm2'), 'mm2.properties');
    writeFileSync(file, properties(east, west));
    await createTopics(east, [{ topic: 'orders', partitions: PARTITIONS.length }]);
  });

  after(async () => {
    await Promise.all(makers.map((maker) => maker.stop()));
    await Promise.all(mm2s.map((mm2) => mm2.kill()));
    await Promise.all([east.stop(), west.stop()]);
  });

  async function write(count: number): Promise<void> {
    const { next } = await writeUnique(east, {
      ...{ topic: 'orders', partitions: PARTITIONS, count, from: written },
    });
    written = next;
  }

  const mirrored = (): Promise<HistoryRecord[]> =>
    readTopic(west, 'us-east.orders').catch(() => []);

  async function distinctAtLeast(count: number): Promise<HistoryRecord[]> {
    let last: HistoryRecord[] = [];
    await eventually(
      async () => distinct((last = await mirrored())) >= count,
      () => `${last.length} records, ${distinct(last)} different ones, not ${count}`,
      WAIT_MS,
    );
    return last;
  }

  async function startOurs(): Promise<RunningProcess> {
    const maker = await startProcess({
      name: 'mirror-maker',
      args: ['mirror-maker/main.js', file],
    });
    makers.push(maker);
    return maker;
  }

  function startTheirs(): ServerProcess {
    const mm2 = startMm2(file);
    mm2s.push(mm2);
    return mm2;
  }

  it('goes on exactly where a killed MirrorMaker 2 was', async () => {
    // More than is compared at the takeover: what lies before is known by offset syncs alone.
    await write(BEHIND + 5_000);
    const committed = [{ topic: 'orders', partition: 0, offset: BigInt(BEHIND), metadata: null }];
    await withAdmin(east, (admin) => admin.commitGroupOffsets('behind', committed));
    const mm2 = startTheirs();
    const writing = write(4_000);
    await distinctAtLeast(PARTITIONS.length * (BEHIND + 5_500));
    await mm2.kill('SIGKILL');
    await writing;
    const before = await mirrored();
    const maker = await startOurs();
    const after = await distinctAtLeast(PARTITIONS.length * written);
    assertNoRepeats(before, after);
    await write(500);
    assertNoRepeats(before, await distinctAtLeast(PARTITIONS.length * written));
    // Idle by now, and running all the same.
    await assert.rejects(handBack(), /exit code 4: [^]*still runs us-east->us-west: stop it first/);
    const translated = await checkpointOf('behind');
    // No record is repeated that early: the exact place is the same on both sides.
    assert.ok(translated > 0n && translated <= BigInt(BEHIND), String(translated));
    assert.deepEqual(await maker.stop(), { code: 0, signal: null });
  });

  it('hands back, so that MirrorMaker 2 goes on exactly, and takes over again', async () => {
    const before = await mirrored();
    const handed = await handBack();
    assert.match(handed, /us-east->us-west: MirrorMaker 2 goes on in 3 partitions/);
    const mm2 = startTheirs();
    await write(500);
    await distinctAtLeast(PARTITIONS.length * written);
    await mm2.stop();
    const theirs = await mirrored();
    assertNoRepeats(before, theirs);
    await assertKeysOfConnect();

    const maker = await startOurs();
    await write(500);
    assertNoRepeats(theirs, await distinctAtLeast(PARTITIONS.length * written));
    assert.deepEqual(await maker.stop(), { code: 0, signal: null });
  });

  async function checkpointOf(group: string): Promise<bigint> {
    let found = -1n;
    await eventually(
      async () => {
        for (const { key, value } of await readTopic(west, 'us-east.checkpoints.internal')) {
          const checkpoint = decodeCheckpoint(key!, value!);
          if (checkpoint.group === group) found = checkpoint.downstreamOffset;
        }
        return found >= 0n;
      },
      () => `no checkpoint of ${group}`,
      WAIT_MS,
    );
    return found;
  }

  /** A key of ours must be the one that Connect itself would look for, where it would look. */
  async function assertKeysOfConnect(): Promise<void> {
    const written = await readTopic(west, 'mm2-offsets.us-east.internal');
    const ofOrders = written.filter(({ key }) => key!.includes('"topic":"orders"'));
    assert.ok(ofOrders.length > PARTITIONS.length);
    for (const { key, value, partition } of ofOrders) {
      const at = decodeConnectOffset(key!, value)!;
      assert.deepEqual(encodeConnectOffset({ ...at, offset: at.offset! }).key, key);
      assert.equal(partitionOfKey(key!, 25), partition);
    }
  }

  function handBack(): Promise<string> {
    const program = join(compiledRoot(), 'mirror-maker', 'main.js');
    return new Promise((resolve, reject) => {
      execFile(process.execPath, [program, file, '--hand-back'], (error, out, err) => {
        if (error === null) resolve(out);
        else reject(new Error(`exit code ${error.code}: ${err}`));
      });
    });
  }
});

function valueOf({ partition, value }: HistoryRecord): string {
  return `${partition}:${value?.toString('latin1')}`;
}

function distinct(records: readonly HistoryRecord[]): number {
  return new Set(records.map(valueOf)).size;
}

/** Nothing that was there before, and nothing twice. */
function assertNoRepeats(before: readonly HistoryRecord[], after: readonly HistoryRecord[]): void {
  const known = new Set(before.map(valueOf));
  const beforeEnd = new Map<number, bigint>();
  for (const { partition, offset } of before) {
    const end = beforeEnd.get(partition) ?? -1n;
    if (offset > end) beforeEnd.set(partition, offset);
  }
  for (const record of after) {
    if (record.offset <= (beforeEnd.get(record.partition) ?? -1n)) continue;
    const value = valueOf(record);
    assert.ok(!known.has(value), `repeated at offset ${record.offset}: ${value.slice(0, 80)}`);
    known.add(value);
  }
}
