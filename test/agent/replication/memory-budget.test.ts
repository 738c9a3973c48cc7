import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { MemoryBudget, type MemoryAccount } from '../../../agent/replication/memory-budget.js';

const ignore = (): void => undefined;

describe('MemoryBudget', () => {
  it('is exhausted at its limit and not before', () => {
    const memory = new MemoryBudget(100);
    const account = memory.openAccount('b/1', ignore);
    account.change(99);
    assert.equal(memory.exhausted, false);
    account.change(1);
    assert.equal(memory.exhausted, true);
    assert.equal(memory.heldBytes, 100);
  });

  it('wakes those who wait once it is free again, and only then', () => {
    const memory = new MemoryBudget(100);
    const account = memory.openAccount('b/1', ignore);
    let woken = 0;
    const wake = (): void => void (woken += 1);
    memory.onFree(wake);
    account.change(150);
    account.change(-10);
    assert.equal(woken, 0);
    account.change(-50);
    assert.equal(woken, 1);
    account.change(-20);
    assert.equal(woken, 1);
    account.change(100);
    memory.offFree(wake);
    account.change(-100);
    assert.equal(woken, 1);
  });

  it('lets a broker that is alone have all of it', () => {
    const memory = new MemoryBudget(100);
    const account = memory.openAccount('b/1', ignore);
    account.change(100);
    assert.equal(account.full, false);
  });

  it('leaves room for other brokers, however many do not answer', () => {
    const memory = new MemoryBudget(1_000);
    const names = ['b/1', 'b/2', 'b/3'];
    const [first, second, third] = names.map((name) => memory.openAccount(name, ignore));
    const fill = (account: MemoryAccount | undefined): void => {
      while (account?.full === false) account.change(1);
    };
    fill(first);
    assert.equal(first?.heldBytes, 500);
    fill(second);
    assert.equal(second?.heldBytes, 250);
    fill(third);
    assert.equal(third?.heldBytes, 125);
    assert.equal(memory.exhausted, false);
  });

  it('tells of a broker that is full, and again once it has come to half of its share', () => {
    const memory = new MemoryBudget(1_000);
    const told: boolean[] = [];
    const account = memory.openAccount('b/1', ({ full }) => void told.push(full));
    memory.openAccount('b/2', ignore);
    account.change(499);
    account.change(1);
    account.change(-100);
    assert.deepEqual(told, [true]);
    account.change(-67);
    assert.deepEqual(told, [true, false]);
  });

  it('is full no more when another gives back what was free before', () => {
    const memory = new MemoryBudget(1_000);
    const small = memory.openAccount('b/1', ignore);
    const large = memory.openAccount('b/2', ignore);
    large.change(900);
    small.change(100);
    assert.equal(small.full, true);
    large.change(-900);
    assert.equal(small.full, false);
  });

  it('shares one account between flows, until the last one has gone', () => {
    const memory = new MemoryBudget(100);
    const [one, two] = [(): void => undefined, (): void => undefined];
    const account = memory.openAccount('b/1', one);
    assert.equal(memory.openAccount('b/1', two), account);
    memory.closeAccount('b/1', one);
    assert.equal(memory.openAccount('b/1', one), account);
    memory.closeAccount('b/1', one);
    memory.closeAccount('b/1', two);
    assert.notEqual(memory.openAccount('b/1', one), account);
  });

  it('lets work that needs much take turns, in order, and counts what it needs meanwhile', async () => {
    const memory = new MemoryBudget(100);
    const { signal } = new AbortController();
    const log: string[] = [];
    const finish: (() => void)[] = [];
    const work = (name: string) => async (): Promise<void> => {
      log.push(`${name} holds ${memory.heldBytes}`);
      await new Promise<void>((resolve) => finish.push(resolve));
      log.push(`${name} is done`);
    };
    const gone = new AbortController();
    const all = [
      memory.alone(60, work('one'), signal),
      memory.alone(60, work('two'), gone.signal),
      memory.alone(70, work('three'), signal),
    ];
    gone.abort(new Error('let go of'));
    await assert.rejects(all[1]!, { message: 'let go of' });
    assert.deepEqual(log, ['one holds 60']);
    finish[0]!();
    await all[0];
    await new Promise((resolve) => setImmediate(resolve));
    finish[1]!();
    await all[2];
    assert.deepEqual(log, ['one holds 60', 'one is done', 'three holds 70', 'three is done']);
    assert.equal(memory.heldBytes, 0);
  });

  it('lets the next one work after one that failed', async () => {
    const memory = new MemoryBudget(100);
    const { signal } = new AbortController();
    const failing = memory.alone(60, () => Promise.reject(new Error('no')), signal);
    await assert.rejects(failing, { message: 'no' });
    let worked = 0;
    await memory.alone(60, async () => void (worked += memory.heldBytes), signal);
    assert.deepEqual([worked, memory.heldBytes], [60, 0]);
  });

  it('has those wait who need it free, until it is, or they are let go of', async () => {
    const memory = new MemoryBudget(100);
    const stop = new AbortController();
    await memory.untilFree(stop.signal);
    memory.hold(100);
    let isFree = false;
    const waiting = memory.untilFree(stop.signal).then(() => (isFree = true));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(isFree, false);
    memory.hold(-1);
    await waiting;
    memory.hold(1);
    const inVain = memory.untilFree(stop.signal);
    stop.abort(new Error('let go of'));
    await assert.rejects(inVain, { message: 'let go of' });
  });
});
