import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Bandwidth, UNLIMITED } from '../../../agent/replication/bandwidth.js';
import { NEAR } from '../../../agent/replication/pace.js';
import { TokenBucket } from '../../../agent/replication/token-bucket.js';

const MEBIBYTE = 1024 * 1024;

interface SimulatedPartition {
  backlog: number;
  readonly bytesPerMs: number;
  copied: number;
  worstBacklog: number;
}

/** A broker that answers at once, in turn, and never more than it was asked for. */
function simulate(rate: number, partitions: SimulatedPartition[], forMs: number): void {
  const bandwidth = new Bandwidth([new TokenBucket(rate, 0)]);
  let first = 0;
  for (let nowMs = 0; nowMs < forMs; nowMs += 1) {
    for (const each of partitions) each.backlog += each.bytesPerMs;
    if (bandwidth.waitMs(nowMs) === 0) {
      const { fetchBytesMax, partitionBytesMax } = bandwidth.allowance(
        partitions.length,
        NEAR,
        nowMs,
      );
      let left = fetchBytesMax;
      let sent = 0;
      for (let index = 0; index < partitions.length; index += 1) {
        const each = partitions[(first + index) % partitions.length] as SimulatedPartition;
        const bytes = Math.min(each.backlog, partitionBytesMax, left);
        each.backlog -= bytes;
        each.copied += bytes;
        left -= bytes;
        sent += bytes;
      }
      first += 1;
      bandwidth.spend(sent, nowMs);
    }
    for (const each of partitions) each.worstBacklog = Math.max(each.worstBacklog, each.backlog);
  }
}

const partition = (backlog: number, bytesPerMs: number): SimulatedPartition => ({
  ...{ backlog, bytesPerMs, copied: 0, worstBacklog: 0 },
});

describe('Bandwidth', () => {
  it('leaves fetches as they are without a limit', () => {
    assert.equal(UNLIMITED.waitMs(0), 0);
    assert.deepEqual(UNLIMITED.allowance(10, NEAR, 0), {
      fetchBytesMax: 16 * MEBIBYTE,
      partitionBytesMax: MEBIBYTE,
    });
  });

  it('obeys the tighter of the limits', () => {
    const agent = new TokenBucket(1_000_000, 0);
    const flow = new TokenBucket(100_000, 0);
    const bandwidth = new Bandwidth([flow, agent]);
    bandwidth.spend(100_000, 0);
    assert.equal(bandwidth.waitMs(0), flow.waitMs(0));
    assert.ok(flow.waitMs(0) > agent.waitMs(0));
  });

  it('keeps fresh partitions fresh while others catch up at the bounded rate', () => {
    const rate = 10 * MEBIBYTE;
    const behind = Array.from({ length: 5 }, () => partition(1024 * MEBIBYTE, 100));
    // Together a third of the limit.
    const fresh = Array.from({ length: 20 }, () => partition(0, rate / 60_000));
    const forMs = 20_000;
    simulate(rate, [...behind, ...fresh], forMs);
    for (const each of fresh) {
      const delayMs = each.worstBacklog / each.bytesPerMs;
      assert.ok(delayMs < 1_000, `a fresh partition fell behind by ${delayMs} ms`);
    }
    const total = [...behind, ...fresh].reduce((sum, { copied }) => sum + copied, 0);
    const allowed = (rate * (forMs + 250)) / 1_000 + MEBIBYTE;
    assert.ok(total <= allowed, `${total} of ${allowed}`);
    assert.ok(total >= allowed * 0.9, 'what may come is used');
    const shares = behind.map(({ copied }) => copied);
    assert.ok(Math.min(...shares) > Math.max(...shares) * 0.8, 'those behind share alike');
  });
});
