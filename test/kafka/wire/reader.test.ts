import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Reader, WireFormatError, Writer } from '../../../kafka/wire/index.js';

const MIB = 1024 * 1024;

function read<T>(bytes: readonly number[], method: (reader: Reader) => T): T {
  return method(new Reader(Buffer.from(bytes)));
}

function refuses(bytes: readonly number[], method: (reader: Reader) => unknown): void {
  assert.throws(() => read(bytes, method), WireFormatError);
}

describe('Reader', () => {
  it('reads back what Writer writes', () => {
    const writer = new Writer(1)
      .writeBoolean(true)
      .writeInt8(-128)
      .writeInt16(-2)
      .writeInt32(-3)
      .writeUint32(0xffff_fffe)
      .writeInt64(-(2n ** 63n))
      .writeUuid('01234567-89ab-cdef-fedc-ba9876543210')
      .writeString('höher')
      .writeNullableString(null)
      .writeCompactString('')
      .writeCompactNullableString(null)
      .writeBytes(Buffer.from('b'))
      .writeCompactBytes(Buffer.from('c'))
      .writeArray([1, 2], (out, item) => out.writeInt8(item))
      .writeCompactNullableArray<number>(null, (out, item) => out.writeInt8(item))
      .writeNoTaggedFields();
    const reader = new Reader(writer.toBuffer());
    assert.equal(reader.readBoolean(), true);
    assert.equal(reader.readInt8(), -128);
    assert.equal(reader.readInt16(), -2);
    assert.equal(reader.readInt32(), -3);
    assert.equal(reader.readUint32(), 0xffff_fffe);
    assert.equal(reader.readInt64(), -(2n ** 63n));
    assert.equal(reader.readUuid(), '01234567-89ab-cdef-fedc-ba9876543210');
    assert.equal(reader.readString(), 'höher');
    assert.equal(reader.readNullableString(), null);
    assert.equal(reader.readCompactString(), '');
    assert.equal(reader.readCompactNullableString(), null);
    assert.deepEqual(reader.readBytes(), Buffer.from('b'));
    assert.deepEqual(reader.readCompactBytes(), Buffer.from('c'));
    assert.deepEqual(
      reader.readArray((item) => item.readInt8()),
      [1, 2],
    );
    assert.equal(
      reader.readCompactNullableArray((item) => item.readInt8()),
      null,
    );
    reader.skipTaggedFields();
    assert.equal(reader.remaining, 0);
  });

  it('reads varints at their borders', () => {
    for (const value of [0, 1, -1, 63, -64, 64, 2 ** 31 - 1, -(2 ** 31)]) {
      assert.equal(new Reader(new Writer().writeVarint(value).toBuffer()).readVarint(), value);
    }
    for (const value of [0, 127, 128, 2 ** 31, 2 ** 32 - 1]) {
      const bytes = new Writer().writeUnsignedVarint(value).toBuffer();
      assert.equal(new Reader(bytes).readUnsignedVarint(), value);
    }
    for (const value of [0n, -1n, 64n, 2n ** 63n - 1n, -(2n ** 63n)]) {
      assert.equal(new Reader(new Writer().writeVarlong(value).toBuffer()).readVarlong(), value);
    }
  });

  it('gives views, not copies', () => {
    const buffer = Buffer.from([0, 0, 0, 2, 7, 8]);
    const view = new Reader(buffer).readBytes();
    buffer[4] = 9;
    assert.deepEqual([...view], [9, 8]);
  });

  it('refuses varints that are longer than their type, or cut short', () => {
    refuses([0xff, 0xff, 0xff, 0xff, 0x10], (reader) => reader.readUnsignedVarint());
    refuses([0x80, 0x80, 0x80, 0x80, 0x80, 0x00], (reader) => reader.readUnsignedVarint());
    refuses([0x80], (reader) => reader.readUnsignedVarint());
    refuses(Array<number>(9).fill(0xff).concat(0x02), (reader) => reader.readVarlong());
    refuses(Array<number>(9).fill(0xff), (reader) => reader.readVarlong());
  });

  it('refuses negative lengths other than null', () => {
    refuses([0xff, 0xfe], (reader) => reader.readNullableString());
    refuses([0xff, 0xff, 0xff, 0xfe], (reader) => reader.readNullableBytes());
    refuses([0x80, 0, 0, 0], (reader) => reader.readNullableArray((item) => item.readInt8()));
    refuses([0], (reader) => reader.readBytesView(-1));
  });

  it('refuses null where none may be', () => {
    refuses([0xff, 0xff], (reader) => reader.readString());
    refuses([0], (reader) => reader.readCompactString());
    refuses([0], (reader) => reader.readCompactBytes());
    refuses([0], (reader) => reader.readCompactArray((item) => item.readInt8()));
  });

  it('refuses a count that the remaining bytes cannot hold before reading any item', () => {
    let itemsRead = 0;
    const countItem = (): number => (itemsRead += 1);
    refuses([0x7f, 0xff, 0xff, 0xff, 1, 2], (reader) => reader.readArray(countItem));
    refuses([0xff, 0xff, 0xff, 0xff, 0x0f], (reader) => reader.readCompactArray(countItem));
    assert.equal(itemsRead, 0);
  });

  it('refuses endless tagged fields, and ones that are larger than what is left', () => {
    refuses([0xff, 0xff, 0xff, 0xff, 0x0f], (reader) => reader.skipTaggedFields());
    refuses([1, 0, 5, 1, 2], (reader) => reader.skipTaggedFields());
    refuses([], (reader) => reader.skipTaggedFields());
    const many = new Writer().writeUnsignedVarint(2000).writeBytesRaw(Buffer.alloc(MIB)).toBuffer();
    assert.throws(() => new Reader(many).skipTaggedFields(), WireFormatError);
  });

  it('keeps a tagged field from reading beyond its own bytes', () => {
    refuses([1, 0, 2, 1, 2, 3, 4], (reader) =>
      reader.readTaggedFields((_tag, field) => field.readInt32()),
    );
  });

  it('names the field and its position', () => {
    const reader = new Reader(Buffer.from([1, 2, 3]));
    reader.readInt8();
    assert.throws(() => reader.readInt32(), {
      code: 'MIRROR_WIRE_FORMAT',
      retriable: false,
      field: 'int32',
      position: 1,
    });
  });
});
