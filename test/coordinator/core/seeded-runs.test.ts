import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runSeeds, SEED, SeededRun } from './seeded-run.js';

const RUNS = 500; // a few seconds; seeded-runs.slow.test.ts makes more

describe(`CoordinationCore in seeded runs (MIRROR_TEST_SEED=${SEED})`, () => {
  it('repeats a run from its seed', () => {
    assert.deepEqual(new SeededRun(SEED).run(), new SeededRun(SEED).run());
    assert.notDeepEqual(new SeededRun(SEED).run(), new SeededRun(SEED + 1).run());
  });

  it(`has everything in its place after any faults, steering and takeovers (${RUNS} runs)`, () => {
    runSeeds(RUNS);
  });
});
