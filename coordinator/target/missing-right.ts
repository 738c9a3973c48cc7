import { KafkaApiError } from '../../kafka/admin/errors.js';
import { BrokerResponseError } from '../../kafka/client/index.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import type { FlowConfig } from '../../mirror/config/mirror-config.js';
import { FlowBlockedError, InternalTopicError } from './errors.js';

/** What a flow keeps on its target, by Kafka's names. */
export interface FlowKeepings {
  readonly topics: readonly string[];
  readonly transactionalIds: readonly string[];
}

/** A right that is missing for what the flow keeps becomes an error that says what to grant. */
export function nameMissingRight(error: unknown, flow: FlowConfig, keeps: FlowKeepings): unknown {
  const right = rightToGrant(error, keeps);
  if (right === undefined) return error;
  return new FlowBlockedError(`grant ${right} on ${flow.target}`, { cause: error });
}

function rightToGrant(error: unknown, keeps: FlowKeepings): string | undefined {
  const isAnswer =
    error instanceof KafkaApiError ||
    error instanceof BrokerResponseError ||
    error instanceof InternalTopicError;
  const cause = error instanceof FlowBlockedError ? error.cause : undefined;
  if (!isAnswer) return cause === undefined ? undefined : rightToGrant(cause, keeps);
  switch (error.errorCode) {
    case ErrorCode.TOPIC_AUTHORIZATION_FAILED:
    case ErrorCode.CLUSTER_AUTHORIZATION_FAILED:
      return `Create, Describe, DescribeConfigs, Read and Write on topics ${keeps.topics.join(', ')}`;
    case ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
      return `Describe and Write on transactional ids ${keeps.transactionalIds.join(', ')}`;
    default:
      return undefined;
  }
}

/** The right on a topic that a request needs. */
export function topicRightOf(api: string): string {
  if (api === 'CreateTopics') return 'Create';
  return api === 'CreatePartitions' ? 'Alter' : 'Describe';
}
