import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SeededRun } from './seeded-run.js';

/** A failing run names its seed; with it as MIRROR_TEST_SEED the first run is that one. */
const SEED = Number(process.env['MIRROR_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

const RUNS = Number(process.env['MIRROR_TEST_RUNS'] ?? 1_000);

describe(`CoordinationCore in seeded runs (MIRROR_TEST_SEED=${SEED})`, () => {
  it('repeats a run from its seed', () => {
    assert.deepEqual(new SeededRun(SEED).run(), new SeededRun(SEED).run());
    assert.notDeepEqual(new SeededRun(SEED).run(), new SeededRun(SEED + 1).run());
  });

  it(`has everything in its place after any faults, steering and takeovers (${RUNS} runs)`, () => {
    for (let run = 0; run < RUNS; run += 1) {
      const seed = SEED + run;
      try {
        new SeededRun(seed).run();
      } catch (cause) {
        throw new Error(`MIRROR_TEST_SEED=${seed}: ${(cause as Error).message}`, { cause });
      }
    }
  });
});
