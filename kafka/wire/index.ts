export { FramePool } from './frame-pool.js';
export { FrameSplitter } from './frame-splitter.js';
export { Reader } from './reader.js';
export { WireFormatError } from './wire-format-error.js';
export { Writer } from './writer.js';
