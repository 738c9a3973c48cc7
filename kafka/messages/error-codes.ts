/**
 * What may be done about an error code: nothing by itself ('final'), ask again ('retry'), or ask for
 * metadata and then again ('refresh').
 */
type Remedy = 'final' | 'retry' | 'refresh';

/**
 * Every error code of Kafka 4.3, with the remedy that Kafka's own client sees in it: 'retry' is a
 * RetriableException there, 'refresh' an InvalidMetadataException.
 */
const TABLE = [
  [-1, 'UNKNOWN_SERVER_ERROR', 'final'],
  [0, 'NONE', 'final'],
  [1, 'OFFSET_OUT_OF_RANGE', 'final'],
  [2, 'CORRUPT_MESSAGE', 'retry'],
  [3, 'UNKNOWN_TOPIC_OR_PARTITION', 'refresh'],
  [4, 'INVALID_FETCH_SIZE', 'final'],
  [5, 'LEADER_NOT_AVAILABLE', 'refresh'],
  [6, 'NOT_LEADER_OR_FOLLOWER', 'refresh'],
  [7, 'REQUEST_TIMED_OUT', 'retry'],
  [8, 'BROKER_NOT_AVAILABLE', 'final'],
  [9, 'REPLICA_NOT_AVAILABLE', 'refresh'],
  [10, 'MESSAGE_TOO_LARGE', 'final'],
  [11, 'STALE_CONTROLLER_EPOCH', 'final'],
  [12, 'OFFSET_METADATA_TOO_LARGE', 'final'],
  [13, 'NETWORK_EXCEPTION', 'refresh'],
  [14, 'COORDINATOR_LOAD_IN_PROGRESS', 'retry'],
  [15, 'COORDINATOR_NOT_AVAILABLE', 'retry'],
  [16, 'NOT_COORDINATOR', 'retry'],
  [17, 'INVALID_TOPIC_EXCEPTION', 'final'],
  [18, 'RECORD_LIST_TOO_LARGE', 'final'],
  [19, 'NOT_ENOUGH_REPLICAS', 'retry'],
  [20, 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'retry'],
  [21, 'INVALID_REQUIRED_ACKS', 'final'],
  [22, 'ILLEGAL_GENERATION', 'final'],
  [23, 'INCONSISTENT_GROUP_PROTOCOL', 'final'],
  [24, 'INVALID_GROUP_ID', 'final'],
  [25, 'UNKNOWN_MEMBER_ID', 'final'],
  [26, 'INVALID_SESSION_TIMEOUT', 'final'],
  [27, 'REBALANCE_IN_PROGRESS', 'final'],
  [28, 'INVALID_COMMIT_OFFSET_SIZE', 'final'],
  [29, 'TOPIC_AUTHORIZATION_FAILED', 'final'],
  [30, 'GROUP_AUTHORIZATION_FAILED', 'final'],
  [31, 'CLUSTER_AUTHORIZATION_FAILED', 'final'],
  [32, 'INVALID_TIMESTAMP', 'final'],
  [33, 'UNSUPPORTED_SASL_MECHANISM', 'final'],
  [34, 'ILLEGAL_SASL_STATE', 'final'],
  [35, 'UNSUPPORTED_VERSION', 'final'],
  [36, 'TOPIC_ALREADY_EXISTS', 'final'],
  [37, 'INVALID_PARTITIONS', 'final'],
  [38, 'INVALID_REPLICATION_FACTOR', 'final'],
  [39, 'INVALID_REPLICA_ASSIGNMENT', 'final'],
  [40, 'INVALID_CONFIG', 'final'],
  [41, 'NOT_CONTROLLER', 'retry'],
  [42, 'INVALID_REQUEST', 'final'],
  [43, 'UNSUPPORTED_FOR_MESSAGE_FORMAT', 'final'],
  [44, 'POLICY_VIOLATION', 'final'],
  [45, 'OUT_OF_ORDER_SEQUENCE_NUMBER', 'final'],
  [46, 'DUPLICATE_SEQUENCE_NUMBER', 'final'],
  [47, 'INVALID_PRODUCER_EPOCH', 'final'],
  [48, 'INVALID_TXN_STATE', 'final'],
  [49, 'INVALID_PRODUCER_ID_MAPPING', 'final'],
  [50, 'INVALID_TRANSACTION_TIMEOUT', 'final'],
  [51, 'CONCURRENT_TRANSACTIONS', 'retry'],
  [52, 'TRANSACTION_COORDINATOR_FENCED', 'final'],
  [53, 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'final'],
  [54, 'SECURITY_DISABLED', 'final'],
  [55, 'OPERATION_NOT_ATTEMPTED', 'final'],
  [56, 'KAFKA_STORAGE_ERROR', 'refresh'],
  [57, 'LOG_DIR_NOT_FOUND', 'final'],
  [58, 'SASL_AUTHENTICATION_FAILED', 'final'],
  [59, 'UNKNOWN_PRODUCER_ID', 'final'],
  [60, 'REASSIGNMENT_IN_PROGRESS', 'final'],
  [61, 'DELEGATION_TOKEN_AUTH_DISABLED', 'final'],
  [62, 'DELEGATION_TOKEN_NOT_FOUND', 'final'],
  [63, 'DELEGATION_TOKEN_OWNER_MISMATCH', 'final'],
  [64, 'DELEGATION_TOKEN_REQUEST_NOT_ALLOWED', 'final'],
  [65, 'DELEGATION_TOKEN_AUTHORIZATION_FAILED', 'final'],
  [66, 'DELEGATION_TOKEN_EXPIRED', 'final'],
  [67, 'INVALID_PRINCIPAL_TYPE', 'final'],
  [68, 'NON_EMPTY_GROUP', 'final'],
  [69, 'GROUP_ID_NOT_FOUND', 'final'],
  [70, 'FETCH_SESSION_ID_NOT_FOUND', 'retry'],
  [71, 'INVALID_FETCH_SESSION_EPOCH', 'retry'],
  [72, 'LISTENER_NOT_FOUND', 'refresh'],
  [73, 'TOPIC_DELETION_DISABLED', 'final'],
  [74, 'FENCED_LEADER_EPOCH', 'refresh'],
  [75, 'UNKNOWN_LEADER_EPOCH', 'retry'],
  [76, 'UNSUPPORTED_COMPRESSION_TYPE', 'final'],
  [77, 'STALE_BROKER_EPOCH', 'final'],
  [78, 'OFFSET_NOT_AVAILABLE', 'retry'],
  [79, 'MEMBER_ID_REQUIRED', 'final'],
  [80, 'PREFERRED_LEADER_NOT_AVAILABLE', 'refresh'],
  [81, 'GROUP_MAX_SIZE_REACHED', 'final'],
  [82, 'FENCED_INSTANCE_ID', 'final'],
  [83, 'ELIGIBLE_LEADERS_NOT_AVAILABLE', 'refresh'],
  [84, 'ELECTION_NOT_NEEDED', 'refresh'],
  [85, 'NO_REASSIGNMENT_IN_PROGRESS', 'final'],
  [86, 'GROUP_SUBSCRIBED_TO_TOPIC', 'final'],
  [87, 'INVALID_RECORD', 'final'],
  [88, 'UNSTABLE_OFFSET_COMMIT', 'retry'],
  [89, 'THROTTLING_QUOTA_EXCEEDED', 'retry'],
  [90, 'PRODUCER_FENCED', 'final'],
  [91, 'RESOURCE_NOT_FOUND', 'final'],
  [92, 'DUPLICATE_RESOURCE', 'final'],
  [93, 'UNACCEPTABLE_CREDENTIAL', 'final'],
  [94, 'INCONSISTENT_VOTER_SET', 'final'],
  [95, 'INVALID_UPDATE_VERSION', 'final'],
  [96, 'FEATURE_UPDATE_FAILED', 'final'],
  [97, 'PRINCIPAL_DESERIALIZATION_FAILURE', 'final'],
  [98, 'SNAPSHOT_NOT_FOUND', 'final'],
  [99, 'POSITION_OUT_OF_RANGE', 'final'],
  [100, 'UNKNOWN_TOPIC_ID', 'refresh'],
  [101, 'DUPLICATE_BROKER_REGISTRATION', 'final'],
  [102, 'BROKER_ID_NOT_REGISTERED', 'final'],
  [103, 'INCONSISTENT_TOPIC_ID', 'refresh'],
  [104, 'INCONSISTENT_CLUSTER_ID', 'final'],
  [105, 'TRANSACTIONAL_ID_NOT_FOUND', 'final'],
  [106, 'FETCH_SESSION_TOPIC_ID_ERROR', 'retry'],
  [107, 'INELIGIBLE_REPLICA', 'final'],
  [108, 'NEW_LEADER_ELECTED', 'final'],
  [109, 'OFFSET_MOVED_TO_TIERED_STORAGE', 'final'],
  [110, 'FENCED_MEMBER_EPOCH', 'final'],
  [111, 'UNRELEASED_INSTANCE_ID', 'final'],
  [112, 'UNSUPPORTED_ASSIGNOR', 'final'],
  [113, 'STALE_MEMBER_EPOCH', 'final'],
  [114, 'MISMATCHED_ENDPOINT_TYPE', 'final'],
  [115, 'UNSUPPORTED_ENDPOINT_TYPE', 'final'],
  [116, 'UNKNOWN_CONTROLLER_ID', 'final'],
  [117, 'UNKNOWN_SUBSCRIPTION_ID', 'final'],
  [118, 'TELEMETRY_TOO_LARGE', 'final'],
  [119, 'INVALID_REGISTRATION', 'final'],
  [120, 'TRANSACTION_ABORTABLE', 'final'],
  [121, 'INVALID_RECORD_STATE', 'final'],
  [122, 'SHARE_SESSION_NOT_FOUND', 'retry'],
  [123, 'INVALID_SHARE_SESSION_EPOCH', 'retry'],
  [124, 'FENCED_STATE_EPOCH', 'final'],
  [125, 'INVALID_VOTER_KEY', 'final'],
  [126, 'DUPLICATE_VOTER', 'final'],
  [127, 'VOTER_NOT_FOUND', 'final'],
  [128, 'INVALID_REGULAR_EXPRESSION', 'final'],
  [129, 'REBOOTSTRAP_REQUIRED', 'final'],
  [130, 'STREAMS_INVALID_TOPOLOGY', 'final'],
  [131, 'STREAMS_INVALID_TOPOLOGY_EPOCH', 'final'],
  [132, 'STREAMS_TOPOLOGY_FENCED', 'final'],
  [133, 'SHARE_SESSION_LIMIT_REACHED', 'retry'],
] as const satisfies readonly (readonly [number, string, Remedy])[];

export type ErrorName = (typeof TABLE)[number][1];

/** Codes by name, as in `ErrorCode.NOT_LEADER_OR_FOLLOWER`. */
export const ErrorCode: {
  readonly [Name in ErrorName]: Extract<(typeof TABLE)[number], readonly [number, Name, Remedy]>[0];
} = Object.fromEntries(TABLE.map(([code, name]) => [name, code])) as never;

export interface ErrorCodeEntry {
  readonly code: number;
  readonly name: string;

  /** Whether the same request can succeed later. */
  readonly retriable: boolean;

  /** Whether it can succeed only after the metadata was asked for again. Implies `retriable`. */
  readonly refreshMetadata: boolean;
}

const ENTRIES: ReadonlyMap<number, ErrorCodeEntry> = new Map(
  TABLE.map(([code, name, remedy]) => [code, entryOf(code, name, remedy)]),
);

/** A code that is newer than the table is taken as final: never retry what is not understood. */
export function describeErrorCode(code: number): ErrorCodeEntry {
  return ENTRIES.get(code) ?? entryOf(code, `UNKNOWN_ERROR_CODE_${code}`, 'final');
}

/** All entries, in the order of their codes. */
export function listErrorCodes(): ErrorCodeEntry[] {
  return [...ENTRIES.values()];
}

function entryOf(code: number, name: string, remedy: Remedy): ErrorCodeEntry {
  return {
    code,
    name,
    retriable: remedy !== 'final',
    refreshMetadata: remedy === 'refresh',
  };
}
