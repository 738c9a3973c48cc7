import { MirrorError } from '../../common/errors.js';

/** What is in a store; certificates are DER. */
export interface StoreContents {
  readonly trusted: Buffer[];
  /** PEM, without a password; undefined in a trust store. */
  key: string | undefined;
  /** Of the key: its own certificate first. */
  readonly chain: Buffer[];
}

/** Thrown for a store that cannot be read; the message says why, without its path. */
export class StoreFormatError extends MirrorError {
  readonly code = 'MIRROR_STORE_FORMAT';
  readonly retriable = false;
}
