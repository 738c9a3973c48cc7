import { brokerCodecCases } from './broker-codec-cases.js';
import type { CodecCase } from './codec-case.js';
import { coordinatorCodecCases } from './coordinator-codec-cases.js';

/** Every API, with what golden/GoldenBytes.java writes for it. */
export const codecCases: readonly CodecCase[] = [...brokerCodecCases, ...coordinatorCodecCases];
