import type { Grant, Revoke } from '../../proto/gen/mirror/v1/agent.js';
import type { WorkItem } from '../../proto/gen/mirror/v1/common.js';
import { workKey } from './work-key.js';

/** One held lease. */
export interface Held {
  readonly item: WorkItem;
  leaseEpoch: bigint;
  /** Set once it was told to stop; a repeated revoke or grant does not do it twice. */
  releasing?: Promise<void>;
  /** Granted anew while it stops: begins after that, unless it is revoked before. */
  next?: Grant;
}

export interface HeldItemsOptions<Item extends Held> {
  /** Begins the work; undefined if that cannot be, which it has told the coordinator. */
  readonly begin: (grant: Grant, item: WorkItem) => Item | undefined;
  /** Granted again while the work goes on, under another lease. */
  readonly renewed: (held: Item) => void;
  /** Stops the work; what it throws is told to `failed`. */
  readonly end: (held: Item) => Promise<void>;
  readonly released: (item: WorkItem, leaseEpoch: bigint, reason: string) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Which items an agent works on. An item is worked on once at a time: while its work stops, which
 * takes as long as a silent broker, the coordinator may grant it anew, and take that back as well.
 */
export class HeldItems<Item extends Held> {
  readonly #options: HeldItemsOptions<Item>;
  readonly #items = new Map<string, Item>();
  #isLeaving = false;

  constructor(options: HeldItemsOptions<Item>) {
    this.#options = options;
  }

  get(item: WorkItem): Item | undefined {
    return this.#items.get(workKey(item));
  }

  all(): Item[] {
    return [...this.#items.values()];
  }

  granted(grant: Grant): void {
    const { item, leaseEpoch } = grant;
    if (item?.work === undefined) return;
    const held = this.get(item);
    if (this.#isLeaving) this.#options.released(item, leaseEpoch, 'draining');
    else if (held === undefined) {
      const begun = this.#options.begin(grant, item);
      if (begun !== undefined) this.#items.set(workKey(item), begun);
    } else if (held.releasing !== undefined) held.next = grant;
    else {
      held.leaseEpoch = leaseEpoch;
      this.#options.renewed(held);
    }
  }

  revoked({ item, leaseEpoch, reason }: Revoke): void {
    if (item === undefined) return;
    const held = this.get(item);
    if (held === undefined) this.#options.released(item, leaseEpoch, 'not held');
    else if (held.next !== undefined && held.next.leaseEpoch <= leaseEpoch) {
      delete held.next;
      this.#options.released(item, leaseEpoch, reason);
    } else if (held.leaseEpoch <= leaseEpoch) void this.release(held, reason);
  }

  /** Idempotent and joinable; never rejects. */
  release(held: Item, reason: string): Promise<void> {
    held.releasing ??= this.#end(held, reason);
    return held.releasing;
  }

  /** Releases everything, and begins nothing more. */
  async releaseAll(reason: string): Promise<void> {
    this.#isLeaving = true;
    await Promise.all(this.all().map((held) => this.release(held, reason)));
  }

  async #end(held: Item, reason: string): Promise<void> {
    const { end, failed, released } = this.#options;
    try {
      await end(held);
    } catch (error) {
      failed(error);
    }
    const { item, leaseEpoch, next } = held;
    this.#items.delete(workKey(item));
    released(item, leaseEpoch, reason);
    if (next !== undefined) this.granted(next);
  }
}
