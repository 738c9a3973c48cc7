import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { HeldItems, type Held } from '../../../agent/session/held-items.js';
import { partitionItem } from '../../../agent/session/work-key.js';
import type { Grant } from '../../../proto/gen/mirror/v1/agent.js';

const item = partitionItem('a->b', 'orders', 0);

const grantOf = (leaseEpoch: bigint): Grant => ({
  item,
  leaseEpoch,
  partition: undefined,
  mirroredTopics: [],
});

interface Stopping {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

function stopping(): Stopping {
  let resolve = (): void => {};
  let reject = (_error: Error): void => {};
  const promise = new Promise<void>((onDone, onError) => {
    resolve = onDone;
    reject = onError;
  });
  return { promise, resolve, reject };
}

/** Held items whose work stops when told to. */
function start() {
  const said: string[] = [];
  const running = new Set<bigint>();
  let stopped = stopping();
  const items = new HeldItems<Held>({
    begin: ({ leaseEpoch }) => {
      running.add(leaseEpoch);
      return { item, leaseEpoch };
    },
    renewed: ({ leaseEpoch }) => said.push(`renewed ${leaseEpoch}`),
    end: async (held) => {
      await stopped.promise;
      running.delete(held.leaseEpoch);
    },
    released: (_, leaseEpoch, reason) => said.push(`released ${leaseEpoch}: ${reason}`),
    failed: (error) => said.push(`failed: ${String(error)}`),
  });
  const revoke = (leaseEpoch: bigint): void => items.revoked({ item, leaseEpoch, reason: 'moves' });
  const stop = async (): Promise<void> => {
    stopped.resolve();
    await new Promise(setImmediate);
    stopped = stopping();
  };
  const fail = async (): Promise<void> => {
    stopped.reject(new Error('broken'));
    await new Promise(setImmediate);
  };
  return { items, said, running, revoke, stop, fail };
}

describe('HeldItems', () => {
  it('begins once what is granted while it stops, however often that is said', async () => {
    const { items, running, said, revoke, stop } = start();
    items.granted(grantOf(5n));
    revoke(5n);
    items.granted(grantOf(9n));
    items.granted(grantOf(9n));
    assert.deepEqual([...running], [5n]);
    await stop();
    assert.deepEqual([...running], [9n]);
    assert.deepEqual(said, ['released 5: moves']);
    revoke(9n);
    await stop();
    assert.deepEqual([...running], []);
    assert.deepEqual(said, ['released 5: moves', 'released 9: moves']);
  });

  it('does not begin what was taken back before the work had stopped', async () => {
    const { items, running, said, revoke, stop } = start();
    items.granted(grantOf(5n));
    revoke(5n);
    items.granted(grantOf(9n));
    revoke(9n);
    assert.deepEqual(said, ['released 9: moves']);
    await stop();
    assert.deepEqual([...running], []);
    assert.deepEqual(said, ['released 9: moves', 'released 5: moves']);
    assert.deepEqual(items.all(), []);
  });

  it('keeps what is granted anew from a revoke of the lease before', async () => {
    const { items, running, revoke, stop } = start();
    items.granted(grantOf(5n));
    revoke(5n);
    items.granted(grantOf(9n));
    revoke(5n);
    await stop();
    assert.deepEqual([...running], [9n]);
  });

  it('goes on under a new lease, and heeds no revoke of an older one', async () => {
    const { items, running, said, revoke, stop } = start();
    items.granted(grantOf(5n));
    items.granted(grantOf(9n));
    revoke(5n);
    await stop();
    assert.deepEqual([...running], [5n]); // the same work
    assert.equal(items.get(item)?.leaseEpoch, 9n);
    assert.deepEqual(said, ['renewed 9']);
  });

  it('lets go of work that did not stop cleanly', async () => {
    const { items, said, revoke, fail } = start();
    items.granted(grantOf(5n));
    revoke(5n);
    await fail();
    assert.deepEqual(said, ['failed: Error: broken', 'released 5: moves']);
    assert.deepEqual(items.all(), []);
  });

  it('begins nothing more once it leaves', async () => {
    const { items, running, said, stop } = start();
    items.granted(grantOf(5n));
    const left = items.releaseAll('draining');
    items.granted(grantOf(9n));
    await stop();
    await left;
    assert.deepEqual([...running], []);
    assert.deepEqual(said, ['released 9: draining', 'released 5: draining']);
  });
});
