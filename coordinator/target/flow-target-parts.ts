import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { AdminClient } from '../../kafka/admin/admin-client.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import type { FlowConfig } from '../../mirror/config/mirror-config.js';
import type { EpochMark } from '../../mirror/records/offset-map-record.js';
import type { Belongings } from './belongings.js';
import type { GroupPositions, GroupRow } from './group-positions.js';
import type { OffsetMapStore } from './offset-map-store.js';
import type { MapNews, MapRun } from './partition-map.js';
import type { SourceFacts } from './source-facts.js';

export interface FlowTargetOptions {
  flow: FlowConfig;
  cluster: KafkaCluster;
  admin: AdminClient;
  /** What the site's agent tells of the source. */
  facts: SourceFacts;
  /** Of the leader; written down for people who read the topic. */
  term: bigint;
  clock: Clock;
  log: Logger;
  /** Gets each group position whose checkpoint was written, for metrics. */
  writtenCheckpoints?: Set<GroupRow>;
}

/** What `openFlowTarget` has made ready. */
export interface FlowTargetParts {
  maps: OffsetMapStore;
  groups: GroupPositions;
  belongings: Belongings;
  /** Lets whoever looks at the map topic twice see that somebody writes it. */
  showLife: (signal: AbortSignal) => Promise<void>;
}

/** What the holder of a partition's lease is told. */
export interface PartitionGrant {
  producerId: bigint;
  producerEpoch: number;
  sequenceBase: bigint;
  sourceTopicId: string;
  /** Durable. */
  mapTail: MapRun[];
  /** Not durable yet. */
  mapNews: MapNews | undefined;
  sourceEpoch: EpochMark | undefined;
}

/** Of the flow's data: one producer for all its partitions and agents. */
export function flowTransactionalId(flow: string): string {
  return `mirror.${flow}`;
}

/** Of whoever writes the flow's internal topics: one coordinator at a time. */
export function mapTransactionalId(flow: string): string {
  return `mirror-map.${flow}`;
}

/**
 * A transactional id without use is forgotten after a week, and then a fence would get another
 * producer id and fence nobody. Obtaining the producer is use; the epochs that agents and we write
 * with stay good, because no partition is told of the newer one.
 */
export async function refreshProducers(
  { admin, flow }: Pick<FlowTargetOptions, 'admin' | 'flow'>,
  signal: AbortSignal,
): Promise<void> {
  await admin.obtainProducer(flowTransactionalId(flow.id), { signal });
  await admin.obtainProducer(mapTransactionalId(flow.id), { signal });
}
