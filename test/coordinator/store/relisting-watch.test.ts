import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { silentLogger } from '../../../common/log.js';
import type {
  Backend,
  Change,
  Operation,
  Page,
  PageOptions,
  WatchOptions,
} from '../../../coordinator/store/backend.js';
import { StoreUnavailableError } from '../../../coordinator/store/errors.js';
import {
  RELIST_INTERVAL_MS,
  SMALL_PAGE_ENTRIES_MAX,
  WATCH_BACKOFF_MIN_MS,
} from '../../../coordinator/store/limits.js';
import { MemoryBackend } from '../../../coordinator/store/memory-backend.js';
import { MemoryKeyValue } from '../../../coordinator/store/memory-key-value.js';
import { followPrefix } from '../../../coordinator/store/relisting-watch.js';
import { ManualClock } from '../../kit/manual-clock.js';

const PREFIX = '/test/';

/** A backend whose watch forgets events, as etcd's has (etcd #17529, #20221). */
class ForgetfulBackend extends MemoryBackend {
  forgets = false;
  breaksAfterPage = false;

  override async *pages(prefix: string, options: PageOptions): AsyncIterable<Page> {
    for await (const page of super.pages(prefix, options)) {
      yield page;
      if (this.breaksAfterPage) throw new StoreUnavailableError('range', false);
    }
  }

  override watch(options: WatchOptions): Promise<void> {
    const onChange = (change: Change): void => {
      if (!this.forgets) options.onChange(change);
    };
    return super.watch({ ...options, onChange });
  }
}

class Follower {
  readonly clock = new ManualClock();
  readonly store = new MemoryKeyValue(this.clock);
  readonly backend = new ForgetfulBackend(this.store);
  readonly stop = new AbortController();
  /** What one who believes every word now thinks is there: key, create revision. */
  readonly believed = new Map<string, bigint>();
  readonly told: string[] = [];
  readonly #listed = new Map<string, bigint>();
  readonly done = this.#follow(this.backend);

  change(operation: Operation): void {
    this.store.transact({ compares: [], success: [operation], failure: [] });
  }

  /** Each page is one of the event loop. */
  async turns(): Promise<void> {
    for (let turn = 0; turn < 4; turn += 1) await this.clock.advance(0);
  }

  actual(): Map<string, bigint> {
    const { entries } = this.store.range(PREFIX);
    return new Map(entries.map((entry) => [entry.key, entry.createRevision]));
  }

  #follow(backend: Backend): Promise<void> {
    return followPrefix({
      backend,
      clock: this.clock,
      log: silentLogger,
      prefix: PREFIX,
      signal: this.stop.signal,
      onPage: ({ entries, first, more }) => {
        this.told.push(more ? 'page' : 'list');
        if (first) this.#listed.clear();
        for (const entry of entries) this.#listed.set(entry.key, entry.createRevision);
        if (more) return;
        this.believed.clear();
        for (const [key, revision] of this.#listed) this.believed.set(key, revision);
      },
      onChange: (change) => {
        this.told.push(change.kind);
        if (change.kind === 'put') this.believed.set(change.entry.key, change.entry.createRevision);
        else this.believed.delete(change.key);
      },
    });
  }
}

const put = (name: string): Operation => ({ kind: 'put', key: PREFIX + name, value: '' });
const remove = (name: string): Operation => ({ kind: 'delete', key: PREFIX + name });

describe('followPrefix', () => {
  it('finds what the watch forgot at the next list', async () => {
    const follower = new Follower();
    follower.change(put('a'));
    await follower.clock.advance(0);
    follower.backend.forgets = true;
    follower.change(remove('a'));
    follower.change(put('b'));
    await follower.clock.advance(RELIST_INTERVAL_MS - 1);
    assert.deepEqual([...follower.believed.keys()], ['/test/a']);

    await follower.clock.advance(1);
    assert.deepEqual(follower.believed, follower.actual());
    assert.deepEqual(follower.told, ['list', 'put', 'list']);
    follower.stop.abort();
    await follower.done;
  });

  it('tells of a break by a snapshot, even when nothing has changed', async () => {
    const follower = new Follower();
    follower.change(put('a'));
    await follower.clock.advance(0);
    follower.backend.setReachable(false);
    follower.backend.setReachable(true);
    await follower.clock.advance(1_000);
    assert.deepEqual(follower.told, ['list', 'put', 'list']);
    follower.stop.abort();
    await follower.done;
  });

  it('tells of each list, page by page, and begins anew with one that broke off', async () => {
    const follower = new Follower();
    await follower.turns();
    for (let index = 0; index <= SMALL_PAGE_ENTRIES_MAX; index += 1)
      follower.change(put(String(index).padStart(6, '0')));
    await follower.turns();
    follower.told.length = 0;
    follower.backend.breaksAfterPage = true;
    await follower.clock.advance(RELIST_INTERVAL_MS);
    await follower.turns();
    assert.deepEqual(follower.told, ['page']);
    follower.backend.breaksAfterPage = false;
    await follower.clock.advance(WATCH_BACKOFF_MIN_MS);
    await follower.turns();
    assert.deepEqual(follower.told, ['page', 'page', 'list']);
    assert.deepEqual(follower.believed, follower.actual());
    await follower.clock.advance(RELIST_INTERVAL_MS);
    await follower.turns();
    assert.deepEqual(follower.told, ['page', 'page', 'list', 'page', 'list']);
    follower.stop.abort();
    await follower.done;
  });

  it('says nothing after it was stopped', async () => {
    const follower = new Follower();
    await follower.clock.advance(0);
    follower.stop.abort();
    follower.change(put('a'));
    await follower.clock.advance(10 * RELIST_INTERVAL_MS);
    assert.deepEqual(follower.told, ['list']);
    await follower.done;
  });

  it('knows in the end what is there, whatever was forgotten, broken or deleted', async () => {
    const name = fc.constantFrom('a', 'b', 'c');
    const step = fc.oneof(
      name.map((key) => ({ do: 'put' as const, key })),
      name.map((key) => ({ do: 'remove' as const, key })),
      fc.boolean().map((on) => ({ do: 'forget' as const, on })),
      fc.boolean().map((on) => ({ do: 'reach' as const, on })),
      fc.nat({ max: 2 * RELIST_INTERVAL_MS }).map((ms) => ({ do: 'wait' as const, ms })),
    );
    const property = fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const follower = new Follower();
      for (const next of steps) {
        if (next.do === 'put') follower.change(put(next.key));
        else if (next.do === 'remove') follower.change(remove(next.key));
        else if (next.do === 'forget') follower.backend.forgets = next.on;
        else if (next.do === 'reach') follower.backend.setReachable(next.on);
        else await follower.clock.advance(next.ms);
      }
      follower.backend.setReachable(true);
      await follower.clock.advance(2 * RELIST_INTERVAL_MS);
      assert.deepEqual(follower.believed, follower.actual());
      follower.stop.abort();
      await follower.done;
    });
    await fc.assert(property, { numRuns: 200 }); // prints its seed when it fails
  });
});
