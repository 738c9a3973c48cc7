import type { SchemaReader } from './schema-reader.js';
import type { SchemaWriter } from './schema-writer.js';

/** Ways of a failback that a new leader must know of; before `copying` there is nothing to undo. */
export const FAILBACK_PHASES = ['copying', 'handing-over', 'done'] as const;
export type FailbackPhase = (typeof FAILBACK_PHASES)[number];

export interface FailbackState {
  phase: FailbackPhase;
  /** Wall clock, ms since 1970. */
  startedAtMs: bigint;
  /** Whoever asked. */
  operator: string;
  /** Records of the source that never crossed, all of them saved. */
  uncrossed: bigint;
  /** Wall clock; -1 before it is done. */
  finishedAtMs: bigint;
}

/** Behind the version, as offset-map-record.ts has it. */
export function encodeFailbackState(writer: SchemaWriter, state: FailbackState): Buffer {
  return writer
    .int8(FAILBACK_PHASES.indexOf(state.phase))
    .int64(state.startedAtMs)
    .string(state.operator)
    .int64(state.uncrossed)
    .int64(state.finishedAtMs)
    .bytes();
}

export function decodeFailbackState(reader: SchemaReader): FailbackState {
  const number = reader.int8('phase');
  const phase = FAILBACK_PHASES[number];
  if (phase === undefined) throw reader.error(`phase ${number}`);
  const startedAtMs = reader.int64('startedAtMs');
  const operator = reader.string('operator');
  const uncrossed = reader.int64('uncrossed');
  return { phase, startedAtMs, operator, uncrossed, finishedAtMs: reader.int64('finishedAtMs') };
}
