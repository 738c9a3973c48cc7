import java.nio.ByteBuffer;
import java.util.HexFormat;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.record.CompressionType;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.record.MemoryRecordsBuilder;
import org.apache.kafka.common.record.RecordBatch;
import org.apache.kafka.common.record.TimestampType;

/**
 * Prints legacy-bytes.ts: message sets of formats 0 and 1 as Kafka's own classes write them.
 *
 *   java -cp 'libs/*' LegacyBytes.java > legacy-bytes.ts     (with kafka-clients 3.9 in libs)
 */
public class LegacyBytes {
  static final int LINE_DIGITS = 80;
  static final long TIME = 1_500_000_000_000L;
  static final long APPEND_TIME = 1_600_000_000_000L;

  static byte[] bytes(String text) {
    return text == null ? null : text.getBytes();
  }

  /** Records from `first` on: keyed, without a key, a tombstone, empty ones, and a long one. */
  static MemoryRecords build(byte magic, CompressionType type, TimestampType stamp, long first, long step) {
    MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1 << 16), magic, Compression.of(type).build(),
        stamp, first, stamp == TimestampType.LOG_APPEND_TIME ? APPEND_TIME : RecordBatch.NO_TIMESTAMP);
    String[][] records = {
        {"key", "value " + first}, {null, "no key " + first}, {"gone " + first, null}, {"", ""}, {null, null},
        {"long", "abcdefgh".repeat(40) + first}};
    long offset = first;
    for (int index = 0; index < records.length; index++, offset += step) {
      long time = magic == 0 ? RecordBatch.NO_TIMESTAMP : TIME + (index * 7) % 5;
      builder.appendWithOffset(offset, time, bytes(records[index][0]), bytes(records[index][1]));
    }
    return builder.build();
  }

  static void print(String name, MemoryRecords records) {
    byte[] bytes = new byte[records.sizeInBytes()];
    records.buffer().duplicate().get(bytes);
    String lines = HexFormat.of().formatHex(bytes).replaceAll("(.{" + LINE_DIGITS + "})(?!$)", "$1' +\n    '");
    System.out.printf("  '%s':%n    '%s',%n", name, lines);
  }

  public static void main(String[] args) {
    System.out.println("// Printed by golden/LegacyBytes.java with Kafka 3.9's own classes; not edited by hand.");
    System.out.println("export const legacyBytes = {");
    for (byte magic = 0; magic <= 1; magic++) {
      for (CompressionType type : new CompressionType[] {CompressionType.NONE, CompressionType.GZIP, CompressionType.SNAPPY, CompressionType.LZ4}) {
        print("v" + magic + " " + type.name + " dense", build(magic, type, TimestampType.CREATE_TIME, 0, 1));
        print("v" + magic + " " + type.name + " gapped", build(magic, type, TimestampType.CREATE_TIME, 10, 3));
      }
    }
    print("v1 none stamped", build((byte) 1, CompressionType.NONE, TimestampType.LOG_APPEND_TIME, 40, 1));
    print("v1 gzip stamped", build((byte) 1, CompressionType.GZIP, TimestampType.LOG_APPEND_TIME, 50, 2));
    System.out.println("} as const;");
  }
}
