import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { canaryValues, judgeRead } from '../../../coordinator/drill/canary-values.js';
import { drillName, isAnyDrillName, isDrillName } from '../../../mirror/drill-names.js';

const FOUR = canaryValues('x', 1, { from: 5, until: 9 });

describe('judgeRead', () => {
  it('finds nothing wrong with just what was due', () => {
    assert.deepEqual(FOUR, ['x/1/5', 'x/1/6', 'x/1/7', 'x/1/8']);
    assert.deepEqual(judgeRead(FOUR, FOUR), { skipped: 0, duplicated: 0, fault: '' });
  });

  const [a = '', b = '', c = '', d = ''] = FOUR;
  for (const [what, read, skipped, duplicated] of [
    ['a record that is missing in front', [b, c, d], 1, 0],
    ['one that is missing at the end', [a, b, c], 1, 0],
    ['one that is read again', [a, b, b, c, d], 0, 1],
    ['one that was read before', ['x/1/4', a, b, c, d], 0, 1],
    ['two in the wrong order', [b, a, c, d], 0, 0],
    ['nothing at all', [], 4, 0],
  ] as const) {
    it(`counts ${what}`, () => {
      const verdict = judgeRead(FOUR, read);
      assert.deepEqual([verdict.skipped, verdict.duplicated], [skipped, duplicated]);
      assert.notEqual(verdict.fault, '');
    });
  }
});

describe('drillName', () => {
  it('is taken by flows to its target only, and its copies by nobody', () => {
    const name = drillName('west', '1');
    assert.deepEqual(
      [isDrillName('west', name), isDrillName('wes', name), isDrillName('east', name)],
      [true, false, false],
    );
    assert.ok(isAnyDrillName(`east.${name}`));
    assert.ok(!isDrillName('west', `east.${name}`));
    assert.ok(!isAnyDrillName('orders'));
  });
});
