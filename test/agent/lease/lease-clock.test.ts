import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { LeaseClock } from '../../../agent/lease/lease-clock.js';
import type { Clock } from '../../../common/clock.js';

class ManualClock implements Clock {
  ms = 1_000;

  nowMs(): number {
    return this.ms;
  }

  wallMs(): number {
    throw new Error('a lease must not look at the wall clock');
  }

  sleep(): Promise<void> {
    throw new Error('a lease does not wait');
  }
}

describe('LeaseClock', () => {
  function opened(): { clock: ManualClock; lease: LeaseClock } {
    const clock = new ManualClock();
    const lease = new LeaseClock(clock);
    lease.open(900, clock.ms);
    return { clock, lease };
  }

  it('is not valid before a session was opened', () => {
    assert.equal(new LeaseClock(new ManualClock()).valid, false);
  });

  it('asks for three heartbeats in a TTL', () => {
    assert.equal(opened().lease.intervalMs, 300);
  });

  it('ends a tenth of the TTL early', () => {
    const { clock, lease } = opened();
    clock.ms += 809;
    assert.equal(lease.valid, true);
    clock.ms += 1;
    assert.equal(lease.valid, false);
  });

  it('counts from when a heartbeat was sent, however late its answer is', () => {
    const { clock, lease } = opened();
    clock.ms += 100;
    const sequence = lease.send();
    clock.ms += 700;
    lease.acknowledge(sequence);
    clock.ms += 109; // 809 after it was sent
    assert.equal(lease.valid, true);
    clock.ms += 1;
    assert.equal(lease.valid, false);
  });

  it('takes no answer to a heartbeat that it never sent, or that an earlier session sent', () => {
    const { clock, lease } = opened();
    const old = lease.send();
    lease.open(900, clock.ms);
    clock.ms += 810;
    lease.acknowledge(old);
    lease.acknowledge(99n);
    assert.equal(lease.valid, false);
  });

  it('is not shortened by the answer to an older heartbeat', () => {
    const { clock, lease } = opened();
    const first = lease.send();
    clock.ms += 300;
    const second = lease.send();
    lease.acknowledge(second);
    lease.acknowledge(first);
    clock.ms += 809;
    assert.equal(lease.valid, true);
  });

  it('is past its deadline after a pause of the process, whatever arrives then', () => {
    const { clock, lease } = opened();
    const sequence = lease.send();
    clock.ms += 10_000;
    lease.acknowledge(sequence);
    assert.equal(lease.valid, false);
  });
});
