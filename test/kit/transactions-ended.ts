import assert from 'node:assert/strict';
import { IsolationLevel } from '../../kafka/messages/isolation-level.js';
import { TIMESTAMP_LATEST } from '../../kafka/messages/list-offsets.js';
import { eventually } from './eventually.js';
import { withAdmin } from './with-admin.js';

/**
 * Waits until no transaction is open on a topic. A commit is answered before its markers are in the
 * logs, and until then a reader sees neither its records nor what was written behind them.
 */
export async function transactionsEnded(
  servers: Parameters<typeof withAdmin>[0],
  topic: string,
): Promise<void> {
  await withAdmin(servers, async (_, cluster) => {
    const partitions = (await cluster.metadata([topic])).topics.get(topic)?.partitions ?? [];
    assert.ok(partitions.length > 0, `there is no topic ${topic}`);
    const items = partitions.map(({ partitionIndex: partition }) => ({ topic, partition }));
    const endsFor = async (isolationLevel: IsolationLevel): Promise<bigint[]> => {
      const found = await cluster.listOffsets(items, TIMESTAMP_LATEST, { isolationLevel });
      return items.map(({ partition }) => found.get(`${topic}:${partition}`)!.offset);
    };
    let stable: bigint[] = [];
    let ends: bigint[] = [];
    await eventually(
      async () => {
        ends = await endsFor(IsolationLevel.readUncommitted);
        stable = await endsFor(IsolationLevel.readCommitted);
        return ends.every((end, index) => end >= 0n && stable[index] === end);
      },
      () => ({ stable, ends }),
    );
  });
}
