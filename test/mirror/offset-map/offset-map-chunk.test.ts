import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeChunk, encodeChunk, RUNS_PER_CHUNK } from '../../../mirror/offset-map-chunk.js';
import { OffsetMapChunkError } from '../../../mirror/offset-map-errors.js';
import { OFFSET_MAX } from '../../../mirror/offset-map-run.js';
import { propertyOptions } from './naive-map.js';

// Version 1, generation 0, two runs: 100 -> 0, ten records, exact; then a merged run after one
// source offset, of 300 records with four source gaps and none on the target.
const GOLDEN = '01' + '00' + '02' + '640014' + '0100d9040400';

const RUNS = [
  { sourceStart: 100n, targetStart: 0n, records: 10n, sourceGaps: 0n, targetGaps: 0n },
  { sourceStart: 111n, targetStart: 10n, records: 300n, sourceGaps: 4n, targetGaps: 0n },
];

describe('offset map chunk', () => {
  it('has a fixed layout', () => {
    assert.equal(encodeChunk({ generation: 0, runs: RUNS }).toString('hex'), GOLDEN);
    assert.deepEqual(decodeChunk(Buffer.from(GOLDEN, 'hex')), { generation: 0, runs: RUNS });
  });

  it('holds the largest offset', () => {
    const records = OFFSET_MAX - 5n;
    const run = { sourceStart: 5n, targetStart: 0n, records, sourceGaps: 0n, targetGaps: 0n };
    const chunk = { generation: 7, runs: [run] };

    assert.deepEqual(decodeChunk(encodeChunk(chunk)), chunk);
  });

  for (const [why, hex] of [
    ['empty', ''],
    ['of another version', '020000'],
    ['cut short', GOLDEN.slice(0, -2)],
    ['followed by more bytes', GOLDEN + '00'],
    ['of a run without records', '010001000000'],
    ['of a merged run without gaps', '0100010000030000'],
    ['with a padded number', '01000180000002'],
    ['with a number that does not end', '010001' + 'ff'.repeat(11)],
    ['past the largest offset', '010001' + 'ffffffffffffffff7f' + '00' + '02'],
    ['with a run count above the limit', '0100' + '8104'],
  ] as const) {
    it(`refuses bytes ${why}`, () => {
      assert.throws(() => decodeChunk(Buffer.from(hex, 'hex')), OffsetMapChunkError);
    });
  }

  it('decodes hostile bytes to the one chunk they encode, or refuses them', () => {
    const golden = Buffer.from(GOLDEN, 'hex');
    const mutation = fc.tuple(fc.nat(golden.length - 1), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), (mutations) => {
        const bytes = Buffer.from(golden);
        for (const [at, value] of mutations) bytes[at] = value;
        try {
          assert.deepEqual(encodeChunk(decodeChunk(bytes)), bytes);
        } catch (error) {
          assert.ok(error instanceof OffsetMapChunkError, String(error));
        }
      }),
      { ...propertyOptions(), numRuns: 2000 },
    );
  });

  it('takes at most eight bytes for a run of a busy transactional topic', () => {
    const runs = Array.from({ length: RUNS_PER_CHUNK }, (_, index) => ({
      sourceStart: 5_000_000_000n + BigInt(index) * 1001n,
      targetStart: 4_000_000_000n + BigInt(index) * 1000n,
      records: 1000n,
      sourceGaps: 0n,
      targetGaps: 0n,
    }));

    assert.ok(encodeChunk({ generation: 0, runs }).length < RUNS_PER_CHUNK * 8);
  });
});
