import { after, before, describe, it } from 'node:test';

import { eventually } from '../kit/eventually.js';
import { growTopic } from '../kit/grow-topic.js';
import { assertMirrored } from '../kit/history-checker.js';
import { MirroredPair } from '../kit/mirrored-pair.js';
import { assertMapped } from '../kit/read-offset-map.js';
import { readTopic } from '../kit/read-topic.js';
import { withAdmin } from '../kit/with-admin.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const OLD_RECORDS = 50;
const NEW_RECORDS = 200;
const LIMIT_MS = 90_000;

/** Whoever wants no history wants all of what is written from the first start on. */
describe('a topic that grows under load, mirrored from its end on', () => {
  const stop = new AbortController();
  let pair: MirroredPair;
  let writing: Promise<unknown>;

  before(async () => {
    pair = await MirroredPair.open({
      flowLines: [
        'us-east->us-west.start.offset = latest',
        'us-east->us-west.topics = orders',
        'refresh.topics.interval.seconds = 1',
      ],
      agents: ['agent-a'],
    });
    await createTopics(pair.east, [{ topic: 'orders', partitions: 2 }]);
    await writeUnique(pair.east, { topic: 'orders', partitions: [0, 1], count: OLD_RECORDS });
    await pair.start();
    await pair.caughtUp(['orders']);
    writing = writeUnique(pair.east, {
      ...{ topic: 'orders', partitions: [0, 1], from: OLD_RECORDS, batchRecords: 5 },
      ...{ pauseMs: 20, signal: stop.signal },
    });
  });

  after(async () => {
    stop.abort();
    await pair?.close();
  });

  async function grow(count: number): Promise<void> {
    await growTopic(pair.east, 'orders', count);
    const added = { topic: 'orders', partitions: [count - 1], count: NEW_RECORDS };
    await writeUnique(pair.east, added);
  }

  it('is copied whole from there, with the partitions that came later', async () => {
    // Written while nobody looks: it is long there when the partition is granted.
    await pair.programs.get('mirror-coordinator')?.kill('SIGKILL');
    await grow(3);
    await pair.startCoordinator();
    await eventually(
      async () => {
        const copied = await readTopic(pair.west, 'us-east.orders');
        return copied.some(({ partition }) => partition === 2);
      },
      () => pair.mirrorctl('status', 'us-east:us-west'),
      LIMIT_MS,
    );

    // And again, with a coordinator that dies right after it has made the partition on the target.
    await grow(4);
    await eventually(
      () =>
        withAdmin(pair.west, async (_, cluster) => {
          const { topics } = await cluster.metadata(['us-east.orders']);
          return topics.get('us-east.orders')?.partitions.length === 4;
        }),
      () => 'no fourth partition',
      LIMIT_MS,
    );
    await pair.programs.get('mirror-coordinator')?.kill('SIGKILL');
    await pair.startCoordinator();
    stop.abort();
    await writing;
    await pair.caughtUp(['orders']);

    const all = await readTopic(pair.east, 'orders');
    const isOld = (partition: number, offset: bigint): boolean =>
      partition < 2 && offset < BigInt(OLD_RECORDS);
    const source = all.filter(({ partition, offset }) => !isOld(partition, offset));
    const target = await readTopic(pair.west, 'us-east.orders');
    assertMirrored(source, target);
    await assertMapped({ target: pair.west, alias: 'us-east', topic: 'orders' }, source, target);
  });
});
