import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { editDistance, nearestKey } from '../../../common/config/nearest-key.js';

describe('editDistance', () => {
  const cases: readonly [string, string, number][] = [
    ['topics', 'topics', 0],
    ['topcis', 'topics', 1], // a swap of neighbours is one error of a typist
    ['topic', 'topics', 1],
    ['tpoics', 'topics', 1],
    ['', 'abc', 3],
    ['kitten', 'sitting', 3],
  ];
  for (const [a, b, expected] of cases) {
    it(`of \`${a}\` and \`${b}\` is ${expected}`, () => {
      assert.equal(editDistance(a, b, 10), expected);
      assert.equal(editDistance(b, a, 10), expected);
    });
  }

  it('stops at its limit', () => {
    assert.equal(editDistance('aaaaaaaa', 'bbbbbbbb', 2), 3);
  });
});

describe('nearestKey', () => {
  it('finds the key that a misspelt one means', () => {
    assert.equal(
      nearestKey('sync.topic.config', ['topics', 'sync.topic.configs']),
      'sync.topic.configs',
    );
    assert.equal(nearestKey('cluster', ['groups', 'clusters']), 'clusters');
  });

  it('suggests nothing where nothing is near', () => {
    assert.equal(nearestKey('xyz', ['topics', 'groups']), null);
    assert.equal(nearestKey('ab', ['cd']), null);
  });

  it('does not compare keys of hostile length', () => {
    assert.equal(nearestKey('a'.repeat(1_000_000), ['a'.repeat(1_000_000)]), null);
  });
});
