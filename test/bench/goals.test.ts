import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { evaluateGoals } from '../../bench/goals.js';
import { copyResult, copyRound, latencyResult } from './results-for-tests.js';

function outcomes(...results: Parameters<typeof evaluateGoals>[0]) {
  return Object.fromEntries(
    evaluateGoals(results).map(({ workload, text, measured, met }) => [
      `${workload}: ${text}`,
      [measured, met],
    ]),
  );
}

describe('evaluateGoals', () => {
  it('compares medians, so that one bad round decides nothing', () => {
    const large = copyResult('large', [
      copyRound('agent', { seconds: 1 }),
      copyRound('agent', { seconds: 100 }),
      copyRound('agent', { seconds: 1 }),
      copyRound('mm2', { seconds: 5, cpuSeconds: 20, peakBytes: 1000e6 }),
      copyRound('limit', { seconds: 0.8 }),
    ]);
    assert.deepEqual(outcomes(large), {
      'large: throughput over the broker limit': [0.8, false],
      "large: throughput over MM2's": [5, true],
      "large: CPU per record over MM2's": [0.05, true],
      "large: peak memory over MM2's": [0.1, true],
      'large: seconds from start to first record': [1, true],
    });
  });

  it('counts CPU by the record, whatever the speed', () => {
    const round = copyRound('agent', { records: 500_000, cpuSeconds: 1 });
    const large = copyResult('one-record', [round, copyRound('mm2', { cpuSeconds: 8 })]);
    assert.deepEqual(outcomes(large)["one-record: CPU per record over MM2's"], [0.25, false]);
  });

  it('leaves out what did not run, or ran without a rival', () => {
    assert.deepEqual(outcomes(), {});
    assert.deepEqual(outcomes(copyResult('small-lz4', [copyRound('agent')])), {});
  });

  it('takes a goal for met when it is met exactly', () => {
    assert.deepEqual(outcomes(latencyResult(5, 20)), { "latency: p99 over MM2's": [0.25, true] });
    assert.deepEqual(outcomes(latencyResult(10, 20)), { "latency: p99 over MM2's": [0.5, false] });
  });
});
