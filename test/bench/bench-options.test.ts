import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseBenchOptions, ROUNDS_DEFAULT, UsageError } from '../../bench/bench-options.js';

const WORKLOADS = ['large', 'latency'];

describe('parseBenchOptions', () => {
  it('measures everything, several rounds, unless told', () => {
    assert.deepEqual(parseBenchOptions([], WORKLOADS), {
      quick: false,
      only: [],
      subjects: ['agent', 'mm2', 'limit'],
      rounds: ROUNDS_DEFAULT,
      jsonFile: undefined,
      profile: false,
      micro: false,
    });
  });

  it('takes one round when it is to be quick, unless told how many', () => {
    assert.equal(parseBenchOptions(['--quick'], WORKLOADS).rounds, 1);
    assert.equal(parseBenchOptions(['--quick', '--rounds', '2'], WORKLOADS).rounds, 2);
  });

  it('takes several workloads', () => {
    const argv = ['--only', 'large', '--only', 'latency', '--json', 'a.json'];
    const { only, jsonFile } = parseBenchOptions(argv, WORKLOADS);
    assert.deepEqual(only, ['large', 'latency']);
    assert.equal(jsonFile, 'a.json');
  });

  it('refuses what makes no sense, and says what there is', () => {
    const refusal = (...argv: string[]) =>
      assert.throws(() => parseBenchOptions(argv, WORKLOADS), UsageError);
    refusal('--rounds', '0');
    refusal('--rounds', 'many');
    refusal('--subject', 'other');
    refusal('--fast');
    refusal('file');
    assert.throws(() => parseBenchOptions(['--only', 'huge'], WORKLOADS), /large, latency/);
  });
});
