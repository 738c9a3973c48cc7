import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { measureLeader } from '../../bench/scale/measure-leader.js';

setFlagsFromString('--expose-gc');
Object.assign(globalThis, { gc: runInNewContext('gc') as () => void });

const GOAL_BYTES = 1.5e9;
const GOAL_PARTITIONS = 1_000_000;

// docs/scale.md has the whole curve; this is its slope, between two sizes of which each table is as full.
describe('a leader', () => {
  it('holds a million partitions in less than 1.5 GB', async () => {
    const measure = async (agents: number): Promise<number> => {
      const shape = { partitions: 100 * agents, agents, flows: 10, sites: false };
      return (await measureLeader(shape)).heapBytes;
    };
    await measure(10); // what is loaded and compiled once is not of any partition
    const [small, large] = [await measure(100), await measure(200)];
    const bytesOfOne = (large - small) / (100 * 100);
    assert.ok(bytesOfOne * GOAL_PARTITIONS < GOAL_BYTES, `${bytesOfOne} bytes for a partition`);
  });
});
