import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, describe, it } from 'node:test';

import { eventually } from '../kit/eventually.js';
import { startKafka, type KafkaServers } from '../kit/start-kafka.js';
import { createAssigned, createTopics, writeUnique } from '../kit/write-unique.js';
import { caughtUp, checkMirrored, describeCopiers, FlowBench } from './flow-bench.js';

/** A broker whose files cannot grow beyond this meets what it meets on a full disk: a write fails. */
const FILE_BYTES_MAX = 2 * 1024 * 1024;

const PARTITIONS = [0, 1, 2, 3];

/** Needs no rights, unlike a file system of that size: the limit is on a process of our own. */
function fillDiskOf(pid: number): void {
  execFileSync('prlimit', [`--pid=${pid}`, `--fsize=${FILE_BYTES_MAX}:`]);
}

describe('a target broker whose disk is full', () => {
  const started: KafkaServers[] = [];

  after(async () => {
    for (const servers of started) await servers.stop();
  });

  it('goes offline: its partitions wait and are retried, others go on, and nothing is lost', async () => {
    const [source, target] = await Promise.all([
      startKafka({ name: 'full-source' }),
      startKafka({
        name: 'full-target',
        brokers: 2,
        // Index files are made at their full size: they shall not be what fails.
        config: { 'log.index.size.max.bytes': String(64 * 1024) },
      }),
    ]);
    started.push(source, target);
    await createTopics(source, [{ topic: 'grown', partitions: PARTITIONS.length }]);
    await createAssigned(target, 'a.grown', [2, 2, 1, 1]);
    const bench = new FlowBench({ source, target });
    const producer = await bench.producer('mirror.full');
    const flow = bench.start();
    const copiers = await flow.copy({
      ...{ topic: 'grown', targetTopic: 'a.grown', partitions: PARTITIONS.length, producer },
    });
    await writeUnique(source, { topic: 'grown', partitions: PARTITIONS, count: 100 });
    await caughtUp(copiers, 100n);

    const full = target.brokers[1]!;
    fillDiskOf(full.pid);
    await writeUnique(source, {
      ...{ topic: 'grown', partitions: PARTITIONS, producer: 'heavy' },
      ...{ count: 4_000, batchRecords: 250, valueBytes: 1_000 },
    });
    await eventually(
      () => !full.running,
      () => describeCopiers(copiers),
      60_000,
    );
    await caughtUp(copiers.slice(2), 4_100n);
    const waiting = copiers.slice(0, 2);
    await eventually(
      () => waiting.every(({ state, failures }) => state === 'recovering' && failures > 0),
      () => describeCopiers(waiting),
    );
    assert.deepEqual(
      waiting.map(({ halt }) => halt?.haltCode),
      [undefined, undefined],
      'an operator need only make room: there is nothing to decide',
    );

    await full.start(); // without the limit: there is room again
    await caughtUp(copiers, 4_100n, 90_000);
    await checkMirrored({ source, target, topic: 'grown', targetTopic: 'a.grown' });
    await bench.close();
  });
});
