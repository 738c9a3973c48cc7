import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type {
  SiteTask,
  SiteTaskPiece,
  SiteTaskResult,
} from '../../proto/gen/mirror/v1/site_task.js';
import type { FlowRuntime } from '../session/flow-runtimes.js';
import type { SiteWorker } from '../site/site-worker.js';

type Case<Union, Kind> = Extract<NonNullable<Union>, { $case: Kind }>;

export type SiteTaskKind = NonNullable<SiteTask['kind']>['$case'];
export type SiteTaskOf<K> = Case<SiteTask['kind'], K> extends { value: infer V } ? V : never;
export type SiteTaskPieceOf<K> =
  Case<SiteTaskPiece['kind'], K> extends { value: infer V } ? V : never;
export type SiteTaskResultOf<K> =
  Case<SiteTaskResult['kind'], K> extends { value: infer V } ? V : never;

export interface SiteTaskContext<K> {
  readonly flow: FlowRuntime;
  /** Where this agent holds the flow's site work. */
  readonly site?: SiteWorker | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborted when nobody wants the result any more. */
  readonly signal: AbortSignal;
  /** Resolves when there is room for the next one; throws when the task was aborted. */
  readonly report: (piece: SiteTaskPieceOf<K>) => Promise<void>;
}

/**
 * Does one kind of task. Runs on the thread that copies: it must not work for more than some
 * milliseconds without awaiting I/O, and holds no more than a few fetches in memory.
 */
export type SiteTaskExecutor<K extends SiteTaskKind> = (
  task: SiteTaskOf<K>,
  context: SiteTaskContext<K>,
) => Promise<SiteTaskResultOf<K>>;
