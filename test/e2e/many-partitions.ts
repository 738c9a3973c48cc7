import assert from 'node:assert/strict';
import { cpuSecondsOf, peakBytesOf } from '../../bench/process-usage.js';
import { AGENT_MEMORY_BYTES_MIN } from '../../mirror/config/service-options.js';
import { eventually } from '../kit/eventually.js';
import { assertMirrored, type HistoryRecord } from '../kit/history-checker.js';
import { MANY_PARTITIONS_CONFIG } from '../kit/kafka-config.js';
import { MirroredPair } from '../kit/mirrored-pair.js';
import { readTopic } from '../kit/read-topic.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const MIB = 1024 * 1024;

/** The program, and what it keeps for each partition; besides the budget for batches. */
const PROCESS_BYTES_MAX = 320 * MIB;
const PARTITION_BYTES_MAX = 16 * 1024;

/** With nothing to do: some tenths of this are seen. */
const IDLE_CORES_MAX = 0.25;
const IDLE_SAMPLE_MS = 8_000;

const TOPICS = 10;

/** Some partitions with much: together more than the budget. */
const HEAVY_PARTITIONS = 5;
const HEAVY_RECORDS = 4_000;

export interface ManyPartitions {
  readonly partitions: number;
  readonly brokerHeapMb: number;
  readonly settleMsMax: number;
}

/** One mirror-maker, the smallest budget that it takes, and this many partitions: each is copied. */
export async function checkManyPartitions(size: ManyPartitions): Promise<void> {
  const pair = await MirroredPair.open({
    broker: MANY_PARTITIONS_CONFIG,
    brokerHeapMb: size.brokerHeapMb,
    flowLines: [
      'us-east->us-west.topics = many-.*',
      `agent.memory.bytes.max = ${AGENT_MEMORY_BYTES_MIN}`,
    ],
  });
  try {
    await copyAndCheck(pair, size);
  } finally {
    await pair.close();
  }
}

async function copyAndCheck(pair: MirroredPair, size: ManyPartitions): Promise<void> {
  const perTopic = size.partitions / TOPICS;
  const topics = Array.from({ length: TOPICS }, (_, index) => `many-${index}`);
  const all = Array.from({ length: perTopic }, (_, partition) => partition);
  for (const topic of topics) await createTopics(pair.east, [{ topic, partitions: perTopic }]);
  await pair.start();
  const { pid } = pair.programs.get('mirror-maker')!;
  await pair.caughtUp(topics, size.settleMsMax);

  const fromCpu = cpuSecondsOf(pid);
  const fromMs = performance.now();
  await new Promise((resolve) => setTimeout(resolve, IDLE_SAMPLE_MS));
  const cores = (cpuSecondsOf(pid) - fromCpu) / ((performance.now() - fromMs) / 1_000);

  for (const topic of topics)
    await writeUnique(pair.east, { topic, partitions: all, count: 1, batchRecords: 1 });
  await writeUnique(pair.east, {
    ...{ topic: topics[0]!, partitions: all.slice(0, HEAVY_PARTITIONS), producer: 'heavy' },
    ...{ count: HEAVY_RECORDS, batchRecords: 500, valueBytes: 1_000 },
  });
  for (const topic of topics) await checkCopied(pair, topic, size);
  const peak = peakBytesOf(pid);
  const bound = AGENT_MEMORY_BYTES_MIN + PROCESS_BYTES_MAX + size.partitions * PARTITION_BYTES_MAX;
  console.log(`# idle: ${cores.toFixed(3)} cores; peak: ${Math.round(peak / MIB)} MiB`);
  assert.ok(cores < IDLE_CORES_MAX, `${cores} cores are used with nothing to do`);
  assert.ok(peak < bound, `${peak} bytes at the peak, ${bound} are allowed`);
}

async function checkCopied(pair: MirroredPair, topic: string, size: ManyPartitions): Promise<void> {
  const original = await readTopic(pair.east, topic);
  assert.equal(new Set(original.map(({ partition }) => partition)).size, size.partitions / TOPICS);
  let copy: HistoryRecord[] = [];
  await eventually(
    async () => {
      copy = await readTopic(pair.west, `us-east.${topic}`);
      return copy.length >= original.length;
    },
    () => `${copy.length} of ${original.length} records of ${topic}`,
    size.settleMsMax,
  );
  assertMirrored(original, copy);
}
