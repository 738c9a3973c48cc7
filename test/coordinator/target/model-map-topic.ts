import { PartitionMap, type UnsavedMap } from '../../../coordinator/target/partition-map.js';
import type { OffsetMapChunk } from '../../../mirror/offset-map-chunk.js';
import type { OffsetPair } from '../../../mirror/offset-map.js';

/** What a compacted topic would hold of one partition's map. */
export class ModelMapTopic {
  readonly chunks = new Map<number, OffsetMapChunk>();
  start: OffsetPair | undefined;

  write({ start, chunks }: UnsavedMap): void {
    if (start !== undefined) this.start = start.pair;
    for (const { index, generation, runs } of chunks) {
      if (runs.length === 0) this.chunks.delete(index);
      else this.chunks.set(index, { generation, runs });
    }
  }

  restore(): PartitionMap {
    return PartitionMap.restore(this.chunks, this.start);
  }
}
