import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ALIGNED_CHUNK_RECORDS } from '../../../agent/replication/limits.js';
import { systemClock } from '../../../common/clock.js';
import { AdminClient } from '../../../kafka/admin/admin-client.js';
import { isControl, recordCount } from '../../../kafka/records/batch-header.js';
import { initCodecs } from '../../../kafka/records/compression.js';
import { fetchBatches, type Place } from '../../kafka/records/on-broker.js';
import { eventually } from '../../kit/eventually.js';
import { assertMirrored, checkOffsetMap } from '../../kit/history-checker.js';
import { readTopic } from '../../kit/read-topic.js';
import { startKafka, type KafkaServers } from '../../kit/start-kafka.js';
import { createTopics, writeUnique } from '../../kit/write-unique.js';
import { Bench, copiedUpTo } from './copy-bench.js';

const KEYS = 9_000;
const COPIED = 3 * ALIGNED_CHUNK_RECORDS;
const CLEANING_MS_MAX = 120_000;

/** A segment rolls with the first append after this, and the cleaner leaves only the last one alone. */
const COMPACTED = {
  'cleanup.policy': 'compact',
  'segment.ms': '100',
  'min.cleanable.dirty.ratio': '0.001',
};

/** Not in turn, so that what compaction leaves is scattered over both logs. */
const keyOf = (n: number): string => `key ${(n * 7_919 + (n >> 5)) % KEYS}`;

describe('a position that is far behind what compaction took', () => {
  let source: KafkaServers;
  let target: KafkaServers;
  let bench: Bench;

  before(async () => {
    await initCodecs();
    const config = { 'log.cleaner.backoff.ms': '100', 'log.retention.check.interval.ms': '1000' };
    [source, target] = await Promise.all([
      startKafka({ name: 'align-source', config }),
      startKafka({ name: 'align-target', config }),
    ]);
    bench = new Bench(source, target);
  });

  after(async () => {
    await bench.close();
    await Promise.all([source.stop(), target.stop()]);
  });

  async function untilCleaned(place: Place): Promise<void> {
    let left = 0;
    await eventually(
      async () => {
        const batches = (await fetchBatches(place)).filter((batch) => !isControl(batch));
        left = batches.reduce((sum, batch) => sum + recordCount(batch), 0);
        return left < COPIED / 2;
      },
      () => `${left} records left`,
      CLEANING_MS_MAX,
    );
  }

  /** For what is read twice: a record that is cleaned between the two is in one of them. */
  async function cleanNoMore(place: Place, servers: KafkaServers): Promise<void> {
    const admin = new AdminClient({ cluster: place.cluster, clock: systemClock });
    await admin.alterTopicConfigs(place.topic, { 'cleanup.policy': 'delete' });
    await eventually(async () => {
      const entries = await admin.describeTopicConfigs(place.topic);
      return entries.some(({ name, value }) => name === 'cleanup.policy' && value === 'delete');
    });
    // The broker has heard of it, and heeds it before it makes a topic of which it hears later.
    await createTopics(servers, [{ topic: `after-${place.topic}` }]);
  }

  it('is found exactly, with both logs cleaned and many chunks of records behind it', async () => {
    await createTopics(source, [{ topic: 'far', config: COMPACTED }]);
    await createTopics(target, [{ topic: 'a.far', config: COMPACTED }]);
    const places = {
      source: { cluster: bench.cluster(source), topic: 'far', partition: 0 },
      target: { cluster: bench.cluster(target), topic: 'a.far', partition: 0 },
    };
    const options = {
      ...{ topic: 'far', targetTopic: 'a.far', partitions: 1 },
      producer: await bench.producerFor('far'),
    };
    const write = { topic: 'far', batchRecords: 4_096, valueBytes: 8, key: keyOf };
    const first = await bench.copier(options);
    const { next } = await writeUnique(source, { ...write, count: COPIED });
    await copiedUpTo(first.copiers[0]!, BigInt(COPIED));
    await first.flow.close();
    // Only the starting point was ever persisted.
    bench.map.set('far-0', [{ sourceStart: 0n, targetStart: 0n, length: 0n }]);
    // The first of them ends a segment, so that all that was copied can be cleaned.
    await writeUnique(source, { ...write, from: next, count: 5_000 });
    await Promise.all([untilCleaned(places.source), untilCleaned(places.target)]);
    await Promise.all([cleanNoMore(places.source, source), cleanNoMore(places.target, target)]);
    const kept = await readTopic(target, 'a.far');

    const second = await bench.copier(options);
    const from = await readTopic(source, 'far');
    await copiedUpTo(second.copiers[0]!, from.at(-1)!.offset + 1n);
    second.save();
    const to = await readTopic(target, 'a.far');
    // What came behind what was there is what had not been copied: all of it, once, and in order.
    assert.deepEqual(
      to.slice(0, kept.length).map(({ offset }) => offset),
      kept.map(({ offset }) => offset),
    );
    const isCopied = (offset: bigint): boolean => offset < BigInt(COPIED);
    assertMirrored(
      from.filter(({ offset }) => !isCopied(offset)),
      to.slice(kept.length),
    );
    // And the map says of each record that both have where it is.
    const onTarget = new Set(to.map(({ value }) => value!.toString()));
    const both = from.filter(({ value }) => onTarget.has(value!.toString()));
    const points = bench.mapPoints('far');
    assert.deepEqual(points.length, both.length);
    assert.ok(both.filter(({ offset }) => isCopied(offset)).length > KEYS / 4);
    assert.deepEqual(checkOffsetMap(from, to, points), []);
  });
});
