import assert from 'node:assert/strict';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { PAYLOAD_OFFSET, baseOffset } from '../../../kafka/records/batch-header.js';
import { splitBatches } from '../../../kafka/records/batch-splitter.js';
import { initCodecs, type CodecName } from '../../../kafka/records/compression.js';
import { legacyBytes } from '../../kafka/records/legacy-bytes.js';
import { legacyRecords } from '../../kafka/records/legacy-records.js';
import { eventually } from '../../kit/eventually.js';
import { assertMirrored, type HistoryRecord } from '../../kit/history-checker.js';
import { readTopic } from '../../kit/read-topic.js';
import {
  KAFKA_CURRENT,
  KAFKA_OLDER,
  startKafka,
  type KafkaServers,
} from '../../kit/start-kafka.js';
import { createTopics, writeUnique } from '../../kit/write-unique.js';
import { Bench, copiedUpTo } from './copy-bench.js';
import { registerCodecs } from './kafkajs-codecs.js';

/** Below and above what is coalesced. */
const SMALL_BYTES = 100;
const LARGE_BYTES = 4_000;

const LEGACY = [0, 1].flatMap((version) =>
  (['none', 'gzip', 'snappy', 'lz4'] satisfies CodecName[]).map((codec) => ({
    version,
    name: `v${version} ${codec} gapped` as keyof typeof legacyBytes,
    topic: `legacy-v${version}-${codec}`,
  })),
);

for (const version of [KAFKA_CURRENT, KAFKA_OLDER]) {
  describe(`what lies on the disk of a source of ${version}`, () => {
    let source: KafkaServers;
    let target: KafkaServers;
    let bench: Bench;

    before(async () => {
      await initCodecs();
      registerCodecs();
      [source, target] = await Promise.all([
        startKafka({ name: 'disk-source', version }),
        startKafka({ name: 'disk-target' }),
      ]);
      bench = new Bench(source, target);
      await createLegacyTopics();
      await createFlippedTopic();
      await source.brokers[0]!.stop();
      for (const { topic, name } of LEGACY) {
        replaceLog(topic, Buffer.from(legacyBytes[name], 'hex'));
      }
      flipBit('flipped-0');
      flipBit('flipped-1');
      await source.brokers[0]!.start();
    });

    after(async () => {
      await bench.close();
      await Promise.all([source.stop(), target.stop()]);
    });

    async function createLegacyTopics(): Promise<void> {
      const topics = LEGACY.map(({ topic }) => ({ topic }));
      await createTopics(source, topics);
      await createTopics(
        target,
        topics.map(({ topic }) => ({ topic: `a.${topic}` })),
      );
      // The broker checkpoints where its log ends before it is replaced.
      for (const { topic } of LEGACY) await writeUnique(source, { topic, count: 10 });
    }

    async function createFlippedTopic(): Promise<void> {
      await createTopics(source, [{ topic: 'flipped', partitions: 3 }]);
      await createTopics(target, [{ topic: 'a.flipped', partitions: 3 }]);
      const five = { topic: 'flipped', count: 50, batchRecords: 10 };
      await writeUnique(source, { ...five, partitions: [0, 2], valueBytes: LARGE_BYTES });
      await writeUnique(source, { ...five, partitions: [1], valueBytes: SMALL_BYTES });
    }

    function folderOf(partition: string): string {
      return join(source.brokers[0]!.logDir, partition);
    }

    function logOf(partition: string): string {
      return join(folderOf(partition), `${'0'.repeat(20)}.log`);
    }

    /** The indexes are made anew by the broker when they are missing. */
    function replaceLog(topic: string, bytes: Buffer): void {
      const folder = folderOf(`${topic}-0`);
      const stale = readdirSync(folder).filter((name) => /index$|snapshot$/.test(name));
      for (const name of stale) rmSync(join(folder, name));
      writeFileSync(logOf(`${topic}-0`), bytes);
    }

    /** Damages the fourth batch: records 30 to 39. */
    function flipBit(partition: string): void {
      const bytes = readFileSync(logOf(partition));
      const batch = splitBatches(bytes).batches[3]!;
      assert.equal(baseOffset(batch), 30n);
      batch[PAYLOAD_OFFSET + 60]! ^= 0x10;
      writeFileSync(logOf(partition), bytes);
    }

    for (const { version: magic, name, topic } of LEGACY) {
      it(`is copied when it is ${name}`, async () => {
        const wanted: HistoryRecord[] = legacyRecords(magic, { first: 10n, step: 3n }).map(
          (record) => ({ ...record, partition: 0, headers: [] }),
        );
        await writeUnique(source, { topic, count: 3 });
        const producer = await bench.producerFor(topic);
        const options = { topic, targetTopic: `a.${topic}`, partitions: 1, producer };
        const { copiers, save } = await bench.copier(options);
        await copiedUpTo(copiers[0]!, 29n);
        save();
        const copied = await readTopic(target, `a.${topic}`);
        assertMirrored(wanted, copied.slice(0, wanted.length));
        assert.equal(copied.length, wanted.length + 3);
        const runs = bench.map.get(`${topic}-0`)!.map(({ sourceStart }) => sourceStart);
        assert.deepEqual(runs.slice(-6), [10n, 13n, 16n, 19n, 22n, 25n]);
      });
    }

    it('halts its partition alone where a CRC is wrong, and names the batch', async () => {
      const producer = await bench.producerFor('flipped');
      const options = { topic: 'flipped', targetTopic: 'a.flipped', partitions: 3, producer };
      const { copiers } = await bench.copier(options);
      await copiedUpTo(copiers[2]!, 50n);
      for (const partition of [0, 1]) {
        const copier = copiers[partition]!;
        await eventually(() => copier.state === 'halted');
        assert.equal(copier.halt?.haltCode, 'corrupt-batch');
        const message = copier.halt.message;
        assert.match(message, new RegExp(`^flipped-${partition}, source offsets 30 to 39`));
      }
      await writeUnique(source, { topic: 'flipped', partitions: [0, 1, 2], count: 5, from: 50 });
      await copiedUpTo(copiers[2]!, 55n);
      const copied = await readTopic(target, 'a.flipped');
      const counts = [0, 1, 2].map(
        (wanted) => copied.filter(({ partition }) => partition === wanted).length,
      );
      assert.deepEqual(counts, [30, 30, 55]);
    });
  });
}
