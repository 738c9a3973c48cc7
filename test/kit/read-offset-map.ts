import { PartitionMap } from '../../coordinator/target/partition-map.js';
import type { OffsetMapChunk } from '../../mirror/offset-map-chunk.js';
import type { OffsetPair } from '../../mirror/offset-map.js';
import { isExactRun } from '../../mirror/offset-map-run.js';
import { decodeOffsetMapRecord } from '../../mirror/records/offset-map-record.js';
import { eventually } from './eventually.js';
import { checkWholeMap, type HistoryRecord, type MappedRun } from './history-checker.js';
import type { Connection } from './kafkajs-client.js';
import { readTopic } from './read-topic.js';

/** A write of the map follows what it is about by this much at most, on a machine that stalls as well. */
const WRITTEN_MS_MAX = 60_000;

interface Mirrored {
  readonly target: Connection;
  /** The alias that the map's topic is named after. */
  readonly alias: string;
  readonly topic: string;
}

/** What a new leader would find of one topic's maps. */
async function readMaps({ target, alias, topic }: Mirrored): Promise<(at: number) => MappedRun[]> {
  const records = await readTopic(target, `mm2-offset-map.${alias}.internal`);
  const latest = new Map(records.map((record) => [record.key?.toString('latin1'), record]));
  const chunks = new Map<number, Map<number, OffsetMapChunk>>();
  const starts = new Map<number, OffsetPair>();
  for (const { key, value } of latest.values()) {
    if (key === null) throw new Error('a record of the map without a key');
    const record = decodeOffsetMapRecord(key, value);
    if (record.value === undefined) continue;
    if (record.kind === 'start' && record.topic === topic)
      starts.set(record.partition, record.value);
    if (record.kind !== 'chunk' || record.topic !== topic) continue;
    const known = chunks.get(record.partition) ?? new Map<number, OffsetMapChunk>();
    chunks.set(record.partition, known.set(record.chunkIndex, record.value));
  }
  return (partition) =>
    PartitionMap.restore(chunks.get(partition) ?? new Map(), starts.get(partition))
      .runs()
      .filter(isExactRun)
      .map(({ sourceStart, targetStart, records: length }) => {
        return { sourceStart, targetStart, length };
      });
}

/** Waits until what is stored of the map is exact and holds every record. */
export async function assertMapped(
  mirrored: Mirrored,
  source: readonly HistoryRecord[],
  target: readonly HistoryRecord[],
): Promise<void> {
  let wrong: string[] = [];
  const look = async (): Promise<boolean> => {
    wrong = checkWholeMap(source, target, await readMaps(mirrored));
    return wrong.length === 0;
  };
  await eventually(look, () => wrong.slice(0, 20), WRITTEN_MS_MAX);
}
