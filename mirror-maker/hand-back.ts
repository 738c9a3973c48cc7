import { Mm2Leftovers } from '../agent/takeover/mm2-leftovers.js';
import { readSmallTopic } from '../agent/takeover/read-small-topic.js';
import type { Clock } from '../common/clock.js';
import { MirrorError } from '../common/errors.js';
import type { Logger } from '../common/log.js';
import { mapEnd, QUIET_MS } from '../coordinator/service/stand-by.js';
import { Belongings } from '../coordinator/target/belongings.js';
import { InternalTopic } from '../coordinator/target/internal-topic.js';
import type { MappedEntry } from '../coordinator/target/mapped-entries.js';
import { OffsetMapStore } from '../coordinator/target/offset-map-store.js';
import type { MapEnd } from '../coordinator/target/partition-map.js';
import { appendRecords } from '../kafka/admin/append-records.js';
import { findTopic } from '../kafka/admin/find-topic.js';
import { SideTopic } from '../kafka/admin/side-topic.js';
import { createTopic } from '../kafka/admin/topic-admin.js';
import { KafkaCluster } from '../kafka/client/index.js';
import { requestTimeoutMs, securityOf } from '../kafka/client/security-options.js';
import { ErrorCode } from '../kafka/messages/error-codes.js';
import { TIMESTAMP_LATEST } from '../kafka/messages/list-offsets.js';
import type { NewRecord } from '../kafka/records/build-batch.js';
import { initCodecs } from '../kafka/records/compression.js';
import { partitionOfKey } from '../kafka/records/partition-of-key.js';
import type { ClientProperties, FlowConfig, MirrorConfig } from '../mirror/config/mirror-config.js';
import { decodeConnectOffset, encodeConnectOffset } from '../mirror/records/connect-offset.js';
import { encodeOffsetSync } from '../mirror/records/offset-sync.js';

/** Connect's own default of `offset.storage.partitions`. */
const OFFSET_PARTITIONS = 25;

/** Records of one batch: some 400 bytes each at most. */
const BATCH_RECORDS_MAX = 1_000;

/** A read-only look at the map: nothing is ever appended with it. */
const NO_PRODUCER = { producerId: -1n, producerEpoch: -1 };

export interface HandBackOptions {
  config: MirrorConfig;
  clock: Clock;
  log: Logger;
  /** For people: one line. */
  say: (line: string) => void;
}

/** Thrown where MirrorMaker 2 could not go on exactly; nothing was changed for the flow. */
export class HandBackError extends MirrorError {
  readonly code = 'MIRROR_HAND_BACK';
  readonly retriable = false;
}

/**
 * Leaves every flow so that MirrorMaker 2 goes on with the first record that was not copied: writes its
 * committed offsets, under the very keys it looks for, and a last offset sync for each partition.
 * Run while neither copies.
 */
export async function handBack(options: HandBackOptions, signal: AbortSignal): Promise<void> {
  await initCodecs();
  await requireNobodyCopies(options, signal);
  for (const flow of options.config.flows.filter(({ enabled }) => enabled)) {
    await using source = clusterOf(options, flow.source, flow.sourceConsumer);
    await using target = clusterOf(options, flow.target, flow.targetAdmin);
    await handBackFlow({ ...options, flow, source, target }, signal);
  }
}

/** A running mirror-maker, or coordinator, writes the map of each of its flows again and again. */
async function requireNobodyCopies(options: HandBackOptions, signal: AbortSignal): Promise<void> {
  const { clock } = options;
  const before = await endsOfMaps(options, signal);
  if (before.size === 0) return;
  await clock.sleep(QUIET_MS, signal);
  const after = await endsOfMaps(options, signal);
  const moved = [...before].filter(([flow, end]) => after.get(flow) !== end).map(([flow]) => flow);
  if (moved.length === 0) return;
  throw new HandBackError(
    `a mirror-maker or mirror-coordinator still runs ${moved.join(', ')}: stop it first with ` +
      'SIGTERM, then call this again',
  );
}

/** Of the flows that have a map, by flow. */
async function endsOfMaps(
  options: HandBackOptions,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, bigint>> {
  const ends = new Map<string, bigint>();
  for (const flow of options.config.flows.filter(({ enabled }) => enabled)) {
    await using target = clusterOf(options, flow.target, flow.targetAdmin);
    const end = await mapEnd({ flow, cluster: target }, signal);
    if (end !== undefined) ends.set(flow.id, end);
  }
  return ends;
}

interface HandedFlow extends HandBackOptions {
  flow: FlowConfig;
  source: KafkaCluster;
  target: KafkaCluster;
}

interface HandedPartition {
  entry: MappedEntry;
  end: MapEnd;
}

async function handBackFlow(handed: HandedFlow, signal: AbortSignal): Promise<void> {
  const { flow, target, say } = handed;
  const mapTopic = flow.policy.offsetMapTopic(flow.source);
  if ((await findTopic(target, mapTopic, { signal })) === undefined) {
    say(`${flow.id}: nothing was copied by mirror-maker, nothing to hand back`);
    return;
  }
  await new Mm2Leftovers({ ...handed, config: flow }).requireStopped(signal);
  const partitions = await settledPartitions(handed, mapTopic, signal);
  await writeConnectOffsets(handed, partitions, signal);
  await writeSyncs(handed, partitions, signal);
  say(`${flow.id}: MirrorMaker 2 goes on in ${partitions.length} partitions; start it now`);
}

/** Everything copied must be in the map: then what the target ends with is known exactly. */
async function settledPartitions(
  { flow, target: cluster, clock, log }: HandedFlow,
  mapTopic: string,
  signal: AbortSignal,
): Promise<HandedPartition[]> {
  const topic = new InternalTopic({ cluster, topic: mapTopic, clock, log, producer: NO_PRODUCER });
  const belongings = new Belongings(topic); // read along, and of no use here
  const maps = new OffsetMapStore({ flow: flow.id, topic, belongings, clock, log });
  await maps.load(0n, signal);
  if (maps.flow !== undefined && maps.flow.promotedAtMs >= 0n) {
    throw new HandBackError(`flow ${flow.id} was promoted: its target takes no more copies`);
  }
  const partitions: HandedPartition[] = [];
  for (const entry of maps.entries) {
    const { end } = entry.map;
    if (entry.corrupt !== undefined) throw new HandBackError(entry.corrupt);
    if (entry.base !== undefined && end !== undefined) partitions.push({ entry, end });
  }
  const names = partitions.map(({ entry }) => {
    const targetTopic = flow.policy.formatRemoteTopic(flow.source, entry.topic);
    return { topic: targetTopic, partition: entry.partition };
  });
  const ends = await cluster.listOffsets(names, TIMESTAMP_LATEST, { signal });
  for (const [index, { end }] of partitions.entries()) {
    const name = `${names[index]!.topic}:${names[index]!.partition}`;
    const found = ends.get(name);
    if (found?.errorCode === ErrorCode.NONE && found.offset === end.targetNext) continue;
    throw new HandBackError(
      `${name} ends at ${found?.offset}, and ${end.targetNext} is what was written down last: ` +
        'start mirror-maker again, let it catch up, and stop it with SIGTERM',
    );
  }
  return partitions;
}

async function writeConnectOffsets(
  { flow, target: cluster, clock }: HandedFlow,
  partitions: readonly HandedPartition[],
  signal: AbortSignal,
): Promise<void> {
  const topic = flow.connectOffsetsTopic;
  const known = new Map<string, { key: Buffer; partition: number }[]>();
  await readSmallTopic(
    { cluster, topic },
    ({ key, value }, partition) => {
      const at = key === null ? undefined : decodeConnectOffset(key, value);
      if (key === null || at?.cluster !== flow.source) return;
      const place = `${at.topic}:${at.partition}`;
      const keys = known.get(place) ?? [];
      if (!keys.some((each) => each.key.equals(key))) keys.push({ key, partition });
      known.set(place, keys);
    },
    signal,
  );
  const partitionCount = await ensureConnectOffsets(cluster, flow, signal);
  const timestamp = BigInt(Math.trunc(clock.wallMs()));
  const byPartition = new Map<number, NewRecord[]>();
  for (const { entry, end } of partitions) {
    if (end.sourceNext === 0n) continue; // nothing was copied: it begins at the beginning itself
    const offset = end.sourceNext - 1n;
    const at = { cluster: flow.source, topic: entry.topic, partition: entry.partition, offset };
    const { key, value } = encodeConnectOffset(at);
    const fresh = { key, partition: partitionOfKey(key, partitionCount) };
    for (const place of known.get(`${entry.topic}:${entry.partition}`) ?? [fresh]) {
      const records = byPartition.get(place.partition) ?? [];
      records.push({ key: place.key, value, timestamp });
      byPartition.set(place.partition, records);
    }
  }
  for (const [partition, records] of byPartition) {
    for (const batch of chunks(records)) {
      await appendRecords(cluster, { topic, partition, records: batch }, { signal });
    }
  }
}

/** How many partitions the topic has: where a key belongs follows from it. */
async function ensureConnectOffsets(
  cluster: KafkaCluster,
  flow: FlowConfig,
  signal: AbortSignal,
): Promise<number> {
  const name = flow.connectOffsetsTopic;
  const found = await findTopic(cluster, name, { signal });
  if (found !== undefined) return found.partitions.length;
  const replicationFactor = flow.offsetSyncsTopicReplicationFactor;
  const configs = { 'cleanup.policy': 'compact' };
  const wanted = { name, partitionCount: OFFSET_PARTITIONS, replicationFactor, configs };
  if ((await createTopic(cluster, wanted, { signal })) === 'created') return OFFSET_PARTITIONS;
  throw new HandBackError(`${name} has just been made by someone else: call this again`);
}

async function writeSyncs(
  { flow, source, target, clock }: HandedFlow,
  partitions: readonly HandedPartition[],
  signal: AbortSignal,
): Promise<void> {
  if (!flow.emitOffsetSyncsEnabled) return;
  const atSource = flow.offsetSyncsTopicLocation === 'source';
  const topic = new SideTopic({
    cluster: atSource ? source : target,
    topic: flow.policy.offsetSyncsTopic(atSource ? flow.target : flow.source),
    replicationFactor: flow.offsetSyncsTopicReplicationFactor,
  });
  const timestamp = BigInt(Math.trunc(clock.wallMs()));
  const records = partitions.flatMap(({ entry }) => {
    const last = entry.map.tail(2).findLast(({ length }) => length > 0n);
    if (last === undefined) return [];
    const { sourceStart, targetStart, length } = last;
    const upstreamOffset = sourceStart + length - 1n;
    const downstreamOffset = targetStart + length - 1n;
    const sync = {
      topic: entry.topic,
      partition: entry.partition,
      upstreamOffset,
      downstreamOffset,
    };
    return [{ ...encodeOffsetSync(sync), timestamp }];
  });
  for (const batch of chunks(records)) await topic.append(batch, signal);
}

function* chunks(records: readonly NewRecord[]): Generator<NewRecord[]> {
  for (let from = 0; from < records.length; from += BATCH_RECORDS_MAX) {
    yield records.slice(from, from + BATCH_RECORDS_MAX);
  }
}

/** With the options of the client that does the same while the flow runs. */
function clusterOf(
  { config, clock, log }: HandBackOptions,
  alias: string,
  role: ClientProperties,
): KafkaCluster {
  const cluster = config.clusters.get(alias);
  const client = { ...cluster?.client, ...role };
  return new KafkaCluster({
    alias,
    bootstrapServers: cluster?.bootstrapServers ?? [],
    clientId: client['client.id'] ?? 'mirror-maker-hand-back',
    clock,
    log,
    security: securityOf(alias, client),
    requestTimeoutMs: requestTimeoutMs(client),
  });
}
