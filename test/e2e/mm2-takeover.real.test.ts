/**
 * From MirrorMaker 2 to us and back, on one unchanged file. MirrorMaker 2 repeats records when it was
 * killed; we must not add to that, and nobody may lose any.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { eventually } from '../kit/eventually.js';
import type { HistoryRecord } from '../kit/history-checker.js';
import { readTopic } from '../kit/read-topic.js';
import type { ServerProcess } from '../kit/server-process.js';
import { startKafka, type KafkaServers } from '../kit/start-kafka.js';
import { startMm2 } from '../kit/start-mm2.js';
import { startProcess, type RunningProcess } from '../kit/start-process.js';
import { temporaryFolder } from '../kit/temporary-folder.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const PARTITIONS = [0, 1, 2];
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
    await write(3_000);
    const mm2 = startTheirs();
    const writing = write(6_000);
    await distinctAtLeast(PARTITIONS.length * 3_500);
    await mm2.kill('SIGKILL');
    await writing;
    const before = await mirrored();
    const maker = await startOurs();
    const after = await distinctAtLeast(PARTITIONS.length * written);
    assertNoRepeats(before, after);
    await write(500);
    assertNoRepeats(before, await distinctAtLeast(PARTITIONS.length * written));
    assert.deepEqual(await maker.stop(), { code: 0, signal: null });
  });
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
