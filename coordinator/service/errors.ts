import { nearestKey } from '../../common/config/nearest-key.js';
import { MirrorError } from '../../common/errors.js';

/** This coordinator does not lead; whoever asks should ask the leader. */
export class NotLeadingError extends MirrorError {
  readonly code = 'MIRROR_NOT_LEADING';
  readonly retriable = true;

  /** host:port; undefined while nobody leads. */
  readonly leader: string | undefined;

  constructor(leader: string | undefined) {
    const where = leader === undefined ? 'no coordinator leads now' : `the leader is ${leader}`;
    super(`this coordinator is a standby; ${where}`);
    this.leader = leader;
  }
}

/** It leads, and is not done with reading what the store and the target hold. */
export class NotReadyError extends MirrorError {
  readonly code = 'MIRROR_NOT_READY';
  readonly retriable = true;
}

/** Two living agents under one name: one of them is configured wrongly. */
export class AgentIdTakenError extends MirrorError {
  readonly code = 'MIRROR_AGENT_ID_TAKEN';
  readonly retriable = true; // the other may be a process that is about to end

  constructor(agentId: string, present: string, refused: string) {
    super(
      `agent id '${agentId}' is connected from ${present}; ${refused} is refused: ` +
        'give each agent its own agent.id',
    );
  }
}

/** The agent is older than what this coordinator can work with. */
export class AgentTooOldError extends MirrorError {
  readonly code = 'MIRROR_AGENT_TOO_OLD';
  readonly retriable = false;

  constructor(agentId: string, protocol: number, protocolMin: number) {
    super(
      `agent '${agentId}' speaks version ${protocol} of the agent protocol, and this coordinator ` +
        `${protocolMin} or newer: upgrade the agent`,
    );
  }
}

/** The agent opens a new session and starts with no leases. */
export class SessionEndedError extends MirrorError {
  readonly code = 'MIRROR_SESSION_ENDED';
  readonly retriable = true;

  constructor(sessionId: string, reason: string) {
    super(`session ${sessionId} has ended: ${reason}`);
  }
}

/** The agent resumed its session with another stream. */
export class StreamReplacedError extends MirrorError {
  readonly code = 'MIRROR_STREAM_REPLACED';
  readonly retriable = false;

  constructor(sessionId: string) {
    super(`session ${sessionId} goes on with a newer stream`);
  }
}

export class UnknownAgentError extends MirrorError {
  readonly code = 'MIRROR_UNKNOWN_AGENT';
  readonly retriable = false;

  constructor(agentId: string, known: readonly string[]) {
    const list = known.length === 0 ? 'none is known' : `known: ${known.join(', ')}`;
    super(`there is no agent '${agentId}'; ${list}`);
  }
}

/** Enough to find it by. */
const FLOWS_LISTED_MAX = 10;

export class UnknownFlowError extends MirrorError {
  readonly code = 'MIRROR_UNKNOWN_FLOW';
  readonly retriable = false;

  constructor(flow: string, known: readonly string[]) {
    const nearest = nearestKey(flow, known);
    const hint = nearest === null ? '' : `; did you mean '${nearest}'?`;
    const listed = known.slice(0, FLOWS_LISTED_MAX).join(', ');
    const rest =
      known.length > FLOWS_LISTED_MAX ? `, and ${known.length - FLOWS_LISTED_MAX} more` : '';
    const list = known.length === 0 ? 'none is enabled' : `enabled: ${listed}${rest}`;
    super(`there is no enabled flow '${flow}'; ${list}${hint}`);
  }
}

/** A message that no agent of ours sends. */
export class ProtocolViolationError extends MirrorError {
  readonly code = 'MIRROR_PROTOCOL_VIOLATION';
  readonly retriable = false;
}

/** The agent reads its stream more slowly than it is written. */
export class LinkOverflowError extends MirrorError {
  readonly code = 'MIRROR_LINK_OVERFLOW';
  readonly retriable = true;

  constructor(peer: string, messagesMax: number) {
    super(`agent at ${peer} has more than ${messagesMax} messages unread`);
  }
}
