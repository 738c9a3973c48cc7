import type { Clock } from '../../common/clock.js';
import { describeError, MirrorError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { CoreAction, CoreEvent, LeaseRef } from '../core/events.js';
import { LeadershipLostError } from '../store/errors.js';
import type { GrantRequest, GrantResult, Leadership } from '../store/lease-store.js';

/** Leases asked for in one call: large enough to be quick, small enough to be told of early. */
export const GRANT_BATCH_MAX = 500;

/** Calls under way at a time; the store splits each into several transactions of its own. */
export const STORE_CALLS_MAX = 8;

const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 2_000;

export type StoreAction = Extract<CoreAction, { kind: 'grant' | 'release' | 'close-session' }>;

export interface StoreExecutorOptions {
  readonly leadership: Leadership;
  readonly clock: Clock;
  readonly log: Logger;
  /** Takes the answers. */
  readonly emit: (event: CoreEvent) => void;
  /** Told once if the store refuses what a leader must be able to do. */
  readonly fail: (error: Error) => void;
  /** Ends everything: leadership is lost, or the process stops. */
  readonly signal: AbortSignal;
}

/**
 * Carries the core's wishes to the store, and repeats each until it was answered. Repeating is
 * safe: a grant to the session that has the item already is answered as granted, and releasing or
 * closing what is gone changes nothing.
 */
export class StoreExecutor {
  readonly #options: StoreExecutorOptions;
  readonly #waiting: (() => Promise<void>)[] = [];
  #running = 0;

  constructor(options: StoreExecutorOptions) {
    this.#options = options;
  }

  perform(action: StoreAction): void {
    switch (action.kind) {
      case 'grant':
        for (const requests of chunks(action.requests)) this.#run(() => this.#grant(requests));
        return;
      case 'release':
        for (const leases of chunks(action.leases)) this.#run(() => this.#release(leases));
        return;
      case 'close-session':
        this.#run(() => this.#closeSession(action.sessionId));
        return;
      default:
        action satisfies never;
    }
  }

  async #grant(requests: readonly GrantRequest[]): Promise<void> {
    const results = await this.#insist('grant', () => this.#options.leadership.grant(requests));
    results?.forEach((result, index) => this.#tell(result, requests[index] as GrantRequest));
  }

  #tell(result: GrantResult, request: GrantRequest): void {
    const { sessionId } = request;
    const { emit } = this.#options;
    if (result.outcome === 'granted') {
      const { item, leaseEpoch } = result;
      emit({ kind: 'granted', sessionId, lease: { item, leaseEpoch } });
    } else if (result.outcome === 'held') {
      emit({ kind: 'grant-held', sessionId, holder: result.holder });
    } else emit({ kind: 'session-gone', sessionId });
  }

  async #release(leases: readonly LeaseRef[]): Promise<void> {
    const { leadership, emit } = this.#options;
    const done = await this.#insist('release', async () => {
      await leadership.release(leases);
      return true;
    });
    if (done === true) for (const lease of leases) emit({ kind: 'lease-gone', lease });
  }

  async #closeSession(sessionId: string): Promise<void> {
    const { leadership, emit } = this.#options;
    const done = await this.#insist('closeSession', async () => {
      await leadership.closeSession(sessionId);
      return true;
    });
    if (done === true) emit({ kind: 'session-gone', sessionId });
  }

  /** Undefined when it no longer matters, because this coordinator does not lead any more. */
  async #insist<T>(what: string, call: () => Promise<T>): Promise<T | undefined> {
    const { clock, log, signal, fail } = this.#options;
    for (let waitMs = RETRY_MIN_MS; !signal.aborted; waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)) {
      try {
        return await call();
      } catch (error) {
        if (signal.aborted || error instanceof LeadershipLostError) return undefined;
        if (!(error instanceof MirrorError) || !error.retriable) {
          fail(error as Error);
          return undefined;
        }
        log.warn({ what, error: describeError(error) }, 'the store does not answer; asking again');
        await clock.sleep(waitMs, signal).catch(() => {}); // the loop looks at the signal
      }
    }
    return undefined;
  }

  /** The queue holds closures over batches, so its size is bounded by the core's items. */
  #run(call: () => Promise<void>): void {
    if (this.#running >= STORE_CALLS_MAX) {
      this.#waiting.push(call);
      return;
    }
    this.#running += 1;
    void call()
      .catch((error: unknown) => this.#options.fail(error as Error))
      .finally(() => {
        this.#running -= 1;
        const next = this.#waiting.shift();
        if (next !== undefined && !this.#options.signal.aborted) this.#run(next);
      });
  }
}

function* chunks<T>(all: readonly T[]): Iterable<readonly T[]> {
  for (let start = 0; start < all.length; start += GRANT_BATCH_MAX)
    yield all.slice(start, start + GRANT_BATCH_MAX);
}
