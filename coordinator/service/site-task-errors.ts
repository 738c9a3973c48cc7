import { MirrorError } from '../../common/errors.js';

/** The agent, its stream or the leader's term went away: start it again, here or elsewhere. */
export class SiteTaskLostError extends MirrorError {
  readonly code = 'MIRROR_SITE_TASK_LOST';
  readonly retriable = true;
}

/** No agent that reaches the flow's clusters is connected. */
export class NoSiteAgentError extends MirrorError {
  readonly code = 'MIRROR_NO_SITE_AGENT';
  readonly retriable = true;

  constructor(flow: string, waitedMs: number) {
    super(
      `no agent that reaches both clusters of ${flow} is connected, for ${waitedMs} ms; ` +
        "'mirrorctl agents' lists them",
    );
  }
}

/** More tasks wait than are worth keeping. */
export class SiteTaskQueueFullError extends MirrorError {
  readonly code = 'MIRROR_SITE_TASK_QUEUE_FULL';
  readonly retriable = true;

  constructor(waitingMax: number) {
    super(`${waitingMax} tasks wait for agents already`);
  }
}

/** The agent is of a version that does not know this kind of task. */
export class SiteTaskUnsupportedError extends MirrorError {
  readonly code = 'MIRROR_SITE_TASK_UNSUPPORTED';
  readonly retriable = false;

  constructor(kind: string, agent: { readonly agentId: string; readonly version: string }) {
    super(
      `agent ${agent.agentId} (version ${agent.version}) does not know how to '${kind}'; ` +
        'update mirror-agent',
    );
  }
}

/** The agent did what it could, and says why it is not done. */
export class SiteTaskFailedError extends MirrorError {
  readonly code = 'MIRROR_SITE_TASK_FAILED';
  readonly retriable: boolean;
  /** The agent's own code. */
  readonly agentCode: string;

  constructor(agentId: string, error: { code: string; message: string; retriable: boolean }) {
    super(`agent ${agentId}: ${error.message}`);
    this.agentCode = error.code;
    this.retriable = error.retriable;
  }
}
