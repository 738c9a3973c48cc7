import { MirrorError } from '../common/errors.js';

/** One run as somebody claims it: `records` records from `sourceStart` on, at `targetStart` on. */
export interface RunClaim {
  sourceStart: bigint;
  targetStart: bigint;
  records: bigint;
}

/**
 * Thrown when a run contradicts what the map already holds: it goes backwards, or gives a source
 * offset another target offset than before. The map is unchanged; nothing is guessed.
 */
export class OffsetMapConflictError extends MirrorError {
  readonly code = 'MIRROR_OFFSET_MAP_CONFLICT';
  readonly retriable = false;

  readonly claim: RunClaim;

  constructor(reason: string, claim: RunClaim, options?: ErrorOptions) {
    super(
      `offset map refuses the run of ${claim.records} records from source offset ` +
        `${claim.sourceStart} at target offset ${claim.targetStart}: ${reason}`,
      options,
    );
    this.claim = claim;
  }
}

/** Thrown when the bytes of a stored chunk are not a chunk of this version. */
export class OffsetMapChunkError extends MirrorError {
  readonly code = 'MIRROR_OFFSET_MAP_CHUNK';
  readonly retriable = false;

  /** Where in the chunk the first wrong byte was met. */
  readonly position: number;

  constructor(reason: string, position: number, options?: ErrorOptions) {
    super(`offset map chunk is malformed at byte ${position}: ${reason}`, options);
    this.position = position;
  }
}
