import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topFunctions, type CpuProfile } from '../../bench/top-functions.js';

function frame(functionName: string, url: string, lineNumber: number) {
  return { functionName, url, lineNumber };
}

const PROFILE: CpuProfile = {
  nodes: [
    { id: 1, callFrame: frame('(root)', '', -1) },
    { id: 2, callFrame: frame('(idle)', '', -1) },
    { id: 3, callFrame: frame('patch', 'file:///here/dist/kafka/records/patch.js', 9) },
    { id: 4, callFrame: frame('patch', 'file:///here/dist/kafka/records/patch.js', 9) },
    { id: 5, callFrame: frame('writev', '', -1) },
    { id: 6, callFrame: frame('', 'file:///here/node_modules/pino/lib/tools.js', 0) },
  ],
  samples: [2, 3, 4, 5, 6],
  timeDeltas: [1000, 300, 300, 300, 100],
};

describe('topFunctions', () => {
  const options = { root: '/here/dist', count: 3 };

  it('adds the time of a function over all its callers, and leaves waiting out', () => {
    const shares = topFunctions(PROFILE, options).map(({ name, share }) => [name, share]);
    assert.deepEqual(shares, [
      ['patch', 0.6],
      ['writev', 0.3],
      ['(anonymous)', 0.1],
    ]);
  });

  it('names places without the folders of this machine', () => {
    const places = topFunctions(PROFILE, options).map(({ place }) => place);
    assert.deepEqual(places, ['kafka/records/patch.js:10', 'native', 'pino/lib/tools.js:1']);
  });

  it('keeps to the number that was asked for', () => {
    assert.equal(topFunctions(PROFILE, { ...options, count: 1 }).length, 1);
  });
});
