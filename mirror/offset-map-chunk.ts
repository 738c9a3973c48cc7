/**
 * The stored form of part of an offset map, a value of the offset map topic:
 *
 *   chunk => version INT8 (= 1), generation UVARINT, run count UVARINT, run*
 *   run   => source skip UVARINT     source offsets left out since the run before (or since 0)
 *            target skip UVARINT     likewise on the target
 *            size UVARINT            records << 1, plus 1 if two gap counts follow
 *            [source gaps UVARINT, target gaps UVARINT]     merged runs only; not both zero
 *
 * Varints are little-endian groups of seven bits, in their shortest form only, so that there is one
 * encoding of a chunk and any change to a byte is an error or another valid chunk, never a crash.
 * A run of a transactional topic takes four to six bytes.
 */
import { OffsetMapChunkError } from './offset-map-errors.js';
import {
  isExactRun,
  OFFSET_MAX,
  sourceNextOf,
  targetNextOf,
  type OffsetRun,
} from './offset-map-run.js';

/** Runs in a full chunk: only a partition's last chunk changes as the map grows. */
export const RUNS_PER_CHUNK = 512;

const CHUNK_VERSION = 1;
/** Ten groups of seven bits hold 64 bits. */
const UVARINT_BYTES_MAX = 10;
/** Generations are counted in a double and rise once per truncation. */
const GENERATION_MAX = 2n ** 31n - 1n;

export interface OffsetMapChunk {
  /** How often the map had been truncated when the chunk was written. */
  generation: number;
  /** At most RUNS_PER_CHUNK, in order. */
  runs: readonly OffsetRun[];
}

export function encodeChunk(chunk: OffsetMapChunk): Buffer {
  const bytes: number[] = [CHUNK_VERSION];
  writeUvarint(bytes, BigInt(chunk.generation));
  writeUvarint(bytes, BigInt(chunk.runs.length));
  let sourceNext = 0n;
  let targetNext = 0n;
  for (const run of chunk.runs) {
    const exact = isExactRun(run);
    writeUvarint(bytes, run.sourceStart - sourceNext);
    writeUvarint(bytes, run.targetStart - targetNext);
    writeUvarint(bytes, (run.records << 1n) | (exact ? 0n : 1n));
    if (!exact) {
      writeUvarint(bytes, run.sourceGaps);
      writeUvarint(bytes, run.targetGaps);
    }
    sourceNext = sourceNextOf(run);
    targetNext = targetNextOf(run);
  }
  return Buffer.from(bytes);
}

/** Strict: whatever encodeChunk() would not have written is an OffsetMapChunkError. */
export function decodeChunk(bytes: Uint8Array): OffsetMapChunk {
  const reader = new UvarintReader(bytes);
  reader.expectVersion(CHUNK_VERSION);
  const generation = Number(reader.read(GENERATION_MAX));
  const runCount = Number(reader.read(BigInt(RUNS_PER_CHUNK)));
  const runs: OffsetRun[] = [];
  let sourceNext = 0n;
  let targetNext = 0n;
  for (let index = 0; index < runCount; index += 1) {
    const run = decodeRun(reader, sourceNext, targetNext);
    sourceNext = sourceNextOf(run);
    targetNext = targetNextOf(run);
    if (sourceNext > OFFSET_MAX || targetNext > OFFSET_MAX) {
      throw new OffsetMapChunkError('an offset exceeds 64 bits', reader.position);
    }
    runs.push(run);
  }
  reader.expectEnd();
  return { generation, runs };
}

function decodeRun(reader: UvarintReader, sourceNext: bigint, targetNext: bigint): OffsetRun {
  const sourceStart = sourceNext + reader.read(OFFSET_MAX);
  const targetStart = targetNext + reader.read(OFFSET_MAX);
  const size = reader.read((OFFSET_MAX << 1n) | 1n);
  const records = size >> 1n;
  if (records === 0n) throw new OffsetMapChunkError('a run has no records', reader.position);
  const run = { sourceStart, targetStart, records, sourceGaps: 0n, targetGaps: 0n };
  if ((size & 1n) === 0n) return run;

  run.sourceGaps = reader.read(OFFSET_MAX);
  run.targetGaps = reader.read(OFFSET_MAX);
  if (isExactRun(run)) throw new OffsetMapChunkError('a merged run has no gaps', reader.position);
  return run;
}

function writeUvarint(bytes: number[], value: bigint): void {
  let rest = value;
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
}

class UvarintReader {
  position = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  expectVersion(version: number): void {
    const found = this.#byte();
    if (found !== version) {
      throw new OffsetMapChunkError(`version ${found}, not ${version}`, 0);
    }
  }

  expectEnd(): void {
    const trailing = this.#bytes.length - this.position;
    if (trailing > 0) throw new OffsetMapChunkError(`${trailing} bytes too many`, this.position);
  }

  read(valueMax: bigint): bigint {
    const start = this.position;
    let value = 0n;
    for (let group = 0; group < UVARINT_BYTES_MAX; group += 1) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << BigInt(7 * group);
      if (byte >= 0x80) continue;
      if (byte === 0 && group > 0) throw new OffsetMapChunkError('a number is padded', start);
      if (value > valueMax) throw new OffsetMapChunkError(`${value} is out of range`, start);
      return value;
    }
    throw new OffsetMapChunkError('a number does not end', start);
  }

  #byte(): number {
    const byte = this.#bytes[this.position];
    if (byte === undefined) throw new OffsetMapChunkError('it ends early', this.position);
    this.position += 1;
    return byte;
  }
}
