import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ProblemCollector } from '../../../common/config/problems.js';
import {
  parseBoolean,
  parseChoice,
  parseHostPort,
  parseHostPorts,
  parseInteger,
  splitList,
} from '../../../common/config/values.js';

const property = (value: string) => ({ key: 'k', value, file: 'f', line: 1 });

describe('values', () => {
  it('splits lists and drops empty items', () => {
    assert.deepEqual(splitList(' a , b,,\tc ,'), ['a', 'b', 'c']);
    assert.deepEqual(splitList(''), []);
  });

  it('reads booleans in any case, and nothing else', () => {
    const problems = new ProblemCollector();
    assert.equal(parseBoolean(property('TRUE'), problems), true);
    assert.equal(parseBoolean(property('false'), problems), false);
    assert.equal(parseBoolean(property('yes'), problems), undefined);
    assert.equal(problems.all[0]?.message, '`k` must be true or false, not `yes`');
  });

  it('reads whole numbers inside their range', () => {
    const range = { min: -1, max: 10 };
    const accepted = ['-1', '0', '10', '+3'];
    const refused = ['-2', '11', '1.5', '1e1', '0x1', '', 'NaN', '9'.repeat(400)];
    const problems = new ProblemCollector();
    for (const text of accepted)
      assert.equal(parseInteger(property(text), range, problems), Number(text));
    for (const text of refused)
      assert.equal(parseInteger(property(text), range, problems), undefined);
    assert.equal(problems.all.length, refused.length);
  });

  it('reads choices in any case', () => {
    const problems = new ProblemCollector();
    assert.equal(parseChoice(property('Target'), ['source', 'target'], problems), 'target');
    assert.equal(parseChoice(property('both'), ['source', 'target'], problems), undefined);
    assert.equal(problems.all[0]?.message, '`k` must be source or target, not `both`');
  });
});

describe('parseHostPort', () => {
  const accepted: readonly [string, string, number][] = [
    ['kafka-1:9092', 'kafka-1', 9092],
    ['127.0.0.1:1', '127.0.0.1', 1],
    ['[::1]:9092', '::1', 9092],
    ['SASL_SSL://kafka:9093', 'kafka', 9093],
  ];
  for (const [text, host, port] of accepted) {
    it(`reads ${text}`, () =>
      assert.deepEqual(parseHostPort(text, { portMin: 1 }), { host, port }));
  }
  for (const text of [
    'kafka',
    'kafka:',
    ':9092',
    'kafka:0',
    'kafka:65536',
    'a:b:1',
    'a b:1',
    '::1:9092',
  ]) {
    it(`refuses ${text}`, () => assert.equal(parseHostPort(text, { portMin: 1 }), null));
  }

  it('lets a listener ask for any free port', () => {
    assert.deepEqual(parseHostPort('127.0.0.1:0', { portMin: 0 }), { host: '127.0.0.1', port: 0 });
  });

  it('reports every malformed address of a list, and drops protocols', () => {
    const problems = new ProblemCollector();
    assert.deepEqual(parseHostPorts(property('SSL://a:1, b:2'), problems), ['a:1', 'b:2']);
    parseHostPorts(property('a, b:2, c:x'), problems);
    assert.equal(problems.all.length, 2);
  });
});
