import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import {
  formatByteRate,
  formatCount,
  formatDuration,
  formatRate,
} from '../../../cli/output/format.js';

describe('format', () => {
  it('groups the digits of counts, and shows what does not apply as a dash', () => {
    assert.deepEqual([0n, 999, 1_000n, 1_234_567n, 2n ** 63n - 1n, undefined].map(formatCount), [
      '0',
      '999',
      '1,000',
      '1,234,567',
      '9,223,372,036,854,775,807',
      '-',
    ]);
  });

  it('shows durations in the unit that people would use', () => {
    assert.deepEqual(
      [0, 999, 1_000, 59_949n, 60_000, 3_599_999, 3_600_000, 90_061_000, undefined].map(
        formatDuration,
      ),
      [
        '0 ms',
        '999 ms',
        '1.0 s',
        '59.9 s',
        '1 min 0 s',
        '59 min 59 s',
        '1 h 0 min',
        '25 h 1 min',
        '-',
      ],
    );
  });

  it('shows rates', () => {
    assert.deepEqual(
      [formatRate(0, 'rec'), formatRate(3.14, 'rec'), formatRate(12_345.6, 'rec')],
      ['0 rec/s', '3.1 rec/s', '12,346 rec/s'],
    );
    assert.deepEqual([0, 999, 1_500, 2_500_000].map(formatByteRate), [
      '0 B/s',
      '999 B/s',
      '1.5 kB/s',
      '2.5 MB/s',
    ]);
  });
});
