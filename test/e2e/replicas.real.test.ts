import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { eventually } from '../kit/eventually.js';
import { assertMirrored } from '../kit/history-checker.js';
import { readTopic } from '../kit/read-topic.js';
import { runMirrorctl } from '../kit/run-mirrorctl.js';
import { startKafka, type KafkaServers } from '../kit/start-kafka.js';
import { startProcess, type RunningProcess } from '../kit/start-process.js';
import { temporaryFolder } from '../kit/temporary-folder.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const LIMIT_MS = 60_000;
const PARTITIONS = [0, 1];
/** Takes longer to write than a process that stands by waits for silence. */
const SLOWLY = { count: 260, batchRecords: 1, pauseMs: 50 };

describe('several mirror-maker with one file', () => {
  let east: KafkaServers;
  let west: KafkaServers;
  let file: string;
  let written = 0;
  const running: RunningProcess[] = [];

  before(async () => {
    [east, west] = await Promise.all([startKafka({ name: 'east' }), startKafka({ name: 'west' })]);
    await createTopics(east, [{ topic: 'orders', partitions: PARTITIONS.length }]);
    file = join(temporaryFolder('replicas'), 'mm2.properties');
    const lines = [
      'clusters = east, west',
      `east.bootstrap.servers = ${east.bootstrapServers}`,
      `west.bootstrap.servers = ${west.bootstrapServers}`,
      'east->west.enabled = true',
      'east->west.topics = orders',
      'replication.factor = 1',
      'checkpoints.topic.replication.factor = 1',
      'heartbeats.topic.replication.factor = 1',
      'offset-syncs.topic.replication.factor = 1',
      'coordinator.listen = 127.0.0.1:0',
      'coordinator.http.listen = 127.0.0.1:0',
    ];
    writeFileSync(file, lines.join('\n'));
  });

  after(async () => {
    await Promise.all(running.map((maker) => maker.stop()));
    await Promise.all([east.stop(), west.stop()]);
  });

  async function start(name: string): Promise<RunningProcess> {
    const maker = await startProcess({ name, args: ['mirror-maker/main.js', file] });
    running.push(maker);
    return maker;
  }

  async function write(how: Partial<typeof SLOWLY> = {}): Promise<void> {
    const options = { topic: 'orders', partitions: PARTITIONS, from: written, count: 20, ...how };
    written += options.count;
    await writeUnique(east, options);
  }

  async function mirrored(): Promise<void> {
    const copied = async (): Promise<number> =>
      (await readTopic(west, 'east.orders').catch(() => [])).length;
    await eventually(
      async () => (await copied()) >= written * PARTITIONS.length,
      () => `of ${written * PARTITIONS.length}`,
      LIMIT_MS,
    );
  }

  async function standsBy(maker: RunningProcess): Promise<void> {
    let last: unknown;
    const look = async (): Promise<boolean> => {
      const status = await runMirrorctl(['status'], {
        MIRRORCTL_COORDINATOR: String(maker.readyLine['grpc']),
      });
      last = status;
      return status.code === 3 && /another process mirrors east->west/.test(status.out);
    };
    await eventually(look, () => last, LIMIT_MS);
  }

  const terms = (maker: RunningProcess): number =>
    maker.lines.filter(({ msg }) => msg === 'leading').length;

  it('lets the last one mirror, and another when that one is killed or leaves', async () => {
    const first = await start('first');
    await write();
    await mirrored();

    const second = await start('second');
    await standsBy(first);
    await write(SLOWLY);
    await mirrored();
    assert.deepEqual(
      [terms(first), terms(second)],
      [2, 1],
      'they did not take it from one another',
    );

    await second.kill('SIGKILL');
    await write();
    await mirrored();
    assert.deepEqual([terms(first), first.running], [2, true]);

    const third = await start('third');
    await standsBy(first);
    await write();
    await mirrored();
    assert.equal((await third.stop()).code, 0);
    await write();
    await mirrored();
    assertMirrored(await readTopic(east, 'orders'), await readTopic(west, 'east.orders'));
  });
});
