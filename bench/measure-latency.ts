import { systemClock } from '../common/clock.js';
import type { BrokerConnection, KafkaCluster } from '../kafka/client/index.js';
import { fetch } from '../kafka/messages/fetch.js';
import { buildBatch } from '../kafka/records/build-batch.js';
import { lastOffset } from '../kafka/records/batch-header.js';
import { splitBatches } from '../kafka/records/batch-splitter.js';
import { lastLogLines } from '../test/kit/server-process.js';
import { targetTopicOf, type CopierPlace } from './copier-config.js';
import { jsonText } from './json-text.js';
import { cpuSecondsOf, peakBytesOf } from './process-usage.js';
import { produceOnce } from './produce-batches.js';
import type { LatencyRound, Subject } from './results.js';
import { seededRandom } from '../test/kit/seeded-random.js';
import { startCopier } from './start-copier.js';
import { percentile } from './statistics.js';
import { createReadyTopic, type TestBed } from './test-bed.js';
import { watchTarget } from './watch-target.js';
import type { LatencyWorkload } from './workloads.js';

const FETCH_BYTES_MAX = 1024 * 1024;
const FETCH_WAIT_MS = 500;
const TIMEOUT_MS = 30_000;

/** Before the measured records, so that all code that they pass has been compiled. */
const WARM_UP_SECONDS = 10;
const WARM_UP_SECONDS_QUICK = 1;

const START_MS_MAX = 120_000;
const ARRIVAL_MS_MAX = 20_000;

export interface LatencyTask {
  readonly bed: TestBed;
  readonly workload: LatencyWorkload;
  readonly topic: string;
  readonly place: CopierPlace;
  readonly round: number;
  readonly quick: boolean;
  readonly subject: Subject;
}

/**
 * One record at a time at a low, steady rate. For the broker limit they are produced to the target
 * itself: what is left then is the cost of the two brokers' clients.
 */
export async function measureLatency(task: LatencyTask): Promise<LatencyRound> {
  const { bed, subject, topic, place } = task;
  const isLimit = subject === 'limit';
  const targetTopic = isLimit ? topic : targetTopicOf(place);
  const cluster = isLimit ? bed.target : bed.source;
  const created = { name: topic, partitionCount: 1, replicationFactor: 1 };
  await createReadyTopic(cluster, created, [0]);
  const writer = await RecordWriter.open(cluster.client, task);
  await writer.write();
  if (isLimit) {
    return { ...(await sendAndReceive(task, writer, targetTopic)), subject, round: task.round };
  }
  const { codec, mm2 = {} } = task.workload;
  const copier = startCopier({ kind: subject, place, codec, mm2 });
  try {
    await watchTarget(bed.target.client, 1, {
      topic: targetTopic,
      partitions: [0],
      startedMs: systemClock.nowMs(),
      limitMs: START_MS_MAX,
      check: () => {
        if (!copier.running) throw new Error('ended before the first record arrived');
      },
      onRecords: () => undefined,
    });
    const before = { ms: systemClock.nowMs(), cpu: cpuSecondsOf(copier.pid) };
    const latencies = await sendAndReceive(task, writer, targetTopic);
    const seconds = (systemClock.nowMs() - before.ms) / 1000;
    const cores = (cpuSecondsOf(copier.pid) - before.cpu) / seconds;
    return {
      ...latencies,
      subject,
      round: task.round,
      cores,
      peakBytes: peakBytesOf(copier.pid),
    };
  } catch (error) {
    const message = `${subject}: ${(error as Error).message}`;
    throw new Error(`${message}\n${lastLogLines(copier.logFile)}`, { cause: error });
  } finally {
    await copier.kill();
  }
}

/** Writes one record at a time, and remembers when; the n-th has offset n on both sides. */
export class RecordWriter {
  readonly sentMs: number[] = [];
  readonly #connection: BrokerConnection;
  readonly #topic: string;
  readonly #value: Buffer;

  private constructor(connection: BrokerConnection, task: LatencyTask) {
    this.#connection = connection;
    this.#topic = task.topic;
    this.#value = jsonText(seededRandom(1), task.workload.valueBytes);
  }

  static async open(cluster: KafkaCluster, task: LatencyTask): Promise<RecordWriter> {
    await cluster.metadata([task.topic]);
    const nodeId = cluster.leaderOf(task.topic, 0)?.nodeId ?? -1;
    return new RecordWriter(await cluster.connection(nodeId, 'bench-produce'), task);
  }

  async write(): Promise<void> {
    const timestamp = BigInt(systemClock.wallMs());
    const key = Buffer.from(String(this.sentMs.length));
    const records = buildBatch({ records: [{ key, value: this.#value, timestamp }] });
    this.sentMs.push(systemClock.nowMs());
    await produceOnce(this.#connection, this.#topic, [{ partitionIndex: 0, records }]);
  }
}

async function sendAndReceive(
  task: LatencyTask,
  writer: RecordWriter,
  targetTopic: string,
): Promise<Pick<LatencyRound, 'records' | 'p50Ms' | 'p99Ms' | 'p999Ms'>> {
  const { workload, quick } = task;
  const warmUp = (quick ? WARM_UP_SECONDS_QUICK : WARM_UP_SECONDS) * 1000;
  const measured = (quick ? workload.quickSeconds : workload.seconds) * 1000;
  const first = Math.ceil(warmUp / workload.intervalMs);
  const count = first + Math.ceil(measured / workload.intervalMs);
  const stop = new AbortController();
  const arrived = receive(task.bed.target.client, { topic: targetTopic, count }, stop.signal);
  arrived.catch(() => undefined); // it is awaited below, after the last record was sent
  const startedMs = systemClock.nowMs();
  const sent: Promise<void>[] = [];
  while (writer.sentMs.length < count) {
    sent.push(writer.write());
    const dueMs = startedMs + writer.sentMs.length * workload.intervalMs;
    await systemClock.sleep(Math.max(0, dueMs - systemClock.nowMs()));
  }
  await Promise.all(sent);
  const timer = setTimeout(() => stop.abort(new Error('records are missing')), ARRIVAL_MS_MAX);
  const arrivedMs = await arrived;
  clearTimeout(timer);
  const latencies = arrivedMs
    .map((ms, offset) => ms - (writer.sentMs[offset] ?? NaN))
    .slice(first, count);
  return {
    records: latencies.length,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    p999Ms: percentile(latencies, 0.999),
  };
}

/** When each of the first `count` offsets was first seen. */
async function receive(
  cluster: KafkaCluster,
  options: { readonly topic: string; readonly count: number },
  signal: AbortSignal,
): Promise<number[]> {
  const { topic, count } = options;
  await cluster.metadata([topic]);
  const nodeId = cluster.leaderOf(topic, 0)?.nodeId ?? -1;
  const connection = await cluster.connection(nodeId, 'bench-consume');
  const arrivedMs: number[] = [];
  while (arrivedMs.length < count) {
    signal.throwIfAborted();
    const response = await connection.request(
      fetch,
      fetchRequest(cluster.topicIdOf(topic) ?? '', arrivedMs.length),
      { timeoutMs: TIMEOUT_MS, signal },
    );
    const nowMs = systemClock.nowMs();
    const { records } = response.responses[0]?.partitions[0] ?? {};
    for (const batch of splitBatches(records ?? Buffer.alloc(0)).batches) {
      while (arrivedMs.length <= Number(lastOffset(batch))) arrivedMs.push(nowMs);
    }
  }
  return arrivedMs;
}

export function fetchRequest(
  topicId: string,
  offset: number,
): Parameters<typeof fetch.encodeRequest>[1] {
  return {
    maxWaitMs: FETCH_WAIT_MS,
    minBytes: 1,
    maxBytes: FETCH_BYTES_MAX,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [
      {
        topicId,
        partitions: [
          {
            partition: 0,
            currentLeaderEpoch: -1,
            fetchOffset: BigInt(offset),
            lastFetchedEpoch: -1,
            partitionMaxBytes: FETCH_BYTES_MAX,
          },
        ],
      },
    ],
    forgottenTopics: [],
    rackId: '',
  };
}
