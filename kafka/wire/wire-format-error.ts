import { MirrorError } from '../../common/errors.js';

/** Bytes that are not what the protocol says. Thrown by every decoder, and by nothing else. */
export class WireFormatError extends MirrorError {
  readonly code = 'MIRROR_WIRE_FORMAT';
  readonly retriable = false; // the same bytes will be wrong again

  /** What was being read: a type, such as 'int32' or 'compact string length'. */
  readonly field: string;

  /** Where the field starts, in bytes from the start of the buffer that is read. */
  readonly position: number;

  constructor(field: string, position: number, problem: string) {
    super(`${field} at byte ${position}: ${problem}`);
    this.field = field;
    this.position = position;
  }
}
