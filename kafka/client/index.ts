export { BACKOFF_MS_INITIAL, BACKOFF_MS_MAX, backoffMs } from './backoff.js';
export {
  BrokerConnection,
  CONNECT_TIMEOUT_MS_DEFAULT,
  FRAME_BYTES_MAX_DEFAULT,
  INFLIGHT_REQUESTS_MAX_DEFAULT,
  REQUEST_TIMEOUT_MS_DEFAULT,
  type BrokerConnectionOptions,
  type RawRequestOptions,
} from './broker-connection.js';
export { type CoordinatorKey } from './coordinator-finder.js';
export {
  AuthenticationError,
  BrokerResponseError,
  ClusterUnreachableError,
  ConnectionError,
  RequestQueueFullError,
  UnsupportedVersionError,
} from './errors.js';
export {
  KafkaCluster,
  type ClusterRequestOptions,
  type KafkaClusterOptions,
  type RequestTarget,
} from './kafka-cluster.js';
export {
  type ClusterMetadata,
  type PartitionLeader,
  type TopicMetadata,
} from './metadata-cache.js';
export {
  type FoundOffset,
  type OffsetLookupOptions,
  type TopicPartition,
} from './offset-lookup.js';
export { type BrokerRelay, type RelayedRequest } from './relay-socket.js';
export { type RequestOptions } from './request-options.js';
export {
  type SaslMechanism,
  type SaslOptions,
  type SecurityOptions,
  type TlsOptions,
} from './security.js';
export { formatAddress, parseAddress, type Address } from './socket.js';
