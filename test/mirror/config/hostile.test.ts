import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ConfigError } from '../../../common/config/problems.js';
import { FLOW_OPTION_SPELLINGS } from '../../../mirror/config/flow-options.js';
import { load, ONE_FLOW, problemsOf } from './load.js';
import { cpuTimeMs } from '../../kit/cpu-time.js';

/** Generous, for a loaded machine: what this rules out takes minutes or for ever. */
const LOAD_MS_MAX = 15_000;

const MEGABYTE = 1_000_000;

describe('loadMirrorConfig, against hostile text', () => {
  const texts: readonly [string, string][] = [
    ['NUL', 'topics = a\u0000b'],
    ['a value of a megabyte', `topics = ${'a'.repeat(MEGABYTE)}`],
    ['a key of a megabyte', `${'a.'.repeat(MEGABYTE / 2)} = b`],
    ['a flow of a megabyte', `${'a->'.repeat(MEGABYTE / 3)}b = c`],
    ['half a million commas', `topics = ${','.repeat(MEGABYTE / 2)}`],
    ['half a million topics', `topics = ${'a,'.repeat(MEGABYTE / 2)}`],
    ['half a million aliases', `clusters = ${'a b,'.repeat(MEGABYTE / 4)}`],
    ['a pattern that backtracks', 'topics = (a+)+$, (a|a)*b'],
    ['patterns that multiply', 'topics = ((a{99}){99}){99}'],
    ['a megabyte of open parentheses', `topics = ${'('.repeat(4000)}`],
    ['a megabyte of references', `topics = ${'${a:'.repeat(MEGABYTE / 4)}`],
    ['a megabyte of backslashes', `topics = ${'\\'.repeat(MEGABYTE)}`],
    ['a megabyte of hashes', `topics = ${' #'.repeat(MEGABYTE / 2)}`],
    ['many unknown keys', Array.from({ length: 20_000 }, (_, i) => `unknwon.${i} = 1`).join('\n')],
    ['escape sequences of a terminal', '\u001b[2J = \u001b[2J'],
    [
      'keys of Object.prototype',
      '__proto__ = 1\nconstructor = 2\neast.__proto__ = 3\neast->west.toString = 4',
    ],
  ];
  for (const [name, text] of texts) {
    it(`survives ${name}`, () => {
      const startMs = cpuTimeMs();
      const problems = problemsOf(ONE_FLOW, text);
      assert.ok(cpuTimeMs() - startMs < LOAD_MS_MAX);
      const message = new ConfigError(problems).message;
      assert.ok(message.length < 100_000);
      // eslint-disable-next-line no-control-regex -- none of these may reach a terminal.
      assert.doesNotMatch(message, /[\u0000-\u0009\u000b-\u001f\u007f]/);
    });
  }

  it('loads a thousand sites in a moment', () => {
    const sites = Array.from({ length: 1000 }, (_, index) => `site-${index}`);
    const startMs = cpuTimeMs();
    const config = load(
      `clusters = ${sites.join()}, hub`,
      'hub.bootstrap.servers = h:1',
      ...sites.map((site) => `${site}.bootstrap.servers = ${site}:1\n${site}->hub.enabled = true`),
    );
    assert.equal(config.flows.filter((flow) => flow.enabled).length, 1000);
    assert.ok(cpuTimeMs() - startMs < LOAD_MS_MAX);
  });

  it('throws nothing but ConfigError, whatever the text', () => {
    const key = fc.oneof(
      fc.constantFrom(
        ...FLOW_OPTION_SPELLINGS.keys(),
        'clusters',
        'coordinator.listen',
        'agent.id',
      ),
      fc.string({ maxLength: 12 }),
    );
    const prefix = fc.constantFrom(
      '',
      'east->west.',
      'east.',
      'west->east.',
      'east.consumer.',
      'x->',
    );
    const value = fc.oneof(
      fc.constantFrom('true', '-1', '.*', '(', 'a,b', '${a:b}', ' # x', '\\'),
      fc.string({ unit: 'binary', maxLength: 20 }),
    );
    const line = fc
      .tuple(prefix, key, value)
      .map(([start, name, text]) => `${start}${name}=${text}`);
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
        problemsOf(ONE_FLOW, ...lines); // rethrows what is no ConfigError
      }),
      { numRuns: 500 },
    );
  });
});
