import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseCpuSeconds, parsePeakBytes, parseResidentBytes } from '../../bench/process-usage.js';

/** Captured from Linux 6; the name was changed to hold what names may hold. */
const STAT =
  '1234 (node) worker (x) S 1 1234 1234 0 -1 4194304 9000 0 12 0 250 75 0 0 20 0 11 0 5000 700000000';

const STATUS = 'Name:\tnode\nVmPeak:\t  900000 kB\nVmHWM:\t  163840 kB\nVmRSS:\t  120000 kB\n';

describe('parseCpuSeconds', () => {
  it('adds user and system time, whatever the name of the process', () => {
    assert.equal(parseCpuSeconds(STAT), 3.25);
  });
});

describe('parsePeakBytes', () => {
  it('is the high-water mark of what was resident', () => {
    assert.equal(parsePeakBytes(STATUS), 160 * 1024 * 1024);
  });
});

describe('parseResidentBytes', () => {
  it('is what is resident now', () => {
    assert.equal(parseResidentBytes(STATUS), 120_000 * 1024);
  });
});
