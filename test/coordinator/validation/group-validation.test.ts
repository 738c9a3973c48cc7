import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { validateGroup, type GroupLook } from '../../../coordinator/validation/group-validation.js';

function look(lagRecords: bigint, rest: Partial<GroupLook> = {}): GroupLook {
  const lag = { topic: 't', partition: 0, committedOffset: 1n, logEndOffset: 1n, lagRecords };
  return { atMs: 0, state: 'Stable', members: 1, partitions: [lag], lagRecords, ...rest };
}

// What dr-validation.sh prints for the same pair of lags.
describe('validateGroup', () => {
  it('passes a group that catches up', () => {
    assert.equal(validateGroup(look(10n), look(9n)).verdict, 'PASS');
  });

  it('warns of a lag that stays as it is', () => {
    const { verdict, checks } = validateGroup(look(10n), look(10n, { atMs: 30_000 }));
    assert.equal(verdict, 'WARN');
    assert.equal(
      checks.at(-1)?.message,
      'lag 10, and 10 after 30 s: may keep pace, does not catch up',
    );
  });

  it('passes a group without any lag: it has nothing to catch up with', () => {
    assert.equal(validateGroup(look(0n), look(0n)).verdict, 'PASS');
  });

  it('fails a group that falls behind, also from zero', () => {
    assert.equal(validateGroup(look(10n), look(11n)).verdict, 'FAIL');
    assert.equal(validateGroup(look(0n), look(1n)).verdict, 'FAIL');
  });

  it('fails a group without members, however its lag is', () => {
    const empty = { state: 'Empty', members: 0 };
    const { verdict, checks } = validateGroup(look(0n), look(0n, empty));
    assert.equal(verdict, 'FAIL');
    assert.deepEqual(
      checks.map((check) => check.verdict),
      ['PASS', 'FAIL', 'PASS'],
    );
  });

  it('fails a group that has committed nothing: it reads who knows what', () => {
    assert.equal(validateGroup(look(0n), look(0n, { partitions: [] })).verdict, 'FAIL');
  });
});
