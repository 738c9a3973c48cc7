import { systemClock } from '../common/clock.js';
import { silentLogger } from '../common/log.js';
import { AdminClient } from '../kafka/admin/admin-client.js';
import type { NewTopic } from '../kafka/admin/topic-admin.js';
import { KafkaCluster } from '../kafka/client/index.js';
import { ErrorCode } from '../kafka/messages/error-codes.js';
import { TIMESTAMP_LATEST } from '../kafka/messages/list-offsets.js';
import { DelayProxy } from '../test/kit/delay-proxy.js';
import { eventually } from '../test/kit/eventually.js';
import { startKafka, type KafkaServers } from '../test/kit/start-kafka.js';
import { cpuSecondsOf } from './process-usage.js';
import type { Link } from './workloads.js';

/** The listener behind the link; the other one is for all who are near. */
const LINK_LISTENER = 'LINK';

const BROKER_HEAP_MB = 1024;

/** Deleted topics go at once, so that the next run finds the disk and the caches as the last did. */
const BROKER_CONFIG = {
  'log.segment.delete.delay.ms': '500',
  'log.cleaner.backoff.ms': '500',
  'log.cleaner.dedupe.buffer.size': String(64 * 1024 * 1024),
  // Reserved for each segment, twice: with 1,000 partitions the default is a lot of nothing.
  'log.index.size.max.bytes': String(1024 * 1024),
  // A topic's policies that reach back in time would delete what was just written.
  'log.retention.ms': '-1',
};

/** A broker counts as quiet when it uses less of a core than this... */
const QUIET_CORES_MAX = 0.12;
/** ...for this long; a benchmark begins no later than that. */
const QUIET_SAMPLE_MS = 500;
const QUIET_WAIT_MS_MAX = 30_000;

/** One of the two clusters, as the benchmark sees it. */
export interface BenchCluster {
  readonly servers: KafkaServers;
  readonly client: KafkaCluster;
  readonly admin: AdminClient;
  /** Its broker's process. */
  readonly pid: number;
  readonly link: DelayProxy;
}

export interface TestBed {
  readonly source: BenchCluster;
  readonly target: BenchCluster;
  [Symbol.asyncDispose](): Promise<void>;
}

async function startCluster(name: string): Promise<BenchCluster> {
  const link = await DelayProxy.start({ roundTripMs: 0 });
  const servers = await startKafka({
    name,
    config: BROKER_CONFIG,
    heapMb: BROKER_HEAP_MB,
    listeners: { [LINK_LISTENER]: 'PLAINTEXT' },
    advertisedPorts: { [LINK_LISTENER]: [link.port] },
    tunedFor: 'throughput',
  });
  const broker = servers.brokers[0];
  if (broker === undefined) throw new Error(`${name} has no broker`);
  link.leadTo(broker.ports[LINK_LISTENER] ?? 0);
  const client = new KafkaCluster({
    alias: name,
    bootstrapServers: [servers.bootstrapServers],
    clientId: 'bench',
    clock: systemClock,
    log: silentLogger,
  });
  const admin = new AdminClient({ cluster: client, clock: systemClock });
  return { servers, client, admin, pid: broker.pid, link };
}

async function stopCluster(cluster: BenchCluster): Promise<void> {
  await cluster.client.close();
  await cluster.link.close();
  await cluster.servers.stop();
}

/** Two clusters of one broker each, with a link to each that can be made long. */
export async function startTestBed(): Promise<TestBed> {
  const [source, target] = await Promise.all([startCluster('source'), startCluster('target')]);
  return {
    source,
    target,
    async [Symbol.asyncDispose]() {
      await Promise.all([stopCluster(source), stopCluster(target)]);
    },
  };
}

/** Where a copier reaches this cluster: through its link when the workload has one there. */
export function bootstrapOf(cluster: BenchCluster, link: Link | undefined): string {
  if (link === undefined) return cluster.servers.bootstrapServers;
  cluster.link.oneWayMs = link.roundTripMs / 2;
  return `127.0.0.1:${cluster.link.port}`;
}

/** Creates a topic, and waits until each of these partitions can be written to. */
export async function createReadyTopic(
  cluster: BenchCluster,
  topic: NewTopic,
  partitions: readonly number[],
): Promise<void> {
  await cluster.admin.createTopic(topic);
  const items = partitions.map((partition) => ({ topic: topic.name, partition }));
  await eventually(async () => {
    const { topics } = await cluster.client.metadata([topic.name]);
    if (topics.get(topic.name)?.errorCode !== ErrorCode.NONE) return false;
    const ends = await cluster.client.listOffsets(items, TIMESTAMP_LATEST);
    return [...ends.values()].every(({ errorCode }) => errorCode === ErrorCode.NONE);
  });
}

/** Waits until both brokers have done what was left over, such as deleting files. */
export async function waitUntilQuiet(bed: TestBed): Promise<void> {
  const deadlineMs = systemClock.nowMs() + QUIET_WAIT_MS_MAX;
  const used = (): number => cpuSecondsOf(bed.source.pid) + cpuSecondsOf(bed.target.pid);
  while (systemClock.nowMs() < deadlineMs) {
    const before = used();
    await systemClock.sleep(QUIET_SAMPLE_MS);
    if (used() - before < (QUIET_CORES_MAX * QUIET_SAMPLE_MS) / 1000) return;
  }
}

/** Everything but Kafka's own topics and those to keep: a run leaves nothing to the next. */
export async function deleteTopicsExcept(
  cluster: BenchCluster,
  kept: readonly string[],
): Promise<void> {
  const surplus = async (): Promise<string[]> => {
    const { topics } = await cluster.client.metadata(null);
    return [...topics.keys()].filter((name) => !name.startsWith('__') && !kept.includes(name));
  };
  for (const name of await surplus()) await cluster.admin.deleteTopic(name);
  await eventually(async () => (await surplus()).length === 0);
}
