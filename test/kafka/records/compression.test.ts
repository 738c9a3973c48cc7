import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compressFrameSync } from 'lz4-napi';
import { compressSync } from 'snappy';
import fc from 'fast-check';
import { Codec, compress, decompress, initCodecs } from '../../../kafka/records/compression.js';
import { DecompressionError, DecompressionLimitError } from '../../../kafka/records/errors.js';
import { check, codecs } from './arbitraries.js';

await initCodecs();

/** A zstd frame of three blocks that state nothing of their size, as a streaming writer makes them. */
function streamedZstd(block: Buffer): Buffer {
  const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58]); // 2 MiB window, no content size
  const parts: Buffer[] = [header];
  for (let index = 0; index < 3; index++) {
    const blockHeader = Buffer.alloc(3);
    blockHeader.writeUIntLE((block.length << 3) | (index === 2 ? 1 : 0), 0, 3); // raw
    parts.push(blockHeader, block);
  }
  return Buffer.concat(parts);
}

describe('codecs', () => {
  it('give back what went in, up to exactly the limit', () => {
    const plain = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 2_000 }),
      fc.uint8Array({ minLength: 1, maxLength: 9 }).map((part) => Buffer.alloc(100_000, part)),
    );
    check(
      fc.property(codecs, plain, (codec, array) => {
        const bytes = Buffer.from(array);
        const packed = compress(codec, bytes);
        assert.ok(decompress(codec, packed, bytes.length).equals(bytes));
        assert.throws(() => decompress(codec, packed, bytes.length - 1), DecompressionLimitError);
      }),
      200,
    );
  });

  it('bound what a bomb may regenerate', () => {
    const zeros = Buffer.alloc(32 * 1024 * 1024);
    for (const codec of Object.values(Codec)) {
      const bomb = compress(codec, zeros);
      assert.throws(() => decompress(codec, bomb, 1024 * 1024), DecompressionLimitError);
    }
  });

  it('throw only their own errors on damaged bytes', () => {
    const plain = Buffer.from('a payload, a payload, a payload with some repetition'.repeat(30));
    check(
      fc.property(codecs, fc.nat(), fc.nat({ max: 255 }), fc.nat(), (codec, place, byte, cut) => {
        const packed = Buffer.from(compress(codec, plain));
        packed[place % packed.length] = byte;
        const damaged = packed.subarray(0, packed.length - (cut % 4));
        try {
          assert.ok(decompress(codec, damaged, 10_000).length <= 10_000);
        } catch (error) {
          const known = error instanceof DecompressionError;
          assert.ok(known || error instanceof DecompressionLimitError, String(error));
        }
      }),
      2_000,
    );
  });

  it('refuse a codec number that Kafka has not given out', () => {
    for (const codec of [5, 6, 7]) {
      assert.throws(() => decompress(codec, Buffer.alloc(9), 100), DecompressionError);
    }
  });

  it('take raw snappy as well as framed', () => {
    const plain = Buffer.alloc(100_000, 'snappy ');
    assert.ok(decompress(Codec.snappy, compressSync(plain), plain.length).equals(plain));
    assert.equal(compress(Codec.snappy, plain).toString('latin1', 1, 7), 'SNAPPY');
  });

  it('write lz4 frames of independent blocks without checksums, which Kafka asks for', () => {
    const frame = compress(Codec.lz4, Buffer.alloc(300_000, 'lz4 '));
    assert.equal(frame[4], 0x60);
  });

  it('read every kind of lz4 frame', () => {
    const plain = Buffer.alloc(300_000, 'lz4 '.repeat(50));
    const random = Buffer.from(Array.from({ length: 9_000 }, (_, index) => (index * index) % 251));
    for (const bytes of [plain, random, Buffer.alloc(0), Buffer.from('x')]) {
      for (const contentChecksum of [false, true]) {
        for (const blockChecksums of [false, true]) {
          const frame = compressFrameSync(bytes, { contentChecksum, blockChecksums });
          const read = decompress(Codec.lz4, frame, bytes.length);
          assert.ok(read.equals(bytes), `${bytes.length} ${contentChecksum} ${blockChecksums}`);
        }
      }
    }
  });

  it('take stored lz4 blocks, and refuse one beyond what the frame allows', () => {
    const header = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]); // blocks of up to 64 KiB
    const stored = (length: number): Buffer => {
      const block = Buffer.alloc(4 + length, 's');
      block.writeUInt32LE((length | 0x80000000) >>> 0, 0);
      return block;
    };
    const frame = (...blocks: Buffer[]): Buffer =>
      Buffer.concat([header, ...blocks, Buffer.alloc(4)]);
    const two = decompress(Codec.lz4, frame(stored(64 * 1024), stored(1)), 100_000);
    assert.ok(two.equals(Buffer.alloc(64 * 1024 + 1, 's')));
    const one = decompress(Codec.lz4, frame(stored(64 * 1024)), 100_000);
    assert.ok(one.equals(Buffer.alloc(64 * 1024, 's')));
    assert.throws(
      () => decompress(Codec.lz4, frame(stored(64 * 1024 + 1)), 100_000),
      DecompressionError,
    );
  });

  it('refuse an lz4 header whose checksum is wrong', () => {
    const frame = Buffer.from(compress(Codec.lz4, Buffer.from('checked')));
    frame[6]! ^= 1;
    assert.throws(() => decompress(Codec.lz4, frame, 100), DecompressionError);
  });

  it('take zstd frames of unstated size beyond 1 MiB, and several in a row', () => {
    const block = Buffer.alloc(128 * 1024, 'zstd ');
    const frame = streamedZstd(block);
    const frames = Buffer.concat(new Array<Buffer>(5).fill(frame));
    const plain = decompress(Codec.zstd, frames, 15 * block.length);
    assert.ok(plain.equals(Buffer.concat(new Array<Buffer>(15).fill(block))));
    assert.throws(
      () => decompress(Codec.zstd, frames, 15 * block.length - 1),
      DecompressionLimitError,
    );
  });
});
