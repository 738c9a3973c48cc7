import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BACKOFF_MS_INITIAL, BACKOFF_MS_MAX, backoffMs } from '../../../kafka/client/index.js';

describe('backoffMs', () => {
  it('doubles from its start to its cap, and stays there', () => {
    const waits = [1, 2, 3, 4, 5, 6, 7, 1000].map((failures) => backoffMs(failures, 0.5));
    assert.deepEqual(waits, [50, 100, 200, 400, 800, 1600, 2000, 2000]);
    assert.equal(waits[0], BACKOFF_MS_INITIAL);
    assert.equal(waits.at(-1), BACKOFF_MS_MAX);
  });

  it('differs between clients by a fifth either way', () => {
    assert.equal(backoffMs(7, 0), 1600);
    assert.equal(Math.round(backoffMs(7, 0.999_999)), 2400);
  });
});
