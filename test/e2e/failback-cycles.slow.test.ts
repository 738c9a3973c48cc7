import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { systemClock } from '../../common/clock.js';
import { eventually } from '../kit/eventually.js';
import { FailbackSite } from '../kit/failback-site.js';
import { commitOffsets, committedOffsets } from '../kit/group-offsets.js';
import { assertMirrored, type HistoryRecord } from '../kit/history-checker.js';
import { readTopic } from '../kit/read-topic.js';
import type { Finished } from '../kit/run-mirrorctl.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';
import { seedFor, Seeded } from '../kit/seeded-random.js';

const CYCLES = 4;
const PARTITIONS = [0, 1];
const COUNT_MAX = 400;
const KILLED_WITHIN_MS = 6_000;
const DONE_MS_MAX = 180_000;
const ORDERS = { topic: 'orders', partitions: PARTITIONS };
const GROUP = { group: 'reader', topic: 'orders' };

/** The value of what the group reads next in a partition; undefined at the end. */
function nextValue(records: readonly HistoryRecord[], partition: number, offset: number) {
  const next = records.find((each) => each.partition === partition && each.offset >= offset);
  return next?.value?.toString();
}

/** There and back, again and again, while programs die at random: nothing is lost, doubled or skipped. */
describe('cycles of promotion and failback', () => {
  const seed = seedFor('failback cycles');
  const random = new Seeded(seed);
  let site: FailbackSite;

  before(async () => {
    site = await FailbackSite.open();
    await createTopics(site.a, [{ topic: 'orders', partitions: PARTITIONS.length }]);
    await site.startCoordinator();
    await site.startAgent();
  });

  after(() => site?.close());

  async function write(side: 'a' | 'b', producer: string): Promise<void> {
    const count = 1 + random.below(COUNT_MAX);
    await writeUnique(site[side], { ...ORDERS, producer, count });
  }

  /** Repeats a command until it is done, and kills the coordinator, the agent or nobody meanwhile. */
  async function insist(command: () => Promise<Finished>): Promise<void> {
    const call = command();
    const victim = random.pick(['coordinator', 'agent', 'both', 'nobody'] as const);
    await systemClock.sleep(random.below(KILLED_WITHIN_MS));
    if (victim === 'coordinator' || victim === 'both') await site.killCoordinator();
    if (victim === 'agent' || victim === 'both') await site.killAgent();
    await call;
    if (victim === 'coordinator' || victim === 'both') await site.startCoordinator();
    if (victim === 'agent' || victim === 'both') await site.startAgent();
    let last: Finished | undefined;
    const isDone = async (): Promise<boolean> => (last = await command()).code === 0;
    await eventually(isDone, () => `SEED=${seed} ${last?.out}${last?.err}`, DONE_MS_MAX);
  }

  async function untilEqual(): Promise<void> {
    const counts = async () =>
      await Promise.all(
        [site.a, site.b].map(
          async (side) => (await readTopic(side, 'orders').catch(() => [])).length,
        ),
      );
    await eventually(
      async () => {
        const [a, b] = await counts();
        return a === b && a !== 0;
      },
      async () => `SEED=${seed} ${(await counts()).join(' and ')}`,
      DONE_MS_MAX,
    );
  }

  /** What the group reads next is the same record on both sides. */
  async function assertSamePosition(from: 'a' | 'b', to: 'a' | 'b'): Promise<void> {
    const [there, here] = [
      await readTopic(site[from], 'orders'),
      await readTopic(site[to], 'orders'),
    ];
    const [old, now] = await Promise.all(
      [from, to].map((side) => committedOffsets(site[side], GROUP)),
    );
    for (const partition of PARTITIONS) {
      const expected = nextValue(there, partition, old![partition]!);
      assert.equal(nextValue(here, partition, now![partition]!), expected, `SEED=${seed}`);
    }
  }

  /** Reads on: to a random place between where it is and the end. */
  async function readOn(side: 'a' | 'b'): Promise<void> {
    const records = await readTopic(site[side], 'orders');
    const current = await committedOffsets(site[side], GROUP);
    const offsets = PARTITIONS.map((partition) => {
      const unread = records.filter(
        (each) => each.partition === partition && each.offset >= (current[partition] ?? 0),
      );
      const last = unread[random.below(unread.length)];
      return last === undefined ? current[partition]! : Number(last.offset) + 1;
    });
    await commitOffsets(site[side], GROUP, offsets);
  }

  for (let cycle = 1; cycle <= CYCLES; cycle += 1) {
    it(`cycle ${cycle} (SEED=${seed})`, async () => {
      await write('a', `a${cycle}`);
      await untilEqual();
      await readOn('a');
      await insist(() => site.ctl('promote', 'A:B', '--planned', '--yes'));
      await assertSamePosition('a', 'b');
      await write('b', `b${cycle}`);
      await readOn('b');
      await insist(() => site.failback('--wait'));
      await untilEqual();
      assertMirrored(await readTopic(site.b, 'orders'), await readTopic(site.a, 'orders'));
      await assertSamePosition('b', 'a');
    });
  }
});
