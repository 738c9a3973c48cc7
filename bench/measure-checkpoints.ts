import { systemClock } from '../common/clock.js';
import { AdminClient } from '../kafka/admin/admin-client.js';
import type { KafkaCluster } from '../kafka/client/index.js';
import { fetch } from '../kafka/messages/fetch.js';
import { isControl, lastOffset } from '../kafka/records/batch-header.js';
import { splitBatches } from '../kafka/records/batch-splitter.js';
import { readBatch } from '../kafka/records/build-batch.js';
import { decodeCheckpoint } from '../mirror/records/checkpoint.js';
import { lastLogLines } from '../test/kit/server-process.js';
import { targetTopicOf } from './copier-config.js';
import { fetchRequest, RecordWriter, type LatencyTask } from './measure-latency.js';
import { cpuSecondsOf, peakBytesOf } from './process-usage.js';
import type { CopierKind } from './start-copier.js';
import type { LatencyRound } from './results.js';
import { startCopier } from './start-copier.js';
import { percentile } from './statistics.js';
import { createReadyTopic } from './test-bed.js';
import { watchTarget } from './watch-target.js';

const WARM_UP_SECONDS = 10;
const WARM_UP_SECONDS_QUICK = 2;
const START_MS_MAX = 120_000;

/** MirrorMaker 2 finds groups at intervals, and then needs a sync behind what the group has read. */
const FIRST_CHECKPOINT_MS_MAX = 120_000;
const LAST_CHECKPOINT_MS_MAX = 30_000;
const LOOK_INTERVAL_MS = 20;
const FETCH_TIMEOUT_MS = 30_000;

/** One checkpoint of the measured group, as a consumer of the target saw it. */
interface Seen {
  readonly upstreamOffset: bigint;
  readonly downstreamOffset: bigint;
  readonly atMs: number;
}

/** Acknowledged by the source. */
interface Commit {
  readonly offset: bigint;
  readonly atMs: number;
}

/**
 * From the commit of a group at the source, when that is acknowledged, to the first checkpoint on the
 * target that is about it or a later one. The group reads right behind the producer: each record is
 * committed at once. The topic is dense, so that a checkpoint names how many records it would repeat.
 */
export async function measureCheckpoints(task: LatencyTask): Promise<LatencyRound> {
  const { bed, subject, topic, place } = task;
  if (subject === 'limit') throw new Error('there are no checkpoints without a copier');
  await createReadyTopic(bed.source, { name: topic, partitionCount: 1, replicationFactor: 1 }, [0]);
  const writer = await RecordWriter.open(bed.source.client, task);
  const group = new Group(bed.source.client, {
    group: `bench-${place.sourceAlias}`,
    writer,
    topic,
  });
  await group.advance();
  const { codec, mm2 = {} } = task.workload;
  const copier = startCopier({ kind: subject satisfies CopierKind, place, codec, mm2 });
  const stop = new AbortController();
  const checkpoints: Seen[] = [];
  try {
    const check = (): void => {
      if (!copier.running) throw new Error('ended before the first checkpoint');
    };
    await watchTarget(bed.target.client, 1, {
      topic: targetTopicOf(place),
      partitions: [0],
      startedMs: systemClock.nowMs(),
      limitMs: START_MS_MAX,
      check,
      onRecords: () => undefined,
    });
    const following = follow(
      bed.target.client,
      { topic: `${place.sourceAlias}.checkpoints.internal`, group: group.name, check },
      { seen: checkpoints, signal: stop.signal },
    );
    following.catch(() => undefined); // it is awaited in the end
    await until(
      () => checkpoints.length > 0,
      FIRST_CHECKPOINT_MS_MAX,
      () => group.advance(),
    );
    const before = { ms: systemClock.nowMs(), cpu: cpuSecondsOf(copier.pid) };
    const measured = await measure(task, group, checkpoints);
    const seconds = (systemClock.nowMs() - before.ms) / 1000;
    const cores = (cpuSecondsOf(copier.pid) - before.cpu) / seconds;
    stop.abort();
    await following;
    return { ...measured, subject, round: task.round, cores, peakBytes: peakBytesOf(copier.pid) };
  } catch (error) {
    const message = `${subject}: ${(error as Error).message}`;
    throw new Error(`${message}\n${lastLogLines(copier.logFile)}`, { cause: error });
  } finally {
    stop.abort();
    await copier.kill();
  }
}

async function measure(
  { workload, quick }: LatencyTask,
  group: Group,
  checkpoints: readonly Seen[],
): Promise<Pick<LatencyRound, 'records' | 'p50Ms' | 'p99Ms' | 'p999Ms' | 'rereadRecords'>> {
  const warmUpMs = (quick ? WARM_UP_SECONDS_QUICK : WARM_UP_SECONDS) * 1000;
  const measuredMs = (quick ? workload.quickSeconds : workload.seconds) * 1000;
  const startedMs = systemClock.nowMs();
  const count = Math.ceil((warmUpMs + measuredMs) / workload.intervalMs);
  for (let n = 0; n < count; n++) {
    await group.advance();
    const dueMs = startedMs + (n + 1) * workload.intervalMs;
    await systemClock.sleep(Math.max(0, dueMs - systemClock.nowMs()));
  }
  const last = group.commits.at(-1)?.offset ?? 0n;
  await until(
    () => (checkpoints.at(-1)?.upstreamOffset ?? 0n) >= last,
    LAST_CHECKPOINT_MS_MAX,
    () => systemClock.sleep(LOOK_INTERVAL_MS),
  );
  const warm = group.commits.filter(({ atMs }) => atMs >= startedMs + warmUpMs);
  const latencies = warm.map(({ offset, atMs }) => {
    const first = checkpoints.find(({ upstreamOffset }) => upstreamOffset >= offset);
    return Math.max(0, (first?.atMs ?? Infinity) - atMs);
  });
  return {
    records: latencies.length,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    p999Ms: percentile(latencies, 0.999),
    rereadRecords: rereadOnAverage(warm, checkpoints),
  };
}

/** What a failover would repeat, just before each commit: what was read less what is known on the target. */
function rereadOnAverage(commits: readonly Commit[], checkpoints: readonly Seen[]): number {
  let sum = 0;
  for (const [index, commit] of commits.entries()) {
    const untilMs = commits[index + 1]?.atMs ?? Infinity;
    const known = checkpoints.findLast(({ atMs }) => atMs < untilMs)?.downstreamOffset ?? 0n;
    sum += Number(commit.offset - known);
  }
  return sum / Math.max(1, commits.length);
}

/** Reads each record at once, and says so. */
class Group {
  readonly name: string;
  readonly commits: Commit[] = [];
  readonly #admin: AdminClient;
  readonly #writer: RecordWriter;
  readonly #topic: string;

  constructor(
    cluster: KafkaCluster,
    options: { readonly group: string; readonly writer: RecordWriter; readonly topic: string },
  ) {
    this.name = options.group;
    this.#admin = new AdminClient({ cluster, clock: systemClock });
    this.#writer = options.writer;
    this.#topic = options.topic;
  }

  async advance(): Promise<void> {
    await this.#writer.write();
    const offset = BigInt(this.#writer.sentMs.length);
    const commit = { topic: this.#topic, partition: 0, offset };
    const failures = await this.#admin.commitGroupOffsets(this.name, [commit]);
    if (failures[0] !== undefined) throw new Error(`commit: ${failures[0].errorName}`);
    this.commits.push({ offset, atMs: systemClock.nowMs() });
  }
}

async function until(
  condition: () => boolean,
  limitMs: number,
  meanwhile: () => Promise<void>,
): Promise<void> {
  const deadlineMs = systemClock.nowMs() + limitMs;
  while (!condition()) {
    if (systemClock.nowMs() > deadlineMs) throw new Error(`no checkpoint within ${limitMs} ms`);
    await meanwhile();
    await systemClock.sleep(LOOK_INTERVAL_MS);
  }
}

/** Long polls, so that what arrives is seen at once. */
async function follow(
  cluster: KafkaCluster,
  options: { readonly topic: string; readonly group: string; readonly check: () => void },
  into: { readonly seen: Seen[]; readonly signal: AbortSignal },
): Promise<void> {
  const { topic, group, check } = options;
  const { seen, signal } = into;
  while (cluster.leaderOf(topic, 0) === undefined && !signal.aborted) {
    check();
    await cluster.metadata([topic]);
    await systemClock.sleep(LOOK_INTERVAL_MS);
  }
  const nodeId = cluster.leaderOf(topic, 0)?.nodeId ?? -1;
  const connection = await cluster.connection(nodeId, 'bench-checkpoints');
  let next = 0;
  while (!signal.aborted) {
    const request = fetchRequest(cluster.topicIdOf(topic) ?? '', next);
    const response = await connection.request(fetch, request, { timeoutMs: FETCH_TIMEOUT_MS });
    const atMs = systemClock.nowMs();
    const { records } = response.responses[0]?.partitions[0] ?? {};
    for (const batch of splitBatches(records ?? Buffer.alloc(0)).batches) {
      next = Number(lastOffset(batch)) + 1;
      if (isControl(batch)) continue;
      for (const { key, value } of readBatch(batch)) {
        if (key === null || value === null) continue;
        const { upstreamOffset, downstreamOffset, ...at } = decodeCheckpoint(key, value);
        if (at.group === group) seen.push({ upstreamOffset, downstreamOffset, atMs });
      }
    }
  }
}
