/**
 * Who writes which heartbeats. MirrorMaker 2 runs an emitter for every pair: that of `A->B` writes
 * records about (A, B) to `heartbeats` on B. So what an enabled flow A->B carries to B as
 * `A.heartbeats` comes from the pair `B->A`, enabled or not.
 */
import type { FlowConfig } from './config/mirror-config.js';
import { formatFlowId } from './flow.js';
import { encodeHeartbeat } from './records/heartbeat.js';

/** As Kafka's HeartbeatTask writes it: the record's own timestamp is the heartbeat's. */
export function heartbeatRecord(
  { source, target }: FlowConfig,
  wallMs: number,
): { key: Buffer; value: Buffer; timestamp: bigint } {
  const timestampMs = BigInt(Math.trunc(wallMs));
  const heartbeat = { sourceClusterAlias: source, targetClusterAlias: target, timestampMs };
  return { ...encodeHeartbeat(heartbeat), timestamp: timestampMs };
}

/**
 * The pair whose heartbeats whoever works at the source of an enabled flow must write there, since
 * nobody else does: the flow's reverse, unless it is enabled itself or emits none.
 */
export function reverseHeartbeats(
  flow: FlowConfig,
  flows: readonly FlowConfig[],
): FlowConfig | undefined {
  const id = formatFlowId(flow.target, flow.source);
  const reverse = flows.find((each) => each.id === id);
  return reverse?.enabled === false && reverse.emitHeartbeatsEnabled ? reverse : undefined;
}
