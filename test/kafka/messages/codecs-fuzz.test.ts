import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Reader, WireFormatError } from '../../../kafka/wire/index.js';
import { Seeded } from '../../kit/seeded-random.js';
import { codecCases } from './codec-cases.js';
import { goldenBytes } from './golden-bytes.js';

/** Set MIRROR_FUZZ_SEED to repeat a run. */
const seed = Number(process.env['MIRROR_FUZZ_SEED'] ?? Date.now() % 0x7fff_ffff);

const ROUNDS = 2_000;

/** Mutations that mean something to a length or a count: borders, signs, and endless varints. */
const NASTY_BYTES = [0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff];

/** No answer of this size has a reason to make more than this of it. */
const HEAP_BYTES_MAX = 64 * 1024 * 1024;

function mutate(bytes: Buffer, random: Seeded): Buffer {
  const mutant = Buffer.from(bytes);
  for (let count = random.below(4); count >= 0; count -= 1) {
    const nasty = NASTY_BYTES[random.below(NASTY_BYTES.length)] as number;
    mutant[random.below(mutant.length)] = random.below(2) === 0 ? nasty : random.below(256);
  }
  return random.below(4) === 0 ? mutant.subarray(0, random.below(mutant.length)) : mutant;
}

describe(`decoders under fuzz (seed ${seed})`, () => {
  for (const { api, golden } of codecCases) {
    it(`${api.name} reads hostile bytes or refuses them, and does nothing else`, () => {
      const hex = goldenBytes[`${golden} response` as keyof typeof goldenBytes];
      const whole = Buffer.from(hex, 'hex');
      const random = new Seeded(seed + api.key);
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
