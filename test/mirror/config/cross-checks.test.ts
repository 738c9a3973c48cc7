import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { brief, problemsOf, TWO_CLUSTERS } from './load.js';

const BOTH_WAYS = `${TWO_CLUSTERS}\neast->west.enabled = true\nwest->east.enabled = true`;
const IDENTITY = 'replication.policy.class = IdentityReplicationPolicy';
const RING = [
  'clusters = a, b, c',
  'a.bootstrap.servers = a:1',
  'b.bootstrap.servers = b:1',
  'c.bootstrap.servers = c:1',
  'a->b.enabled = true',
  'b->c.enabled = true',
  'c->a.enabled = true',
].join('\n');

describe('checkAcrossKeys', () => {
  const cases: readonly [name: string, lines: string[], expected: RegExp | null][] = [
    ['default naming both ways', [BOTH_WAYS], null],
    ['identity naming one way', [BOTH_WAYS.replace(/true$/, 'false'), IDENTITY], null],
    [
      'identity naming both ways',
      [BOTH_WAYS, IDENTITY],
      /^error 5 `east->west` and `west->east` keep topic names and all replicate `x`/,
    ],
    [
      'identity naming both ways with common topics',
      [BOTH_WAYS, IDENTITY, 'east->west.topics = orders, a', 'west->east.topics = b, orders.*'],
      /^error 5 .* all replicate `orders`/,
    ],
    [
      'identity naming both ways with topics of their own',
      [BOTH_WAYS, IDENTITY, 'east->west.topics = east-.*', 'west->east.topics = west-.*'],
      null,
    ],
    [
      'identity naming both ways with topics that end differently',
      [BOTH_WAYS, IDENTITY, 'east->west.topics = .*-east', 'west->east.topics = .*-west'],
      null,
    ],
    [
      'identity naming both ways with topics that nobody can compare',
      [BOTH_WAYS, IDENTITY, 'east->west.topics = .*[0-9]e', 'west->east.topics = .*[0-9]w'],
      /^error 5 .* nothing shows that no topic is selected by all of them/,
    ],
    ['a ring with default naming', [RING], null],
    ['a ring with identity naming', [RING, IDENTITY], /^error 7 `a->b` and `b->c` and `c->a` keep/],
    [
      'a ring with one prefixing flow',
      [RING, IDENTITY, 'b->c.replication.policy.class = DefaultReplicationPolicy'],
      /^error 5 `a->b` and `c->a` keep topic names while `b->c` prefixes them: `x` comes back as `b\.x`/,
    ],
    [
      'a ring with one prefixing flow, which takes no prefixed names',
      [
        ...[RING, IDENTITY, 'b->c.replication.policy.class = DefaultReplicationPolicy'],
        'b->c.topics = orders',
      ],
      null,
    ],
    [
      'a ring in which two flows in a row prefix',
      [RING, 'b->c.replication.policy.class = IdentityReplicationPolicy'],
      null,
    ],
    [
      'a ring behind shorter ways back that share no topic',
      [
        ...[RING, IDENTITY, 'b->a.enabled = true', 'c->b.enabled = true', 'a->c.enabled = true'],
        ...['a->b', 'b->c', 'c->a'].map((flow) => `${flow}.topics = x`),
        ...['b->a', 'c->b', 'a->c'].map((flow) => `${flow}.topics = y`),
      ],
      /^error 7 `a->b` and `b->c` and `c->a` keep topic names and all replicate `x`/,
    ],
    [
      'a ring behind shorter ways back, of topics that nobody can compare',
      [
        ...[RING, IDENTITY, 'b->a.enabled = true', 'c->b.enabled = true', 'a->c.enabled = true'],
        ...['a->b', 'b->c', 'c->a'].map((flow, at) => `${flow}.topics = x[0-9]${at}.*e`),
        ...['b->a', 'c->b', 'a->c'].map((flow) => `${flow}.topics = y.*`),
      ],
      /^error 7 `a->b` and `b->c` and `c->a` keep .* nothing shows that no topic is selected/,
    ],
    [
      'names kept one way and prefixed the other',
      [BOTH_WAYS, `east->west.${IDENTITY}`],
      /^error 4 .*`x` comes back as `west\.x`, and so on for ever/,
    ],
    [
      'names kept one way and prefixed the other, of topics that have no prefix',
      [BOTH_WAYS, `east->west.${IDENTITY}`, 'east->west.topics = orders'],
      null,
    ],
    [
      'two sources that may meet in one topic',
      [RING.replace('b->c.enabled', 'b->a.enabled').replace('a->b.enabled = true', ''), IDENTITY],
      /^warning 7 `b->a` and `c->a` keep topic names and may write the same topic of `a`/,
    ],
    [
      'an alias with the separator, one way',
      [
        'clusters = dc.1, b',
        'dc.1.bootstrap.servers = a:1',
        'b.bootstrap.servers = b:1',
        'dc.1->b.enabled = true',
      ],
      /^warning 4 `dc\.1->b`: the name `dc\.1\.topic` does not tell its source/,
    ],
    [
      'an alias with the separator, both ways',
      [
        'clusters = dc.1, b',
        'dc.1.bootstrap.servers = a:1',
        'b.bootstrap.servers = b:1',
        'dc.1->b.enabled = true',
        'b->dc.1.enabled = true',
      ],
      /^error 4 .* flows lead back to `dc\.1`/,
    ],
    [
      'an alias with the separator, which is another one',
      [
        'clusters = dc.1, b',
        'dc.1.bootstrap.servers = a:1',
        'b.bootstrap.servers = b:1',
        'dc.1->b.enabled = true',
        'b->dc.1.enabled = true',
        'replication.policy.separator = __',
      ],
      null,
    ],
    [
      'an empty separator both ways',
      [BOTH_WAYS, 'replication.policy.separator ='],
      /^error 4 .*the separator is empty; flows lead back/,
    ],
  ];
  for (const [name, lines, expected] of cases) {
    it(`${expected === null ? 'accepts' : 'reports'} ${name}`, () => {
      const problems = brief(problemsOf(...lines));
      if (expected === null) assert.deepEqual(problems, []);
      else assert.match(problems[0] ?? '', expected);
    });
  }

  it('reports a ring once', () => {
    assert.equal(
      brief(problemsOf(RING, IDENTITY)).filter((each) => each.startsWith('error')).length,
      1,
    );
  });
});
