import { MirrorError } from '../../common/errors.js';
import {
  ConnectionError,
  type BrokerConnection,
  type KafkaCluster,
} from '../../kafka/client/index.js';
import { FAILBACK_SUFFIX } from '../../mirror/flow.js';
import type { KafkaRequest } from '../../proto/gen/mirror/v1/site_task.js';
import type { SiteTaskExecutor } from './site-task.js';

/** Of an answer in one piece; far below what a piece may have. */
const PART_BYTES_MAX = 192 * 1024;

const FETCH = 1;

/**
 * What a failback asks of the old primary: it reads, and appends to the map and to groups' offsets. It
 * deletes nothing, and has no business with quotas, users or ACLs.
 */
const API_KEYS: ReadonlySet<number> = new Set([
  0, // Produce: the map, the checkpoints
  FETCH,
  2, // ListOffsets
  3, // Metadata
  8, // OffsetCommit
  9, // OffsetFetch
  10, // FindCoordinator
  15, // DescribeGroups
  16, // ListGroups
  18, // ApiVersions
  19, // CreateTopics: internal ones, and partitions that the new primary has more of
  22, // InitProducerId
  24, // AddPartitionsToTxn: the fence
  26, // EndTxn
  32, // DescribeConfigs
  37, // CreatePartitions
  44, // IncrementalAlterConfigs
  61, // DescribeProducers
  69, // ConsumerGroupDescribe
]);

/** What was asked is not a failback's business, or names no broker of the cluster. */
export class KafkaRequestRefusedError extends MirrorError {
  readonly code = 'MIRROR_KAFKA_REQUEST_REFUSED';
  readonly retriable = false;
}

/** One request to a broker of the old primary, on behalf of a coordinator that does not reach it. */
export const kafkaRequest: SiteTaskExecutor<'kafkaRequest'> = async (task, context) => {
  const { flow, signal, report } = context;
  const { apiKey: key, apiVersion: version, body } = task;
  if (!flow.config.id.endsWith(FAILBACK_SUFFIX) || !API_KEYS.has(key)) {
    const message = `API ${key} for ${flow.config.id} is not what a failback asks of a site`;
    throw new KafkaRequestRefusedError(message);
  }
  const connection = await connectionFor(flow.target, task, signal);
  // The tagged fields of both headers are part of what is passed on.
  const asItIs = { requestHeaderFlexible: false, responseHeaderFlexible: false, signal };
  const answer = await connection.rawRequest({ key, version }, body, asItIs);
  for (let start = 0; start < answer.length; start += PART_BYTES_MAX) {
    await report({ bytes: answer.subarray(start, start + PART_BYTES_MAX) });
  }
  return {};
};

/** A fetch may wait for records: it has a socket of its own. */
async function connectionFor(
  cluster: KafkaCluster,
  { host, port, apiKey }: KafkaRequest,
  signal: AbortSignal,
): Promise<BrokerConnection> {
  const lane = apiKey === FETCH ? 'relay-fetch' : 'relay';
  if (host !== '') {
    if (cluster.nodeAt({ host, port }) === undefined) await cluster.metadata([], { signal });
    const nodeId = cluster.nodeAt({ host, port });
    if (nodeId !== undefined) return cluster.connection(nodeId, lane, { signal });
    throw new KafkaRequestRefusedError(`${cluster.alias} has no broker at ${host}:${port}`);
  }
  await cluster.metadata([], { signal });
  let problem: unknown;
  for (const nodeId of cluster.nodeIds) {
    try {
      return await cluster.connection(nodeId, lane, { signal });
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      problem = error;
    }
  }
  throw problem;
}
