import fc from 'fast-check';
import { OffsetMap } from '../../../mirror/offset-map.js';

/** One mirrored record, told one by one: the model the offset map is compared with. */
export interface MirroredRecord {
  source: bigint;
  target: bigint;
}

/** A history of one partition: runs as (source offsets skipped, target offsets skipped, records). */
export interface Step {
  sourceSkip: number;
  targetSkip: number;
  records: number;
}

export interface Shape {
  name: string;
  steps: fc.Arbitrary<Step[]>;
}

function stepsOf(sourceSkip: number, targetSkip: number, records: number): fc.Arbitrary<Step[]> {
  const step = fc.record({
    sourceSkip: fc.nat(sourceSkip),
    targetSkip: fc.nat(targetSkip),
    records: fc.integer({ min: 1, max: records }),
  });
  return fc.array(step, { minLength: 1, maxLength: 40 });
}

export const SHAPES: readonly Shape[] = [
  { name: 'dense', steps: stepsOf(0, 0, 9) },
  // Every commit leaves one source offset out; a fence leaves one target offset out.
  { name: 'transactional', steps: stepsOf(1, 1, 9) },
  { name: 'compacted', steps: stepsOf(12, 0, 3) },
  { name: 'fenced', steps: stepsOf(0, 2, 5) },
];

/** Builds the map and the list of all its records from a history that starts at (7, 3). */
export function build(steps: readonly Step[]): { map: OffsetMap; records: MirroredRecord[] } {
  const map = new OffsetMap();
  const records: MirroredRecord[] = [];
  let source = 7n;
  let target = 3n;
  for (const step of steps) {
    source += BigInt(step.sourceSkip);
    target += BigInt(step.targetSkip);
    map.extend(source, target, BigInt(step.records));
    for (let count = 0; count < step.records; count += 1) {
      records.push({ source, target });
      source += 1n;
      target += 1n;
    }
  }
  return { map, records };
}

/** The first record at or after a source offset, by looking at all of them. */
export function firstFromSource(
  records: readonly MirroredRecord[],
  offset: bigint,
): MirroredRecord | undefined {
  return records.find((record) => record.source >= offset);
}

export function firstFromTarget(
  records: readonly MirroredRecord[],
  offset: bigint,
): MirroredRecord | undefined {
  return records.find((record) => record.target >= offset);
}

/** FAST_CHECK_SEED repeats a run; fast-check prints the seed of a failing one. */
export function propertyOptions(): fc.Parameters<unknown> {
  const given = process.env['FAST_CHECK_SEED'];
  const seed = given === undefined ? Date.now() & 0x7fffffff : Number(given);
  console.log(`FAST_CHECK_SEED=${seed}`);
  return { seed, numRuns: 200 };
}
