import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  NameFilter,
  PatternError,
  patternFault,
  PatternList,
  PATTERNS_MAX,
} from '../../../mirror/policy/name-filter.js';
import { cpuTimeMs } from '../../kit/cpu-time.js';

describe('PatternList', () => {
  const cases: readonly [string, string, boolean][] = [
    ['orders', 'orders', true],
    ['orders', 'orders-eu', false], // the whole name, as Java's `matches`
    ['orders.*', 'orders-eu', true],
    ['orders.*', 'my-orders', false],
    ['a|ab', 'ab', true], // not the first alternative that fits
    ['(?i)Orders', 'oRDERS', true],
    ['.*', '', true],
    ['[a-z]+', 'abc', true],
    ['[^a]b', 'cb', true],
    ['\\Qa.b\\E', 'a.b', true],
    ['\\Qa.b', 'a.b', true],
    ['\\Qa.b\\E', 'axb', false],
    ['a\\.b', 'a.b', true],
    ['a\\.b', 'axb', false],
    ['a+?b', 'aab', true],
    ['a\\++', 'a++', true],
    ['[+(?=]+', '(?=+', true],
    ['^orders$', 'orders', true],
    ['\\p{L}+\\x{41}', 'xA', true],
    ['a{2}b{1,}c{0,1}', 'aab', true],
    ['a\\{2', 'a{2', true],
    ['[]{]', '{', true],
    ['[^]{]', 'a', true],
    ['[{&]', '&', true],
  ];
  for (const [pattern, name, expected] of cases) {
    it(`${pattern} ${expected ? 'matches' : 'does not match'} ${JSON.stringify(name)}`, () => {
      assert.equal(new PatternList([pattern]).matches(name), expected);
      // Beside others it is compiled into one automaton with them.
      const beside = new PatternList(['x{2}', pattern, 'y{2}', 'z-literal']);
      assert.equal(beside.matches(name), expected);
    });
  }

  // As DefaultTopicFilter of Kafka 4.3 says, which joins the patterns by `|`.
  const flagged: readonly [patterns: string[], matches: string][] = [
    [['(?i).*secret.*', '.*private.*'], 'SECRET private-1 PRIVATE-1'],
    [['a(?i)b', 'c'], 'ab aB c C'],
    [['(a(?i)b)', 'c'], 'ab aB c'],
    [['(?i:x)', 'y'], 'x X y'],
    [['(?i)x', '(?-i)y', 'z'], 'x X y z'],
    [['[(](?i)x', '\\(y'], '(x (X (y (Y'],
  ];
  for (const [patterns, matches] of flagged) {
    it(`lets a flag outside of groups hold for what follows: ${patterns.join(', ')}`, () => {
      const list = new PatternList(patterns);
      const names = 'SECRET private-1 PRIVATE-1 ab aB Ab c C x X y Y z Z (x (X (y (Y'.split(' ');
      assert.equal(names.filter((name) => list.matches(name)).join(' '), matches);
    });
  }

  it('matches nothing if it is empty', () => {
    assert.equal(new PatternList([]).matches(''), false);
    assert.equal(new PatternList([]).matches('orders'), false);
  });

  it('takes linear time where a backtracking engine would hang', () => {
    const list = new PatternList(['(a+)+$', '(a|a)*b', '(.*a){10}c']);
    const startMs = cpuTimeMs();
    assert.equal(list.matches(`${'a'.repeat(30_000)}!`), false);
    assert.ok(cpuTimeMs() - startMs < 5_000);
  });

  it('matches among ten thousand patterns', () => {
    const patterns = Array.from({ length: 10_000 }, (_, index) => `site-${index}\\.orders.*`);
    const list = new PatternList(patterns);
    assert.equal(list.matches('site-9999.orders-eu'), true);
    assert.equal(list.matches('site-10000.orders-eu'), false);
  });

  it('refuses more patterns than its limit', () => {
    const patterns = Array.from({ length: PATTERNS_MAX + 1 }, () => 'a');
    assert.throws(() => new PatternList(patterns), PatternError);
  });
});

describe('patternFault', () => {
  const unsupported: readonly [string, RegExp][] = [
    ['(?=a)b', /^look-ahead is not supported/],
    ['(?!internal).*', /^negative look-ahead/],
    ['.*(?<=a)', /^look-behind/],
    ['.*(?<!a)', /^negative look-behind/],
    ['(?>a)b', /^atomic groups/],
    ['(a)\\1', /^back-references/],
    ['(?<x>a)\\k<x>', /^back-references/],
    ['a++', /^possessive quantifiers/],
    ['a*+', /^possessive quantifiers/],
    ['[a-z&&[^b]]', /^intersections of character classes/],
    ['[a[bc]]', /^a character class inside another/],
    ['a{2', /^it has an open brace/],
    ['a{,3}', /^it has an open brace/],
    ['(a{2}+)', /^possessive quantifiers/],
    ['(', /missing closing \)/],
    ['*', /missing argument/],
    ['[', /missing closing \]/],
    ['a{2,1}', /invalid repeat count/],
    ['a{100000}', /invalid repeat count/],
    ['((a{100}){100}){100}', /invalid repeat count/],
    ['x'.repeat(5000), /longer than 4096/],
  ];
  for (const [pattern, expected] of unsupported) {
    it(`says why ${pattern.slice(0, 30)} cannot be used`, () => {
      assert.match(patternFault(pattern) ?? '', expected);
      assert.throws(() => NameFilter.of([pattern]), PatternError);
    });
  }
});

describe('NameFilter', () => {
  it('accepts what is included and not excluded', () => {
    const filter = NameFilter.of(['orders.*', 'customers'], ['.*-internal']);
    assert.equal(filter.accepts('orders-eu'), true);
    assert.equal(filter.accepts('customers'), true);
    assert.equal(filter.accepts('orders-internal'), false);
    assert.equal(filter.accepts('payments'), false);
  });
});
