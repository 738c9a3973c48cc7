/** Bounds of the coordinator's gRPC server, in one place. */

/** The largest message in either direction, after decompression as well. */
export const MESSAGE_BYTES_MAX = 16 * 1024 * 1024;

/** Messages to one agent that wait for its stream; beyond it the stream is ended. */
export const LINK_MESSAGES_MAX = 8_192;

/** How long a stream may stay open without its hello. */
export const HELLO_WAIT_MAX_MS = 10_000;

/** Grants carry 64 runs each, and 1,000 more where nothing can be written: this keeps a message below 8 MiB. */
export const GRANTS_PER_MESSAGE_MAX = 200;

/** Revokes and acknowledgements are small. */
export const LEASES_PER_MESSAGE_MAX = 2_000;

/** What one hello may claim to hold; a message of the largest size has room for no more. */
export const HELD_LEASES_MAX = 200_000;

/** As agents' own files bound them: ids become keys of the store, and both are shown to people. */
export const AGENT_ID_LENGTH_MAX = 200;
export const SITE_LENGTH_MAX = 200;

/** Clusters that one agent may name. */
export const CLUSTERS_PER_AGENT_MAX = 10_000;

/** Pings that find half-open connections, and how often a client may send its own. */
export const KEEPALIVE_INTERVAL_MS = 10_000;
export const KEEPALIVE_TIMEOUT_MS = 5_000;
export const CLIENT_PING_INTERVAL_MIN_MS = 5_000;

/** How long closing waits for calls under way. */
export const SHUTDOWN_WAIT_MAX_MS = 2_000;

/** Far beyond what a cluster carries: a typing error or an attack, not a topic. */
export const PARTITIONS_PER_TOPIC_MAX = 200_000;
