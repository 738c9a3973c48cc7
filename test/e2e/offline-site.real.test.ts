import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { systemClock } from '../../common/clock.js';
import { eventually } from '../kit/eventually.js';
import { assertMirrored, type HistoryRecord } from '../kit/history-checker.js';
import { connectKafkajs } from '../kit/kafkajs-client.js';
import { MirroredPair } from '../kit/mirrored-pair.js';
import type { KafkaServers } from '../kit/start-kafka.js';
import { readTopic } from '../kit/read-topic.js';
import { topicOffsets } from '../kit/topic-offsets.js';
import { createTopics, decodeUnique, writeUnique } from '../kit/write-unique.js';

const BYTES_PER_SECOND = 1024 * 1024;
const VALUE_BYTES = 1_000;
const PARTITIONS = { logs: 4, metrics: 2, alerts: 1 } as const;
/** In each partition of logs and metrics. */
const BACKLOG = 1_500;
/** As many before the site is back as after. */
const FRESH = 20;
const TOPICS = Object.keys(PARTITIONS);

/** A quarter of a second's burst, and an answer of the broker that was on its way. */
const BURST_BYTES = BYTES_PER_SECOND / 4 + 1024 * 1024;

/**
 * Of the backlog's records, those that may come to the target before one that is fresh: more than a burst
 * and what was on its way. Where a process stands still the backlog does as well, so this is not time.
 */
const AHEAD_MAX = Math.ceil((1.5 * BURST_BYTES) / VALUE_BYTES);

describe('a site that was offline', () => {
  let pair: MirroredPair;

  before(async () => {
    const limit = `us-east->us-west.bandwidth.bytes.per.second = ${BYTES_PER_SECOND}`;
    pair = await MirroredPair.open({
      ...{ flowLines: [limit], agents: ['edge'] },
      // The target says when it appended each record: what came before what is read from that alone.
      broker: { 'log.message.timestamp.type': 'LogAppendTime' },
    });
    const topics = Object.entries(PARTITIONS).map(([topic, partitions]) => ({ topic, partitions }));
    await createTopics(pair.east, topics);
    for (const topic of TOPICS)
      await writeUnique(pair.east, { topic, partitions: [0], count: 10, producer: 'before' });
    await pair.start();
    await pair.caughtUp(TOPICS);
  });

  after(async () => {
    await pair.stop();
    await pair.close();
  });

  /** Records of the topic that are on the target. */
  async function copied(topic: string): Promise<number> {
    const admin = connectKafkajs(pair.west).admin();
    await admin.connect();
    try {
      const offsets = await topicOffsets(admin, `us-east.${topic}`);
      return offsets.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0);
    } finally {
      await admin.disconnect();
    }
  }

  /** When the cluster appended what this producer wrote, in order. */
  async function appended(at: KafkaServers, topic: string, producer: string): Promise<number[]> {
    const records = await readTopic(at, at === pair.west ? `us-east.${topic}` : topic);
    const times = records
      .filter(({ value }) => decodeUnique(value!)?.producer === producer)
      .map(({ timestamp }) => Number(timestamp));
    return times.sort((a, b) => a - b);
  }

  const writeAlerts = (producer: string) =>
    writeUnique(pair.east, {
      ...{ topic: 'alerts', partitions: [0], count: FRESH, batchRecords: 1, producer },
    });

  it('catches up at the bounded rate, and what is fresh does not wait for it', async (t) => {
    await pair.programs.get('edge')?.kill('SIGKILL');
    const of = { count: BACKLOG, valueBytes: VALUE_BYTES, producer: 'away' };
    await writeUnique(pair.east, { topic: 'logs', partitions: [0, 1, 2, 3], ...of });
    await writeUnique(pair.east, { topic: 'metrics', partitions: [0, 1], ...of });

    await writeAlerts('late');
    const startedMs = systemClock.nowMs();
    await pair.startAgent('edge');
    await eventually(
      async () => (await copied('logs')) > 10,
      () => 'it copies again',
    );
    await writeAlerts('fresh');
    await eventually(async () => (await copied('alerts')) === 10 + 2 * FRESH);
    const backlog = (await copied('logs')) + (await copied('metrics')) - 20;
    const allowed = (BYTES_PER_SECOND * (systemClock.nowMs() - startedMs)) / 1_000 + BURST_BYTES;
    assert.ok(
      backlog * VALUE_BYTES <= allowed,
      `${backlog} records of 1 kB, ${allowed} bytes allowed`,
    );

    await pair.caughtUp(TOPICS);
    const logs = await appended(pair.west, 'logs', 'away');
    const metrics = await appended(pair.west, 'metrics', 'away');
    assert.ok(logs[0]! < metrics.at(-1)! && metrics[0]! < logs.at(-1)!, 'each has its part');
    const backlogAt = [...logs, ...metrics];
    const overtaken = (fromMs: number, untilMs: number): number =>
      backlogAt.filter((ms) => ms > fromMs && ms <= untilMs).length;
    const late = await appended(pair.west, 'alerts', 'late');
    const ahead = overtaken(-Infinity, late.at(-1)!);
    t.diagnostic(`${ahead} of ${backlogAt.length} records came before what was written last`);
    assert.ok(ahead <= AHEAD_MAX, `${ahead} records of the backlog came before them`);
    const [written, copiedAt] = [
      await appended(pair.east, 'alerts', 'fresh'),
      await appended(pair.west, 'alerts', 'fresh'),
    ];
    const waited = Math.max(...written.map((ms, index) => overtaken(ms, copiedAt[index]!)));
    t.diagnostic(`a fresh record waited for ${waited} at most`);
    assert.ok(waited <= AHEAD_MAX, `a fresh record waited for ${waited} of the backlog`);
    // When a record was appended is the one thing that is meant to differ here.
    const untimed = (records: readonly HistoryRecord[]): HistoryRecord[] =>
      records.map((record) => ({ ...record, timestamp: 0n }));
    for (const topic of TOPICS)
      assertMirrored(
        untimed(await readTopic(pair.east, topic)),
        untimed(await readTopic(pair.west, `us-east.${topic}`)),
      );
  });
});
