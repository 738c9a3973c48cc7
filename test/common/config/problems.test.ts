import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  ConfigError,
  ProblemCollector,
  PROBLEMS_PRINTED_MAX,
  quoted,
} from '../../../common/config/problems.js';

const at = (line: number) => ({ file: 'mm2.properties', line, key: null });

describe('ProblemCollector', () => {
  it('throws one error that lists everything, errors first, each with file and line', () => {
    const problems = new ProblemCollector();
    problems.warn(at(2), 'odd', 'try this');
    problems.error(at(9), 'bad');
    problems.error(at(0), 'missing');
    assert.throws(
      () => problems.throwIfErrors(),
      (error: unknown) => {
        assert.ok(error instanceof ConfigError);
        assert.equal(error.code, 'MIRROR_CONFIG');
        assert.equal(error.retriable, false);
        assert.equal(error.problems.length, 3);
        assert.equal(
          error.message,
          'mm2.properties: missing\nmm2.properties:9: bad\n' +
            'mm2.properties:2: warning: odd (try this)',
        );
        return true;
      },
    );
  });

  it('does not throw for warnings', () => {
    const problems = new ProblemCollector();
    problems.warn(at(1), 'odd');
    problems.throwIfErrors();
    assert.equal(problems.warnings.length, 1);
  });

  it('prints a bounded number of problems and counts the rest', () => {
    const problems = new ProblemCollector();
    for (let line = 1; line <= 12_000; line++) problems.error(at(line), 'bad');
    assert.throws(
      () => problems.throwIfErrors(),
      (error: unknown) => {
        const lines = (error as Error).message.split('\n');
        assert.equal(lines.length, PROBLEMS_PRINTED_MAX + 1);
        assert.equal(lines.at(-1), '... and 11900 more problems');
        return true;
      },
    );
  });
});

describe('quoted', () => {
  const cases: readonly [string, string][] = [
    ['orders', '`orders`'],
    ['a\\.b "c"', '`a\\.b "c"`'],
    ['a\nb\u0000', '`a\\nb\\u0000`'],
    ['\u001b[2J\u202e', '`\\u001b[2J\\u202e`'],
  ];
  for (const [text, expected] of cases) {
    it(`shows ${JSON.stringify(text)} as ${expected}`, () => assert.equal(quoted(text), expected));
  }

  it('cuts what is long', () => {
    assert.equal(quoted('x'.repeat(1_000_000)).length, 80 + '...'.length + 2);
  });
});
