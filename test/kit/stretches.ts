import { eventually } from './eventually.js';
import type { HistoryRecord } from './history-checker.js';
import { readTopic } from './read-topic.js';
import { decodeUnique } from './write-unique.js';

type Servers = Parameters<typeof readTopic>[0];

const ARRIVED_MS_MAX = 60_000;

/** `first:200 west:50`: each writer with the count of its records that follow each other. */
export function stretches(records: readonly HistoryRecord[], partition: number): string {
  const found: { producer: string; count: number }[] = [];
  for (const record of records.filter((each) => each.partition === partition)) {
    const { producer } = decodeUnique(record.value!)!;
    const last = found.at(-1);
    if (last?.producer === producer) last.count += 1;
    else found.push({ producer, count: 1 });
  }
  return found.map(({ producer, count }) => `${producer}:${count}`).join(' ');
}

/** Resolves once every one of these partitions holds just that. */
export async function untilStretches(
  servers: Servers,
  { topic, partitions }: { topic: string; partitions: readonly number[] },
  expected: string,
): Promise<void> {
  let found: string[] = [];
  await eventually(
    async () => {
      const records = await readTopic(servers, topic).catch(() => []);
      found = partitions.map((partition) => stretches(records, partition));
      return found.every((each) => each === expected);
    },
    () => `${found.join(' | ')}, not ${expected}`,
    ARRIVED_MS_MAX,
  );
}
