import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InProcessWorld } from './in-process-world.js';

const TTL_MS = 10_000;

/** Waits of a virtual clock are looked at this often; a seat is taken at the next look. */
const LOOK_MS = 50;

describe('the seat of a leader that falls silent, in a time that is exact', () => {
  for (const silentAfterMs of [0, 1_000, 3_300, 3_400, 25_000]) {
    it(`is taken within one time to live (silent ${silentAfterMs} ms after it led)`, async () => {
      const world = new InProcessWorld();
      const never = new AbortController().signal;
      const [leader, standby] = [await world.open(TTL_MS), await world.open(TTL_MS)];
      const candidate = (id: string) => ({ id, address: `${id}:7700` });
      const first = await world.until(leader.store.campaign(candidate('a'), never));
      const campaign = standby.store.campaign(candidate('b'), never);
      await world.clock.advance(silentAfterMs);
      const silentMs = world.nowMs();
      leader.cut();
      const second = await world.until(campaign);
      const tookMs = world.nowMs() - silentMs;
      assert.ok(tookMs <= TTL_MS + LOOK_MS, `${tookMs} ms`);
      assert.ok(first.lost.aborted && second.term > first.term);
      await world.close();
    });
  }
});
