import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Reader, WireFormatError } from '../../../kafka/wire/index.js';
import { codecCases } from './codec-cases.js';
import { goldenBytes } from './golden-bytes.js';

/** Set MIRROR_FUZZ_SEED to repeat a run. */
const seed = Number(process.env['MIRROR_FUZZ_SEED'] ?? Date.now() % 0x7fff_ffff);

const ROUNDS = 2_000;

/** Mutations that mean something to a length or a count: borders, signs, and endless varints. */
const NASTY_BYTES = [0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff];

/** No answer of this size has a reason to make more than this of it. */
const HEAP_BYTES_MAX = 64 * 1024 * 1024;

/** Mulberry32: small, seeded, and the same everywhere. */
function randomFrom(start: number): (below: number) => number {
  let state = start >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function mutate(bytes: Buffer, random: (below: number) => number): Buffer {
  const mutant = Buffer.from(bytes);
  for (let count = random(4); count >= 0; count -= 1) {
    const nasty = NASTY_BYTES[random(NASTY_BYTES.length)] as number;
    mutant[random(mutant.length)] = random(2) === 0 ? nasty : random(256);
  }
  return random(4) === 0 ? mutant.subarray(0, random(mutant.length)) : mutant;
}

describe(`decoders under fuzz (seed ${seed})`, () => {
  for (const { api } of codecCases) {
    it(`${api.name} reads hostile bytes or refuses them, and does nothing else`, () => {
      const hex = goldenBytes[`${api.name} response` as keyof typeof goldenBytes];
      const whole = Buffer.from(hex, 'hex');
      const random = randomFrom(seed + api.key);
      const heapBefore = process.memoryUsage().heapUsed;
      for (let round = 0; round < ROUNDS; round += 1) {
        const mutant = mutate(whole, random);
        try {
          api.decodeResponse(new Reader(mutant));
        } catch (error) {
          assert(error instanceof WireFormatError, `${String(error)} on ${mutant.toString('hex')}`);
        }
      }
      assert(process.memoryUsage().heapUsed - heapBefore < HEAP_BYTES_MAX);
    });
  }
});
