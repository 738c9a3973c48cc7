import assert from 'node:assert/strict';
import { it } from 'node:test';

import { ENDS_MAX, listSourceEnds } from '../../../agent/site/source-ends.js';
import type { KafkaCluster, TopicPartition } from '../../../kafka/client/index.js';
import { ErrorCode } from '../../../kafka/messages/error-codes.js';
import { SiteTaskPiece } from '../../../proto/gen/mirror/v1/site_task.js';
import { PIECE_BYTES_MAX } from '../../../agent/site-tasks/site-task-runner.js';

const END = 2n ** 62n;

/** Of each partition the end is its number below; odd ones do not say. */
function source() {
  const listOffsets = (places: readonly TopicPartition[]) =>
    Promise.resolve(
      new Map(
        places.map(({ topic, partition }) => {
          const errorCode = partition % 2 === 0 ? ErrorCode.NONE : ErrorCode.LEADER_NOT_AVAILABLE;
          return [`${topic}:${partition}`, { errorCode, offset: END - BigInt(partition) }];
        }),
      ),
    );
  return { listOffsets } as unknown as KafkaCluster;
}

it('tells of every partition once, in pieces that may be sent', async () => {
  const topics = [
    { name: 'x'.repeat(249), partitionCount: 2 * ENDS_MAX + 1 },
    ...Array.from({ length: 1_200 }, (_, n) => ({
      name: `${n}`.padStart(249, 'y'),
      partitionCount: 3,
    })),
  ];
  const seen = new Map<string, bigint>();
  for await (const ends of listSourceEnds(source(), topics, new AbortController().signal)) {
    const kind = { $case: 'reportGroups', value: ends } as const;
    assert.ok(SiteTaskPiece.encode({ kind }).finish().length <= PIECE_BYTES_MAX);
    for (const { topic, partition, ends: found } of ends.topics)
      for (const [index, end] of found.entries()) {
        const place = `${topic}:${partition + index}`;
        assert.ok(!seen.has(place));
        seen.set(place, end);
      }
  }
  const wanted = topics.flatMap(({ name, partitionCount }) =>
    Array.from({ length: partitionCount }, (_, partition): [string, bigint] => [
      `${name}:${partition}`,
      partition % 2 === 0 ? END - BigInt(partition) : -1n,
    ]),
  );
  assert.deepEqual(seen, new Map(wanted));
});
