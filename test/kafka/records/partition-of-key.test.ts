import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { murmur2, partitionOfKey } from '../../../kafka/records/partition-of-key.js';

describe('partitionOfKey', () => {
  // From Kafka's own UtilsTest.
  for (const [text, expected] of [
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ] as const) {
    it(`hashes ${text} as Java does`, () => {
      assert.equal(murmur2(Buffer.from(text)), expected);
    });
  }

  it('is never negative', () => {
    assert.equal(partitionOfKey(Buffer.from('21'), 25), (-973932308 & 0x7fffffff) % 25);
  });
});
