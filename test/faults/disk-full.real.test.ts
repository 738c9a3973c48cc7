import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';

import { eventually } from '../kit/eventually.js';
import { startKafka, type KafkaBroker, type KafkaServers } from '../kit/start-kafka.js';
import { createAssigned, createTopics, writeUnique } from '../kit/write-unique.js';
import { caughtUp, checkMirrored, describeCopiers, FlowBench } from './flow-bench.js';

/** A broker whose files cannot grow beyond this meets what it meets on a full disk: a write fails. */
const FILE_BYTES_MAX = 2 * 1024 * 1024;

const PARTITIONS = [0, 1, 2, 3];

/** What is said of a partition on a lost directory; other words may come before these. */
const LOST = /where a\.spread ends: (KAFKA_STORAGE_ERROR|LEADER_NOT_AVAILABLE)/;

/** Needs no rights, unlike a file system of that size: the limit is on a process of our own. */
function fillDiskOf(pid: number): void {
  execFileSync('prlimit', [`--pid=${pid}`, `--fsize=${FILE_BYTES_MAX}:`]);
}

/** In which of its directories the broker keeps a partition. */
function directoryOf({ logDirs }: KafkaBroker, partition: string): number {
  return logDirs.findIndex((directory) => existsSync(join(directory, partition)));
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

  it('loses one of its directories: the partitions there wait, and are named; others go on', async () => {
    const [source, target] = await Promise.all([
      startKafka({ name: 'spread-source' }),
      startKafka({
        name: 'spread-target',
        logDirs: 2,
        // It finds out when it writes there next.
        config: { 'log.flush.offset.checkpoint.interval.ms': '500' },
      }),
    ]);
    started.push(source, target);
    const broker = target.brokers[0]!;
    await createTopics(source, [{ topic: 'spread', partitions: PARTITIONS.length }]);
    await createTopics(target, [{ topic: 'a.spread', partitions: PARTITIONS.length }]);
    const bench = new FlowBench({ source, target });
    const producer = await bench.producer('mirror.spread');
    const flow = bench.start();
    const copiers = await flow.copy({
      ...{ topic: 'spread', targetTopic: 'a.spread', partitions: PARTITIONS.length, producer },
    });
    await writeUnique(source, { topic: 'spread', partitions: PARTITIONS, count: 100 });
    await caughtUp(copiers, 100n);
    const places = PARTITIONS.map((partition) => directoryOf(broker, `a.spread-${partition}`));
    const lost = copiers.filter((_, partition) => places[partition] === 1);
    const kept = copiers.filter((_, partition) => places[partition] === 0);
    assert.ok(lost.length > 0 && kept.length > 0, `directories ${places.join()}`);

    const [, directory = ''] = broker.logDirs;
    renameSync(directory, `${directory}-gone`);
    writeFileSync(directory, 'not a directory');
    await writeUnique(source, { topic: 'spread', partitions: PARTITIONS, count: 100, from: 100 });
    await caughtUp(kept, 200n);
    // Until the broker has noticed, it appends to files that it still has open.
    let from = 200;
    const named = async (): Promise<boolean> => {
      await writeUnique(source, { topic: 'spread', partitions: PARTITIONS, count: 10, from });
      from += 10;
      return lost.every(({ state, trouble }) => state === 'recovering' && LOST.test(trouble));
    };
    const show = (): unknown => [describeCopiers(lost), lost.map(({ trouble }) => trouble)];
    await eventually(named, show, 60_000, 500);
    await caughtUp(kept, BigInt(from));
    assert.ok(broker.running);

    await broker.kill();
    rmSync(directory);
    renameSync(`${directory}-gone`, directory);
    await broker.start();
    await caughtUp(copiers, BigInt(from), 90_000);
    await checkMirrored({ source, target, topic: 'spread', targetTopic: 'a.spread' });
    await bench.close();
  });
});
