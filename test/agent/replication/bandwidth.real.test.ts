import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Bandwidth } from '../../../agent/replication/bandwidth.js';
import { TokenBucket } from '../../../agent/replication/token-bucket.js';
import { systemClock } from '../../../common/clock.js';
import { assertMirrored } from '../../kit/history-checker.js';
import { readTopic } from '../../kit/read-topic.js';
import { startKafka, type KafkaServers } from '../../kit/start-kafka.js';
import { createTopics, writeUnique } from '../../kit/write-unique.js';
import { Bench, copiedUpTo } from './copy-bench.js';

const BYTES_PER_SECOND = 256 * 1024;

/** What one answer may bring at most: the least fetch under a limit, or a batch that is larger. */
const ANSWER_BYTES_MAX = 256 * 1024;

const BACKLOG = 6_000;
const FRESH = 50;

describe('a flow under a bandwidth limit', () => {
  let source: KafkaServers;
  let target: KafkaServers;
  let bench: Bench;

  before(async () => {
    const started = [startKafka({ name: 'source' }), startKafka({ name: 'target' })] as const;
    [source, target] = await Promise.all(started);
    bench = new Bench(source, target);
  });

  after(async () => {
    await bench.close();
    await Promise.all([source.stop(), target.stop()]);
  });

  it('catches up at the bounded rate, and keeps a fresh partition fresh meanwhile', async () => {
    for (const [cluster, topic] of [
      [source, 't'],
      [target, 's.t'],
    ] as const)
      await createTopics(cluster, [{ topic, partitions: 2 }]);
    await writeUnique(source, { topic: 't', partitions: [0], count: BACKLOG, valueBytes: 1_000 });
    const producer = await bench.producerFor('limited');
    const startedMs = systemClock.nowMs();
    const bucket = new TokenBucket(BYTES_PER_SECOND, startedMs);
    const bandwidth = new Bandwidth([bucket]);
    const copying = { topic: 't', targetTopic: 's.t', partitions: 2, producer, bandwidth };
    const { copiers } = await bench.copier(copying);
    const [behind, fresh] = [copiers[0]!, copiers[1]!];

    await writeUnique(source, { topic: 't', partitions: [1], count: FRESH, producer: 'fresh' });
    await copiedUpTo(fresh, BigInt(FRESH));
    assert.ok(behind.acked.sourceNext < BigInt(BACKLOG), 'the backlog is not done yet');
    const copied = behind.bytes + fresh.bytes;
    const elapsedMs = systemClock.nowMs() - startedMs;
    const allowed = (BYTES_PER_SECOND * (elapsedMs + 250)) / 1_000 + ANSWER_BYTES_MAX;
    assert.ok(copied <= allowed, `copied ${copied} bytes, ${allowed} are allowed`);

    bucket.limit(0, systemClock.nowMs());
    await copiedUpTo(behind, BigInt(BACKLOG));
    assertMirrored(await readTopic(source, 't'), await readTopic(target, 's.t'));
  });
});
