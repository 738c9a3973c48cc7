import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { FaultRunner } from './fault-runner.js';
import type { Network } from './network.js';
import type { Fault } from './schedule.js';
import type { World } from './world.js';

/** A world in which a program that is told to leave does so when `leaves` is called. */
function slowWorld() {
  const told: string[] = [];
  let leaves = (): void => undefined;
  const left = new Promise<void>((resolve) => (leaves = resolve));
  const world = {
    end: async (node: string, signal: string): Promise<void> => {
      told.push(`${signal} ${node}`);
      if (signal === 'SIGTERM') await left;
    },
    start: (node: string): void => void told.push(`start ${node}`),
    signal: async (node: string, signal: string): Promise<void> => {
      told.push(`${signal} ${node}`);
      await Promise.resolve();
    },
  };
  const runner = new FaultRunner({
    world: world as unknown as World,
    network: {} as Network,
    say: () => undefined,
  });
  return { runner, told, leaves: () => leaves() };
}

const leave: Fault = { atMs: 0, forMs: 1, kind: 'leave', nodes: ['agent-1'] };

describe('FaultRunner', () => {
  it('does nothing to a process before what was done to it is undone, however long that takes', async () => {
    const { runner, told, leaves } = slowWorld();
    const done = runner.run([
      leave,
      { atMs: 3, forMs: 1, kind: 'kill', nodes: ['agent-1'] },
      { atMs: 6, forMs: 1, kind: 'freeze', nodes: ['agent-2'] },
    ]);
    while (!told.includes('SIGCONT agent-2')) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(!told.includes('SIGKILL agent-1'), 'it is still leaving');
    leaves();
    await done;
    assert.deepEqual(
      told.filter((each) => each.endsWith('agent-1')),
      ['SIGTERM agent-1', 'start agent-1', 'SIGKILL agent-1', 'start agent-1'],
    );
  });

  it('fails with the first fault that could not be done', async () => {
    const { runner, leaves } = slowWorld();
    leaves();
    const kind = 'delay' as const; // which this world does not know
    await assert.rejects(runner.run([leave, { atMs: 1, forMs: 1, kind, nodes: ['source'] }]));
  });
});
