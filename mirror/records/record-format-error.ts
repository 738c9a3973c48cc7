import { MirrorError } from '../../common/errors.js';

/** Thrown when the key or value of a record on an internal topic is not what its schema says. */
export class RecordFormatError extends MirrorError {
  readonly code = 'MIRROR_RECORD_FORMAT';
  readonly retriable = false;

  /** The schema that was expected, such as `Checkpoint key`. */
  readonly schema: string;

  constructor(schema: string, reason: string, options?: ErrorOptions) {
    super(`malformed ${schema}: ${reason}`, options);
    this.schema = schema;
  }
}
