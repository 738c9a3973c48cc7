import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ProblemCollector } from '../../../common/config/problems.js';
import {
  formatProperties,
  mergeProperties,
  parseProperties,
  PROPERTIES_LENGTH_MAX,
} from '../../../common/config/properties.js';

function parse(text: string, isVerbatim?: (key: string) => boolean) {
  const problems = new ProblemCollector();
  const source = { path: 'f', text, ...(isVerbatim === undefined ? {} : { isVerbatim }) };
  const properties = parseProperties(source, problems);
  return { properties, problems: problems.all };
}

const valuesOf = (text: string) =>
  [...parse(text).properties.values()].map(({ key, value, line }) => [key, value, line]);

describe('parseProperties', () => {
  const cases: readonly [string, string, [string, string, number][]][] = [
    [
      'all separators',
      'a=1\nb:2\nc 3\nd = 4\n',
      [
        ['a', '1', 1],
        ['b', '2', 2],
        ['c', '3', 3],
        ['d', '4', 4],
      ],
    ],
    ['comments and empty lines', '# x\n\n! y\n  # z\na=1', [['a', '1', 5]]],
    [
      'continued lines',
      'a = b,\\\n    c\nd = e',
      [
        ['a', 'b,c', 1],
        ['d', 'e', 3],
      ],
    ],
    ['escapes', 'a\\ b=c\\u0041\\td\\\\', [['a b', 'cA\td\\', 1]]],
    ['a lost backslash, as Java does', 'a=.*\\.internal', [['a', '.*.internal', 1]]],
    ['an arrow', 'us-east->us-west.topics = .*', [['us-east->us-west.topics', '.*', 1]]],
    [
      'a key without a value',
      'a\nb=',
      [
        ['a', '', 1],
        ['b', '', 2],
      ],
    ],
    [
      'line ends of Windows and of old Macs',
      'a=1\r\nb=2\rc=\\\r\n  3',
      [
        ['a', '1', 1],
        ['b', '2', 2],
        ['c', '3', 3],
      ],
    ],
    ['a byte order mark', '\ufeffa=1', [['a', '1', 1]]],
    ['spaces at the end', 'a=1  \t', [['a', '1', 1]]],
    ['a hash inside a word', 'a=b#c', [['a', 'b#c', 1]]],
    ['an escaped remark', 'a=b \\# c', [['a', 'b # c', 1]]],
  ];
  for (const [name, text, expected] of cases) {
    it(`reads ${name}`, () => {
      assert.deepEqual(valuesOf(text), expected);
      assert.deepEqual(parse(text).problems, []);
    });
  }

  it('drops a remark with a warning', () => {
    const { properties, problems } = parse('\na = false # Disable for Active-Passive\nb=# all\n');
    assert.equal(properties.get('a')?.value, 'false');
    assert.equal(properties.get('b')?.value, '');
    assert.deepEqual(
      problems.map(({ severity, line }) => [severity, line]),
      [
        ['warning', 2],
        ['warning', 3],
      ],
    );
    assert.match(problems[0]?.message ?? '', /dropped the remark `# Disable for Active-Passive`/);
  });

  it('warns of letters that programs read in different ways, but not in remarks', () => {
    const { properties, problems } = parse('# café\na = caf\\u00e9 # café\nb = café');
    assert.equal(properties.get('a')?.value, 'café');
    assert.equal(properties.get('b')?.value, 'café');
    const told = problems.filter(({ message }) => message.includes('beyond ASCII'));
    assert.deepEqual(
      told.map(({ severity, line }) => [severity, line]),
      [['warning', 3]],
    );
  });

  it('remembers an escape whose backslash is lost', () => {
    const lost = (value: string) => parse(`a=${value}`).properties.get('a')?.lostEscape;
    assert.equal(lost('x\\d+\\w'), '\\d');
    assert.equal(lost('x\\\\d, y\\.z, \\t\\u0041\\\n  b'), undefined);
  });

  it('unescapes what stands before a remark', () => {
    assert.equal(parse('a = x\\\\y\\u0041 # z').properties.get('a')?.value, 'x\\yA');
  });

  it('refuses a remark in the middle of a continued value', () => {
    const { problems } = parse('topics = a,\\\n  # b,\\\n  c');
    assert.deepEqual(
      problems.map(({ severity, line }) => [severity, line]),
      [['error', 1]],
    );
  });

  it('keeps a verbatim value whole, spaces and hash included', () => {
    const { properties, problems } = parse('pw = a # b \nother = 1', (key) => key === 'pw');
    assert.equal(properties.get('pw')?.value, 'a # b ');
    assert.deepEqual(
      problems.map(({ severity }) => severity),
      ['warning', 'warning'],
    );
    assert.ok(problems.every(({ message }) => !message.includes('a # b')));
  });

  it('lets the last of repeated keys win, and names both lines', () => {
    const { properties, problems } = parse('a=1\nb=2\na=3');
    assert.equal(properties.get('a')?.value, '3');
    assert.equal(properties.get('a')?.line, 3);
    assert.equal(problems[0]?.message, '`a` on line 3 replaces the one on line 1');
  });

  const malformed: readonly [string, string, RegExp][] = [
    ['NUL in a value', 'a=b\u0000c', /control character U\+0000/],
    ['an escaped NUL in a value', 'a=b\\u0000c', /control character U\+0000/],
    ['NUL in a key', 'a\u0000b=c', /`a\\u0000b` has a control character/],
    ['a malformed escape', 'a=\\u00g0', /malformed \\uXXXX escape/],
    ['a value without a key', '=x', /is empty, though it has a value/],
    ['a key of a million characters', `${'k.'.repeat(500_000)}=x`, /is longer than 512/],
    [
      'a text of five million characters',
      'x'.repeat(PROPERTIES_LENGTH_MAX + 1),
      /the file is longer/,
    ],
  ];
  for (const [name, text, expected] of malformed) {
    it(`reports ${name}`, () => {
      const { problems } = parse(text);
      assert.equal(problems.length, 1);
      assert.equal(problems[0]?.severity, 'error');
      assert.match(problems[0]?.message ?? '', expected);
      assert.ok((problems[0]?.message.length ?? 0) < 300);
    });
  }

  it('reads a line of a million characters', () => {
    const value = 'topic-1,'.repeat(125_000);
    assert.equal(parse(`a=${value}`).properties.get('a')?.value, value);
  });

  it('is not confused by keys of Object.prototype', () => {
    assert.deepEqual(valuesOf('__proto__=1\nconstructor=2'), [
      ['__proto__', '1', 1],
      ['constructor', '2', 2],
    ]);
  });
});

describe('formatProperties', () => {
  it('is read back as it was', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 30 }).filter((each) => {
      // eslint-disable-next-line no-control-regex -- these are refused, which another test shows.
      return each === each.trim() && !/[\u0000-\u0008\u000b\u000e-\u001f\u007f\ufeff]/.test(each);
    });
    const property = fc.property(
      text.filter((key) => key !== ''),
      text,
      (key, value) => {
        const { properties, problems } = parse(formatProperties([[key, value]]));
        assert.deepEqual(
          [...properties.values()].map((each) => [each.key, each.value]),
          [[key, value]],
        );
        assert.deepEqual(problems, []);
      },
    );
    fc.assert(property, { numRuns: 500 });
  });
});

describe('mergeProperties', () => {
  it('lets later sources override earlier ones', () => {
    const merged = mergeProperties(parse('a=1\nb=2').properties, parse('b=3').properties);
    assert.deepEqual(
      [...merged.values()].map(({ key, value }) => [key, value]),
      [
        ['a', '1'],
        ['b', '3'],
      ],
    );
  });
});
