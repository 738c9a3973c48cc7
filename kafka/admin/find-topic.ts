import type { KafkaCluster, TopicMetadata } from '../client/index.js';
import { ErrorCode } from '../messages/error-codes.js';
import { metadata } from '../messages/metadata.js';
import { ensureSuccess } from './errors.js';
import type { AdminCallOptions } from './topic-admin.js';

/**
 * A topic as the brokers describe it now. Undefined only where they say that there is none; throws
 * KafkaApiError where they say anything else, such as that it may not be described.
 */
export async function findTopic(
  cluster: KafkaCluster,
  topic: string,
  options: AdminCallOptions = {},
): Promise<TopicMetadata | undefined> {
  const found = (await cluster.metadata([topic], options)).topics.get(topic);
  const errorCode = found?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
  if (errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) return undefined;
  ensureSuccess({ api: metadata.name, subject: `topic ${topic}`, errorCode });
  return found;
}
