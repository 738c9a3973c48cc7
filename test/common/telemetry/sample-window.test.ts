import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { SAMPLE_MS, SampleWindow } from '../../../common/telemetry/sample-window.js';

const measured = (value: number) => ({ value, records: 10, bytes: 100 });

describe('SampleWindow', () => {
  it('says nothing before anything was measured', () => {
    assert.equal(new SampleWindow().read(0), undefined);
  });

  it('keeps the last value, and the range and rates of the window', () => {
    const window = new SampleWindow();
    for (const value of [5, 1, 9, 3]) window.add(1_000, measured(value));
    const read = window.read(1_000);
    assert.equal(read?.last, 3);
    assert.deepEqual(read?.range, { min: 1, max: 9, avg: 4.5 });
    assert.equal(read?.recordRate, 40 / 30);
    assert.equal(read?.byteRate, 400 / 30);
  });

  it('spans two samples, and forgets what is older', () => {
    const window = new SampleWindow();
    window.add(0, measured(100));
    window.add(SAMPLE_MS, measured(10));
    assert.equal(window.read(SAMPLE_MS)?.range?.max, 100);
    window.add(2 * SAMPLE_MS, measured(1));
    assert.equal(window.read(2 * SAMPLE_MS)?.range?.max, 10);
    assert.equal(window.read(2 * SAMPLE_MS)?.recordRate, 20 / 30);
  });

  it('keeps the last value alone once the window is empty', () => {
    const window = new SampleWindow();
    window.add(0, measured(7));
    const read = window.read(10 * SAMPLE_MS);
    assert.deepEqual(read, { last: 7, range: undefined, recordRate: 0, byteRate: 0 });
  });
});
