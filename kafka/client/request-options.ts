export interface RequestOptions {
  /** The default is the connection's. */
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
}
