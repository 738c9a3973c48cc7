import { CorruptBatchError } from './errors.js';
import { decodeRecords } from './record-codec.js';

/** What a control batch says. `other`: leader changes, snapshot marks, and whatever comes later. */
export type ControlType = 'abort' | 'commit' | 'other';

const TYPE_OFFSET = 2; // behind the version, an int16
const KEY_BYTES_MIN = 4;
const ABORT = 0;
const COMMIT = 1;

/**
 * The kind of a control batch, from its payload, which is one record and never compressed.
 *
 *   key => version INT16, type INT16
 */
export function controlType(payload: Buffer, baseOffset = -1n): ControlType {
  const key = decodeRecords(payload, 1, baseOffset)[0]?.key;
  if (!key || key.length < KEY_BYTES_MIN) {
    throw new CorruptBatchError(baseOffset, 'a control record has no type');
  }
  const type = key.readInt16BE(TYPE_OFFSET);
  if (type === ABORT) return 'abort';
  return type === COMMIT ? 'commit' : 'other';
}
