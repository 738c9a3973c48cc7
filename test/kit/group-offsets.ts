import assert from 'node:assert/strict';
import { withAdmin } from './with-admin.js';

interface Place {
  readonly group: string;
  readonly topic: string;
}

type Servers = Parameters<typeof withAdmin>[0];

/** Commits for a group without members: at once, where kafkajs would join it first. */
export async function commitOffsets(
  servers: Servers,
  { group, topic }: Place,
  offsets: readonly number[],
): Promise<void> {
  const wanted = offsets.map((offset, partition) => ({ topic, partition, offset: BigInt(offset) }));
  const failures = await withAdmin(servers, (admin) => admin.commitGroupOffsets(group, wanted));
  assert.deepEqual(failures, []);
}

/** By partition; what the group has not committed is left out. */
export async function committedOffsets(
  servers: Servers,
  { group, topic }: Place,
): Promise<number[]> {
  const found = await withAdmin(servers, (admin) => admin.groupOffsets([group]));
  return (found.get(group) ?? [])
    .filter((each) => each.topic === topic && each.offset >= 0n)
    .sort((a, b) => a.partition - b.partition)
    .map(({ offset }) => Number(offset));
}
