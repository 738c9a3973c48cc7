import type { FlowMode, SourceTopic } from '../../../coordinator/core/events.js';
import type { SteeringRule } from '../../../coordinator/core/steering-rules.js';

export interface SimulatedAgent {
  readonly agentId: string;
  readonly clusters: readonly string[];
  readonly site: string;
  sessionId: string;
  connected: boolean;
  /** Paused or cut off: sends nothing, and keeps what it holds. */
  silent: boolean;
  /** It claims clusters that it does not reach: nothing that it holds gets going. */
  blind: boolean;
  readonly held: Map<string, bigint>;
  /** When its next heartbeat is due. */
  beatAtMs: number;
  /** Since when it is connected and not silent. */
  upSinceMs: number;
  /** What came while it was silent. */
  readonly unread: (() => void)[];
}

/** A flow as configuration, target and operators have it: what a new leader is told of it. */
export interface SimulatedFlow {
  readonly name: string;
  readonly source: string;
  readonly target: string;
  mode: FlowMode;
  rules: readonly SteeringRule[];
  stopped: readonly string[];
  /** What its source has; its site's agent lists it when it is granted the site. */
  topics: readonly SourceTopic[];
}

type Identity = Pick<SimulatedAgent, 'agentId' | 'clusters' | 'site'>;

/** As it starts; or, with a session and what it holds, as it was under an earlier leader. */
export function newAgent(
  identity: Identity,
  { sessionId = '', held = new Map<string, bigint>() } = {},
): SimulatedAgent {
  const is = { connected: false, silent: false, blind: false };
  return { ...identity, sessionId, held, ...is, beatAtMs: 0, upSinceMs: 0, unread: [] };
}
