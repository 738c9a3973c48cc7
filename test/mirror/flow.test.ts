import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  ALIAS_LENGTH_MAX,
  aliasFault,
  FlowSyntaxError,
  formatFlowId,
  parseFlowId,
  parseFlowSides,
} from '../../mirror/flow.js';

describe('flow', () => {
  const accepted: readonly [string, string, string][] = [
    ['us-east->us-west', 'us-east', 'us-west'],
    ['us-east:us-west', 'us-east', 'us-west'],
    [' a -> b ', 'a', 'b'],
    ['a-->b', 'a-', 'b'],
    ['dc1.prod->dc2_prod', 'dc1.prod', 'dc2_prod'],
  ];
  for (const [text, source, target] of accepted) {
    it(`reads ${text}`, () => {
      assert.deepEqual(parseFlowSides(text), { source, target });
      assert.equal(parseFlowId(text), formatFlowId(source, target));
    });
  }

  const refused = [
    '',
    'a',
    'a->',
    '->b',
    'a->b->c',
    'a:b:c',
    'a->a',
    'a b->c',
    'a/b->c',
    '..->a',
    'ä->b',
    'a->b\n'.repeat(2),
    'a\u0000->b',
  ];
  for (const text of refused) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseFlowId(text), FlowSyntaxError);
    });
  }

  it('keeps the longest internal topic below the limit of Kafka', () => {
    const alias = 'a'.repeat(ALIAS_LENGTH_MAX);
    assert.equal(aliasFault(alias), null);
    assert.ok(`mm2-offset-syncs.${alias}.internal`.length < 249);
    assert.notEqual(aliasFault(`${alias}a`), null);
  });
});
