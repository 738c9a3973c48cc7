import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import { ProtocolViolationError } from './errors.js';
import type { AgentLink } from './messages.js';
import {
  NoSiteAgentError,
  SiteTaskFailedError,
  SiteTaskLostError,
  SiteTaskQueueFullError,
  SiteTaskUnsupportedError,
} from './site-task-errors.js';
import type {
  SiteTask,
  SiteTaskKind,
  SiteTaskKinds,
  SiteTaskPiece,
  SiteTaskReport,
  SiteTaskResult,
} from './site-task-kinds.js';

/** Tasks that one agent works on at a time; an agent refuses more. */
export const SITE_TASKS_PER_AGENT_MAX = 4;

/** Calls of `run` that wait for an agent. */
export const SITE_TASKS_WAITING_MAX = 256;

/** Pieces that an agent may have on the way unacknowledged, as the agent's own constant says. */
export const PIECES_UNACKED_MAX = 8;

/** How long a task waits for any agent that could do it to be connected. */
export const AGENT_WAIT_MAX_MS = 15_000;

const AGENT_POLL_MS = 100;

/** An agent that could do a task, on its present stream. */
export interface SiteAgent {
  readonly agentId: string;
  readonly version: string;
  readonly siteTaskKinds: readonly string[];
  readonly link: AgentLink;
}

export interface SiteTasksOptions {
  /** Who could do a task of this flow now, the best first: the holder of its site work. */
  readonly agentsFor: (flow: string) => readonly SiteAgent[];
  readonly clock: Clock;
  readonly log: Logger;
  /** The leader's term. */
  readonly over: AbortSignal;
}

export interface RunSiteTaskOptions<K extends SiteTaskKind> {
  /** Only this agent may do it; else the best one does. */
  readonly agentId?: string;
  /** Called in order, one at a time; the agent pauses while it is not done. A throw ends the task. */
  readonly onPiece?: (piece: SiteTaskKinds[K]['piece']) => void | Promise<void>;
  readonly signal: AbortSignal;
}

interface Running {
  readonly id: string;
  readonly flow: string;
  readonly kind: SiteTaskKind;
  readonly agent: SiteAgent;
  readonly onPiece: (value: unknown) => void | Promise<void>;
  readonly settle: { resolve: (result: unknown) => void; reject: (reason: unknown) => void };
  /** Ends when every piece that came is taken. */
  taking: Promise<void>;
  pieces: number;
  acked: number;
}

/**
 * Tasks that agents do on behalf of this leader at a flow's source. Each belongs to one stream; if
 * that breaks, `run` rejects with SiteTaskLostError, and the caller may run it again: tasks are made
 * so that doing one twice, or half, is harmless.
 */
export class SiteTasks {
  readonly #options: SiteTasksOptions;
  readonly #running = new Map<string, Running>();
  /** How many of `#running` each stream works on. */
  readonly #load = new Map<AgentLink, number>();
  #waiting = 0;
  #nextId = 1;

  constructor(options: SiteTasksOptions) {
    this.#options = options;
    const { over } = options;
    over.addEventListener('abort', () => this.#loseAll(() => true, 'the leader has changed'), {
      once: true,
    });
  }

  /**
   * Resolves with the task's result. Rejects with SiteTaskLostError, NoSiteAgentError or
   * SiteTaskQueueFullError (retriable), SiteTaskUnsupportedError, SiteTaskFailedError (as the agent
   * says), what `onPiece` threw, or the signal's reason.
   */
  async run<K extends SiteTaskKind>(
    flow: string,
    task: SiteTask<K>,
    { onPiece = () => {}, signal, agentId }: RunSiteTaskOptions<K>,
  ): Promise<SiteTaskKinds[K]['result']> {
    signal.throwIfAborted();
    const free = (): SiteAgent | undefined => this.#freeAgent(flow, agentId);
    let agent = free();
    // Looked up anew after each wait: from here to the sending nothing else can happen.
    for (; agent === undefined; agent = free()) await this.#untilFree(flow, { agentId, signal });
    const { link } = agent;
    const { $case: kind } = task;
    if (!agent.siteTaskKinds.includes(kind)) throw new SiteTaskUnsupportedError(kind, agent);
    const id = String(this.#nextId++);
    let abort = (): void => {};
    const result = new Promise<unknown>((resolve, reject) => {
      const running: Running = {
        ...{ id, flow, kind, agent, settle: { resolve, reject }, taking: Promise.resolve() },
        // The kind of each piece is checked before it is handed on.
        onPiece: (value) => onPiece(value as SiteTaskKinds[K]['piece']),
        ...{ pieces: 0, acked: 0 },
      };
      this.#running.set(id, running);
      abort = () => this.#cancel(running, signal.reason);
    });
    this.#load.set(link, this.#loadOf(agent) + 1);
    signal.addEventListener('abort', abort, { once: true });
    try {
      this.#options.log.debug({ flow, task: id, kind, agentId: agent.agentId }, 'site task begins');
      link.send({ kind: 'site-task', taskId: id, flow, task: task as SiteTask });
      return (await result) as SiteTaskKinds[K]['result'];
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /** What an agent says about a task; of one that nobody waits for any more, it is forgotten. */
  report(link: AgentLink, taskId: string, report: SiteTaskReport): void {
    const running = this.#running.get(taskId);
    if (running === undefined || running.agent.link !== link) return;
    if (report.kind === 'piece') this.#take(running, report.piece);
    else {
      this.#remove(running);
      if (report.kind === 'result') this.#finish(running, report.result);
      else rejectAfterPieces(running, this.#failure(running, report));
    }
  }

  /** Whatever ran over this stream is lost; what it may still do there is harmless. */
  streamEnded(link: AgentLink): void {
    this.#loseAll(({ agent }) => agent.link === link, 'its agent is gone');
  }

  #take(running: Running, piece: SiteTaskPiece): void {
    checkAnswer(running, piece.$case);
    running.pieces += 1;
    if (running.pieces - running.acked > PIECES_UNACKED_MAX)
      throw new ProtocolViolationError(
        'a site task sent more than it was asked to have on the way',
      );
    const { id: taskId, agent } = running;
    running.taking = running.taking
      .then(() => running.onPiece(piece.value))
      .then(() => {
        running.acked += 1;
        agent.link.send({ kind: 'site-task-ack', taskId, pieces: running.acked });
      });
    running.taking.catch((error: unknown) => this.#cancel(running, error));
  }

  /** The result is handed over after the last piece was. */
  #finish(running: Running, { $case, value }: SiteTaskResult): void {
    const { taking, settle } = running;
    const done = taking.then(() => {
      checkAnswer(running, $case);
      settle.resolve(value);
    });
    done.catch(settle.reject);
  }

  #failure(running: Running, error: Extract<SiteTaskReport, { kind: 'error' }>): Error {
    const { agent, kind } = running;
    if (error.code === 'unsupported') return new SiteTaskUnsupportedError(kind, agent);
    return new SiteTaskFailedError(agent.agentId, error);
  }

  /** The agent's place is taken until it says that it has stopped, or its stream ends. */
  #cancel(running: Running, reason: unknown): void {
    running.settle.reject(reason);
    if (this.#running.get(running.id) !== running) return;
    running.agent.link.send({ kind: 'cancel-site-task', taskId: running.id });
  }

  #loseAll(match: (running: Running) => boolean, why: string): void {
    for (const running of [...this.#running.values()].filter(match)) {
      this.#remove(running);
      const { kind, flow, agent } = running;
      const what = `the task '${kind}' of ${flow} at agent ${agent.agentId}: ${why}`;
      rejectAfterPieces(running, new SiteTaskLostError(what));
    }
  }

  #remove(running: Running): void {
    this.#running.delete(running.id);
    const load = this.#loadOf(running.agent) - 1;
    if (load === 0) this.#load.delete(running.agent.link);
    else this.#load.set(running.agent.link, load);
  }

  #loadOf(agent: SiteAgent): number {
    return this.#load.get(agent.link) ?? 0;
  }

  /** Who could be asked for a task of this flow now, the best first. */
  agentsFor(flow: string): readonly SiteAgent[] {
    return this.#options.agentsFor(flow);
  }

  #freeAgent(flow: string, agentId: string | undefined): SiteAgent | undefined {
    this.#options.over.throwIfAborted();
    return this.agentsFor(flow).find(
      (agent) =>
        this.#loadOf(agent) < SITE_TASKS_PER_AGENT_MAX &&
        (agentId === undefined || agent.agentId === agentId),
    );
  }

  async #untilFree(
    flow: string,
    { agentId, signal }: { agentId: string | undefined; signal: AbortSignal },
  ): Promise<void> {
    if (this.#waiting >= SITE_TASKS_WAITING_MAX)
      throw new SiteTaskQueueFullError(SITE_TASKS_WAITING_MAX);
    const { clock, over } = this.#options;
    const either = AbortSignal.any([signal, over]);
    let presentAtMs = clock.nowMs();
    this.#waiting += 1;
    try {
      while (this.#freeAgent(flow, agentId) === undefined) {
        const nowMs = clock.nowMs();
        if (this.agentsFor(flow).length > 0) presentAtMs = nowMs;
        if (nowMs - presentAtMs >= AGENT_WAIT_MAX_MS)
          throw new NoSiteAgentError(flow, AGENT_WAIT_MAX_MS);
        await clock.sleep(AGENT_POLL_MS, either);
      }
    } finally {
      this.#waiting -= 1;
    }
  }
}

function checkAnswer({ kind }: Running, answered: string): void {
  if (answered !== kind)
    throw new ProtocolViolationError(`a task '${kind}' was answered with '${answered}'`);
}

/** Whoever runs it again must know how far it came: pieces that came are taken first. */
function rejectAfterPieces({ taking, settle }: Running, error: Error): void {
  const reject = (): void => settle.reject(error);
  taking.then(reject, reject);
}
