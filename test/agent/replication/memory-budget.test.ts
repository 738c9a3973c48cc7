import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { MemoryBudget } from '../../../agent/replication/memory-budget.js';

describe('MemoryBudget', () => {
  it('is exhausted at its limit and not before', () => {
    const memory = new MemoryBudget(100);
    memory.change(99);
    assert.equal(memory.exhausted, false);
    memory.change(1);
    assert.equal(memory.exhausted, true);
    assert.equal(memory.heldBytes, 100);
  });

  it('wakes those who wait once it is free again, and only then', () => {
    const memory = new MemoryBudget(100);
    let woken = 0;
    const wake = (): void => void (woken += 1);
    memory.onFree(wake);
    memory.change(150);
    memory.change(-10);
    assert.equal(woken, 0);
    memory.change(-50);
    assert.equal(woken, 1);
    memory.change(-20);
    assert.equal(woken, 1);
    memory.change(100);
    memory.offFree(wake);
    memory.change(-100);
    assert.equal(woken, 1);
  });
});
