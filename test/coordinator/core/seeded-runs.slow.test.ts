import { describe, it } from 'node:test';
import { runSeeds, SEED } from './seeded-run.js';

const RUNS = Number(process.env['MIRROR_TEST_RUNS'] ?? 5_000);

describe(`CoordinationCore in many seeded runs (MIRROR_TEST_SEED=${SEED})`, () => {
  it(`has everything in its place after any faults, steering and takeovers (${RUNS} runs)`, () => {
    runSeeds(RUNS);
  });
});
