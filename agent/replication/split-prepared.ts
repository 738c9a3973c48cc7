import { recordCount, maxTimestamp } from '../../kafka/records/batch-header.js';
import { splitBatch } from '../../kafka/records/reencode.js';
import { PLAIN_BYTES_MAX } from './limits.js';
import type { PreparedBatch, SourceRun } from './prepared-batch.js';

/**
 * The batch as several of at most `bytesMax` bytes each, with where their records came from. A
 * record that alone is larger stays whole: the target decides about it.
 */
export function splitPrepared(prepared: PreparedBatch, bytesMax: number): PreparedBatch[] {
  if (prepared.batch.length <= bytesMax || prepared.count === 1) return [prepared];
  const rest = prepared.runs.map((run) => ({ ...run }));
  const parts: PreparedBatch[] = [];
  for (const { batch } of splitBatch(prepared.batch, bytesMax, {
    plainBytesMax: PLAIN_BYTES_MAX,
  })) {
    const count = recordCount(batch);
    const runs = takeRuns(rest, count);
    const last = runs.at(-1)!;
    const sourceNext = last.sourceStart + BigInt(last.count);
    parts.push({ batch, count, runs, sourceNext, maxTimestamp: maxTimestamp(batch) });
  }
  parts.at(-1)!.sourceNext = prepared.sourceNext;
  prepared.frame?.release();
  return parts;
}

/** Takes the first `count` records out of `runs`. */
function takeRuns(runs: SourceRun[], count: number): SourceRun[] {
  const taken: SourceRun[] = [];
  for (let missing = count; missing > 0;) {
    const run = runs[0]!;
    const part = Math.min(run.count, missing);
    taken.push({ sourceStart: run.sourceStart, count: part });
    run.sourceStart += BigInt(part);
    run.count -= part;
    missing -= part;
    if (run.count === 0) runs.shift();
  }
  return taken;
}
