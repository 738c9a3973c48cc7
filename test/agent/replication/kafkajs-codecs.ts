import { createRequire } from 'node:module';
import {
  Codec,
  compress,
  decompress,
  PLAIN_BYTES_MAX,
} from '../../../kafka/records/compression.js';

/** Of kafkajs, as CommonJS: its table of codecs is not a named export that ESM can see. */
const { CompressionCodecs } = createRequire(import.meta.url)('kafkajs') as {
  CompressionCodecs: Record<number, () => KafkajsCodec>;
};

interface KafkajsCodec {
  compress(encoder: { buffer: Buffer }): Promise<Buffer>;
  decompress(buffer: Buffer): Promise<Buffer>;
}

/**
 * Gives kafkajs the codecs that it does not bring. Records are parsed by kafkajs all the same; that
 * our codecs agree with Java's is shown in test/kafka/records.
 */
export function registerCodecs(): void {
  for (const kind of [Codec.snappy, Codec.lz4, Codec.zstd]) {
    CompressionCodecs[kind] = () => ({
      compress: ({ buffer }) => Promise.resolve(compress(kind, buffer)),
      decompress: (buffer) => Promise.resolve(decompress(kind, buffer, PLAIN_BYTES_MAX)),
    });
  }
}
