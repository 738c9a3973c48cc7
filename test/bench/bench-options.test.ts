import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  AGENTS_PARTITIONS_MAX,
  parseAgentsOptions,
  parseBenchOptions,
  parseScaleOptions,
  ROUNDS_DEFAULT,
  UsageError,
} from '../../bench/bench-options.js';

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
    refusal('--rounds', '');
    refusal('--rounds', '1.5');
    refusal('--rounds', '100');
    refusal('--json', '');
    refusal('--partitions', '10');
    refusal('--subject', 'other');
    refusal('--fast');
    refusal('file');
    assert.throws(() => parseBenchOptions(['--only', 'huge'], WORKLOADS), /large, latency/);
  });
});

describe('parseAgentsOptions', () => {
  it('measures what is usual, unless told how many partitions', () => {
    const usual = { quick: false, partitions: undefined };
    assert.deepEqual(parseAgentsOptions(['--agents']), usual);
    const argv = ['--agents', '--quick', '--partitions', '300'];
    assert.deepEqual(parseAgentsOptions(argv), { quick: true, partitions: 300 });
  });

  it('refuses what its topics cannot have', () => {
    for (const text of ['', 'many', '0', '-10', '15', '1e3', String(AGENTS_PARTITIONS_MAX + 10)]) {
      const argv = ['--agents', `--partitions=${text}`];
      const message = `--partitions takes a multiple of 10 from 10 to 10000, not '${text}'`;
      assert.throws(() => parseAgentsOptions(argv), new UsageError(message));
    }
    assert.throws(() => parseAgentsOptions(['--agents', '--partitions']), UsageError);
    assert.throws(() => parseAgentsOptions(['--agents', '--rounds', '2']), /--rounds/);
  });
});

describe('parseScaleOptions', () => {
  it('takes nothing else', () => {
    parseScaleOptions(['--scale']);
    assert.throws(() => parseScaleOptions(['--scale', '--quick']), UsageError);
  });
});

describe('the programs of the benchmark', () => {
  for (const argv of [
    ['main.js', '--rounds', 'many'],
    ['agents/main.js', '--agents', '--partitions', 'many'],
    ['scale/main.js', '--scale', '--partitions', '10'],
  ] as const) {
    it(`end with a usage error: ${argv.join(' ')}`, () => {
      const [program, ...options] = argv;
      const path = fileURLToPath(new URL(`../../bench/${program}`, import.meta.url));
      const { status, stdout, stderr } = spawnSync(process.execPath, [path, ...options], {
        encoding: 'utf8',
      });
      assert.deepEqual({ status, stdout }, { status: 2, stdout: '' });
      assert.match(stderr, new RegExp(`${options.at(-2)}`));
      assert.doesNotMatch(stderr, / at /);
    });
  }
});
