import { MirrorError } from '../../common/errors.js';

/** Thrown for bytes that cannot be a record batch; names the batch so that a halt can be precise. */
export class CorruptBatchError extends MirrorError {
  readonly code = 'MIRROR_CORRUPT_BATCH';
  readonly retriable = false; // the same bytes are corrupt again

  readonly baseOffset: bigint;
  readonly reason: string;

  constructor(baseOffset: bigint, reason: string, options?: ErrorOptions) {
    super(`record batch at offset ${baseOffset} is corrupt: ${reason}`, options);
    this.baseOffset = baseOffset;
    this.reason = reason;
  }
}

/** Thrown when a payload would decompress to more bytes than its reader allows. */
export class DecompressionLimitError extends MirrorError {
  readonly code = 'MIRROR_DECOMPRESSION_LIMIT';
  readonly retriable = false;

  readonly codecName: string;
  readonly limitBytes: number;

  constructor(codecName: string, limitBytes: number, options?: ErrorOptions) {
    super(`a ${codecName} payload decompresses to more than ${limitBytes} bytes`, options);
    this.codecName = codecName;
    this.limitBytes = limitBytes;
  }
}

/** Thrown when bytes are not what their codec writes. */
export class DecompressionError extends MirrorError {
  readonly code = 'MIRROR_DECOMPRESSION';
  readonly retriable = false;

  constructor(codecName: string, reason: string, options?: ErrorOptions) {
    super(`a ${codecName} payload cannot be decompressed: ${reason}`, options);
  }
}
