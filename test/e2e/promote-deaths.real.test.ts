import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { eventually } from '../kit/eventually.js';
import { assertMirrored, checkFence } from '../kit/history-checker.js';
import { MirroredPair } from '../kit/mirrored-pair.js';
import { readTopic } from '../kit/read-topic.js';
import { withAdmin } from '../kit/with-admin.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

/** Each with a topic of its own, which is promoted by name. */
const MOMENTS = [
  'check/begun',
  'drain/begun',
  'fence/begun',
  'fence/done',
  'translate/begun',
  'commit/begun',
  'commit/done',
  'verify/done',
] as const;

const FLOW = 'us-east:us-west';
const GROUP = 'billing';
const COUNT = 60;
const READ = 41n;
const CALL_INTERVAL_MS = 200;

const topicOf = (moment: string): string => moment.replace('/', '-');

const crashAt = (moment: string | undefined): string | undefined =>
  moment && `${topicOf(moment)}/${moment}`;

describe('a coordinator that dies while it promotes, on etcd', () => {
  let pair: MirroredPair;

  before(async () => {
    pair = await MirroredPair.open({
      flowLines: ['us-east->us-west.topics = .*', 'us-east->us-west.groups = .*'],
      agents: ['one'],
    });
    const topics = MOMENTS.map(topicOf);
    await createTopics(
      pair.east,
      topics.map((topic) => ({ topic })),
    );
    for (const topic of topics) await writeUnique(pair.east, { topic, count: COUNT });
    await withAdmin(pair.east, async (admin) => {
      const offsets = topics.map((topic) => ({ topic, partition: 0, offset: READ }));
      assert.deepEqual(await admin.commitGroupOffsets(GROUP, offsets), []);
    });
    await pair.startCoordinator({ crashAt: crashAt(MOMENTS[0]) });
    await pair.startAgent('one');
    await pair.caughtUp(topics);
    const known = (): ReturnType<MirroredPair['mirrorctl']> =>
      pair.mirrorctl('translate', FLOW, '--group', GROUP);
    const isKnown = async (): Promise<boolean> => (await known()).out.includes(topics.at(-1)!);
    await eventually(isKnown, known, 60_000);
  });

  after(() => pair?.close());

  /** Offsets of the group on the target. */
  const committed = (): Promise<Map<string, bigint>> =>
    withAdmin(pair.west, async (admin) => {
      const offsets = (await admin.groupOffsets([GROUP])).get(GROUP) ?? [];
      return new Map(offsets.map(({ topic, offset }) => [topic, offset]));
    });

  for (const moment of MOMENTS) {
    it(`leaves to the next what it was at: ${moment}`, async () => {
      const topic = topicOf(moment);
      const promote = (): ReturnType<MirroredPair['mirrorctl']> =>
        pair.mirrorctl('promote', FLOW, '--topics', topic, '--yes');
      await pair.caughtUp([topic]);

      const coordinator = pair.programs.get('mirror-coordinator')!;
      // One that stood still for too long leads no more, and cuts the call off before its moment.
      const isDead = async (): Promise<boolean> => {
        const died = await promote();
        assert.notEqual(died.code, 0, died.out);
        return !coordinator.running;
      };
      await eventually(isDead, () => `it lives after ${moment}`, 60_000, CALL_INTERVAL_MS);
      assert.equal((await coordinator.exit()).signal, 'SIGKILL');
      await pair.startCoordinator({ crashAt: crashAt(MOMENTS[MOMENTS.indexOf(moment) + 1]) });
      await eventually(async () => (await promote()).code === 0, promote, 60_000);

      assert.equal((await committed()).get(`us-east.${topic}`), READ);
      assert.match((await promote()).out, /was promoted before; nothing was changed/);
      const copied = await readTopic(pair.west, `us-east.${topic}`);
      assertMirrored(await readTopic(pair.east, topic), copied);
      await writeUnique(pair.east, { topic, from: COUNT, count: 5 });
      assert.deepEqual(checkFence(copied, await readTopic(pair.west, `us-east.${topic}`)), []);
    });
  }
});
