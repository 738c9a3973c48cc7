import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseOffsetReset, parseStartOffset } from '../../mirror/start-offset.js';

const TIME = Date.UTC(2026, 0, 2, 3, 4, 5);

describe('parseStartOffset', () => {
  it('takes the two ends in any case', () => {
    assert.equal(parseStartOffset('earliest'), 'earliest');
    assert.equal(parseStartOffset('Latest'), 'latest');
  });

  it('takes milliseconds since 1970, and times with their zone', () => {
    assert.deepEqual(parseStartOffset(`timestamp:${TIME}`), { timestampMs: TIME });
    assert.deepEqual(parseStartOffset('timestamp:2026-01-02T03:04:05Z'), { timestampMs: TIME });
    assert.deepEqual(parseStartOffset('timestamp:2026-01-02T05:04:05+02:00'), {
      timestampMs: TIME,
    });
    assert.deepEqual(parseStartOffset('timestamp: 2026-01-02t03:04:05.250z'), {
      timestampMs: TIME + 250,
    });
  });

  it('refuses everything else', () => {
    const wrong = ['', 'none', 'timestamp:', 'timestamp:-1', 'timestamp:2026-01-02', '17'];
    const wrongTimes = ['timestamp:2026-01-02T03:04:05', 'timestamp:2026-13-02T03:04:05Z'];
    for (const text of [...wrong, ...wrongTimes, 'timestamp:1e3', 'by_duration:PT1H']) {
      assert.equal(parseStartOffset(text), undefined, text);
    }
  });
});

describe('parseOffsetReset', () => {
  it("takes what Kafka's consumers take", () => {
    assert.equal(parseOffsetReset('EARLIEST'), 'earliest');
    assert.equal(parseOffsetReset('latest'), 'latest');
    assert.deepEqual(parseOffsetReset('by_duration:PT1H'), { durationMs: 3_600_000 });
    assert.deepEqual(parseOffsetReset('by_duration:P1DT2H3M4.5S'), {
      durationMs: 86_400_000 + 7_200_000 + 180_000 + 4_500,
    });
    assert.deepEqual(parseOffsetReset('by_duration:P7D'), { durationMs: 7 * 86_400_000 });
    assert.deepEqual(parseOffsetReset('by_duration:PT0S'), { durationMs: 0 });
  });

  it('refuses what is none, negative or empty', () => {
    for (const text of ['', 'none', 'by_duration:', 'by_duration:P', 'by_duration:PT']) {
      assert.equal(parseOffsetReset(text), undefined, text);
    }
    for (const text of ['by_duration:-PT1H', 'by_duration:P1DT', 'by_duration:1h', 'by_duration']) {
      assert.equal(parseOffsetReset(text), undefined, text);
    }
  });
});
