import type { Clock } from '../../common/clock.js';
import { describeError, MirrorError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import {
  SiteTaskPiece,
  type SiteTask,
  type SiteTaskError,
  type SiteTaskReport,
  type SiteTaskResult,
} from '../../proto/gen/mirror/v1/site_task.js';
import type { FlowRuntime } from '../session/flow-runtimes.js';
import type { SiteWorker } from '../site/site-worker.js';
import type { SiteTaskContext, SiteTaskExecutor, SiteTaskKind } from './site-task.js';

/** Tasks at a time: they share the thread and the clusters' bandwidth with the copy. */
export const SITE_TASKS_MAX = 4;

/** Pieces on the way that the coordinator has not acknowledged. */
export const PIECES_UNACKED_MAX = 8;

/** Encoded size of a piece; with the bound above, what one task holds in the stream's buffers. */
export const PIECE_BYTES_MAX = 256 * 1024;

type Kind = NonNullable<SiteTaskPiece['kind']>;

/** Which kind it is, is known by its key alone: value and result are of the same. */
type AnyExecutor = (task: unknown, context: SiteTaskContext<SiteTaskKind>) => Promise<unknown>;

export interface SiteTaskRunnerOptions {
  readonly executors: { readonly [K in SiteTaskKind]?: SiteTaskExecutor<K> };
  /** Undefined for a flow whose clusters this agent has no servers for. */
  readonly openFlow: (flow: string) => FlowRuntime | undefined;
  readonly siteOf: (flow: string) => SiteWorker | undefined;
  readonly send: (report: SiteTaskReport) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Running {
  readonly id: string;
  readonly stop: AbortController;
  sent: number;
  acked: number;
  /** Set while the task waits for room. */
  wake: () => void;
}

/** What one stream's coordinator asked for, beside the copy. Ends with the stream. */
export class SiteTaskRunner {
  readonly #options: SiteTaskRunnerOptions;
  readonly #running = new Map<string, Running>();
  readonly #working = new Set<Promise<void>>();

  constructor(options: SiteTaskRunnerOptions) {
    this.#options = options;
  }

  /** Kinds for the hello. */
  get kinds(): string[] {
    return Object.keys(this.#options.executors);
  }

  start(task: SiteTask): void {
    const { taskId } = task;
    if (this.#running.has(taskId)) return;
    if (this.#running.size >= SITE_TASKS_MAX) {
      const value = {
        code: 'busy',
        message: `${SITE_TASKS_MAX} tasks run already`,
        retriable: true,
      };
      this.#options.send({ taskId, report: { $case: 'error', value } });
      return;
    }
    const stop = new AbortController();
    const running: Running = { id: taskId, stop, sent: 0, acked: 0, wake: () => {} };
    this.#running.set(taskId, running);
    const working = this.#work(task, running).finally(() => this.#working.delete(working));
    this.#working.add(working);
  }

  acknowledge(taskId: string, pieces: number): void {
    const running = this.#running.get(taskId);
    if (running === undefined) return;
    running.acked = Math.max(running.acked, pieces);
    running.wake();
  }

  cancel(taskId: string): void {
    this.#running.get(taskId)?.stop.abort(new Error('cancelled by the coordinator'));
  }

  /** Nobody is left to tell. */
  streamEnded(): void {
    for (const { stop } of this.#running.values()) stop.abort(new Error('the stream has ended'));
    this.#running.clear();
  }

  /** Resolves when no task runs any more. */
  async close(): Promise<void> {
    this.streamEnded();
    await Promise.all(this.#working);
  }

  async #work(task: SiteTask, running: Running): Promise<void> {
    const { log } = this.#options;
    const { flow, kind } = task;
    try {
      const result = await this.#execute(task, running);
      if (result !== undefined) this.#report(running, { $case: 'result', value: result });
    } catch (error) {
      if (running.stop.signal.aborted) {
        this.#fail(running, { code: 'cancelled', message: 'it was cancelled', retriable: true });
      } else {
        log.warn({ flow, task: kind?.$case, error: describeError(error) }, 'a site task failed');
        const known = error instanceof MirrorError;
        const code = known ? error.code : 'failed';
        const retriable = known && error.retriable;
        this.#fail(running, { code, message: describeError(error), retriable });
      }
    } finally {
      if (this.#running.get(running.id) === running) this.#running.delete(running.id);
    }
  }

  async #execute(task: SiteTask, running: Running): Promise<SiteTaskResult | undefined> {
    const { executors, openFlow, siteOf, clock, log } = this.#options;
    const { kind } = task;
    const execute =
      kind === undefined ? undefined : (executors[kind.$case] as AnyExecutor | undefined);
    if (kind === undefined || execute === undefined) {
      const message = 'this agent does not know that kind of task';
      this.#fail(running, { code: 'unsupported', message, retriable: false });
      return undefined;
    }
    const flow = openFlow(task.flow);
    if (flow === undefined) {
      const message = `this agent has no bootstrap servers for a cluster of ${task.flow}`;
      this.#fail(running, { code: 'unreachable', message, retriable: false });
      return undefined;
    }
    const value = await execute(kind.value, {
      ...{
        flow,
        site: siteOf(task.flow),
        clock,
        log: log.child({ flow: task.flow, task: kind.$case }),
      },
      signal: running.stop.signal,
      report: (piece) => this.#piece(running, kindOf(kind.$case, piece)),
    });
    return { kind: { $case: kind.$case, value } as SiteTaskResult['kind'] };
  }

  async #piece(running: Running, kind: Kind): Promise<void> {
    const { signal } = running.stop;
    const piece = { kind };
    const bytes = SiteTaskPiece.encode(piece).finish().length;
    if (bytes > PIECE_BYTES_MAX) throw new Error(`a piece of ${bytes} bytes: it must be split`);
    signal.throwIfAborted();
    running.sent += 1;
    this.#report(running, { $case: 'piece', value: piece });
    while (running.sent - running.acked >= PIECES_UNACKED_MAX) {
      await new Promise<void>((resolve, reject) => {
        const abort = (): void => reject(signal.reason as Error);
        signal.addEventListener('abort', abort, { once: true });
        running.wake = () => {
          signal.removeEventListener('abort', abort);
          resolve();
        };
      });
    }
  }

  #fail(running: Running, value: SiteTaskError): void {
    this.#report(running, { $case: 'error', value });
  }

  /** A report of a task that is over here would only confuse a later stream. */
  #report(running: Running, report: NonNullable<SiteTaskReport['report']>): void {
    if (this.#running.get(running.id) === running)
      this.#options.send({ taskId: running.id, report });
  }
}

function kindOf($case: SiteTaskKind, value: unknown): Kind {
  return { $case, value } as Kind;
}
