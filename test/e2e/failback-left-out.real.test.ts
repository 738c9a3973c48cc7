import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';

import { deleteTopic, hasTopic } from '../kit/delete-topic.js';
import { eventually } from '../kit/eventually.js';
import { MirroredPair } from '../kit/mirrored-pair.js';
import { untilStretches } from '../kit/stretches.js';
import { temporaryFolder } from '../kit/temporary-folder.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const FLOW = 'us-east:us-west';
const TOPICS = ['orders', 'quiet', 'dropped', 'deleted'];
const PARTITIONS = [0];

interface PlanDocument {
  readonly leftOut: readonly unknown[];
  readonly partitions: readonly { readonly sourceTopic: string }[];
}

/** Topics that the flow does not mirror any more hold up the way back of no other. */
describe('failback after topics were taken out of the flow, or deleted', () => {
  let pair: MirroredPair;
  const folder = temporaryFolder('failback-left-out');
  const topicsLine = (topics: readonly string[]): string =>
    `us-east->us-west.topics = ${topics.join(', ')}`;

  before(async () => {
    pair = await MirroredPair.open({ flowLines: [topicsLine(TOPICS)] });
    await createTopics(
      pair.east,
      TOPICS.map((topic) => ({ topic })),
    );
    for (const topic of TOPICS) await writeUnique(pair.east, { topic, producer: 'p', count: 50 });
    await pair.start();
    await pair.caughtUp(TOPICS);
  });

  after(() => pair?.close());

  const west = (topic: string, expected: string): Promise<void> =>
    untilStretches(pair.west, { topic: `us-east.${topic}`, partitions: PARTITIONS }, expected);
  const east = (topic: string, expected: string): Promise<void> =>
    untilStretches(pair.east, { topic, partitions: PARTITIONS }, expected);
  const status = async (): Promise<string> => (await pair.mirrorctl('status', FLOW)).out;

  async function mirrorctl(...args: string[]): Promise<string> {
    const { code, out, err } = await pair.mirrorctl(...args);
    assert.equal(code, 0, out + err);
    return out;
  }

  const failback = (): Promise<string> =>
    mirrorctl('failback', FLOW, '--yes', '--wait', '--quarantine-dir', folder);

  async function select(topics: readonly string[]): Promise<void> {
    const { lines } = pair.programs.get('mirror-maker')!;
    const seen = lines.length;
    const text = readFileSync(pair.configFile, 'utf8');
    writeFileSync(
      pair.configFile,
      text.replace(/^us-east->us-west\.topics = .*$/m, topicsLine(topics)),
    );
    const isApplied = (): boolean =>
      lines.slice(seen).some(({ msg }) => msg === 'configuration applied');
    await eventually(isApplied, () => lines.slice(-20));
  }

  it('brings back all of them while all are mirrored', async () => {
    await mirrorctl('promote', FLOW, '--yes');
    for (const topic of TOPICS)
      await writeUnique(pair.west, { topic: `us-east.${topic}`, producer: 'west', count: 5 });
    await failback();
    for (const topic of TOPICS) await east(topic, 'p:50 west:5');
    await pair.caughtUp(TOPICS);
  });

  it('names in its plan what is left out, and what was written there', async () => {
    await deleteTopic(pair.east, 'deleted');
    await eventually(async () => /source-topic-deleted/.test(await status()), status);
    await select(['orders', 'deleted']);
    await mirrorctl('promote', FLOW, '--yes');
    await writeUnique(pair.west, { topic: 'us-east.orders', producer: 'more', count: 20 });
    await writeUnique(pair.west, { topic: 'us-east.dropped', producer: 'stray', count: 7 });
    const plan = JSON.parse(await mirrorctl('--json', 'failback', FLOW, '--plan')) as PlanDocument;
    assert.deepEqual(
      plan.partitions.map(({ sourceTopic }) => sourceTopic),
      ['orders'],
    );
    const row = (sourceTopic: string, reason: string, writtenRecordsMax: number): unknown => ({
      ...{ sourceTopic, targetTopic: `us-east.${sourceTopic}`, reason, writtenRecordsMax },
    });
    assert.deepEqual(plan.leftOut, [
      row('deleted', 'deleted', 0),
      row('dropped', 'deselected', 7),
      row('quiet', 'deselected', 0),
    ]);
    const shown = await mirrorctl('failback', FLOW, '--plan');
    assert.match(shown, /left out deleted: it was deleted on us-east before the promotion/);
    assert.match(shown, /left out dropped: the topics of us-east->us-west do not name it any more/);
    assert.match(shown, /up to 7 records written to us-east\.dropped on us-west .* do not go back/);
  });

  it('brings back the others, and leaves those as they are', async () => {
    assert.match(await failback(), /do not go back: us-east\.dropped \(up to 7\)/);
    await east('orders', 'p:50 west:5 more:20');
    await east('dropped', 'p:50 west:5');
    assert.equal(await hasTopic(pair.east, 'deleted'), false);
    for (const topic of ['orders', 'quiet'])
      await writeUnique(pair.east, { topic, producer: 'back', count: 10 });
    await west('orders', 'p:50 west:5 more:20 back:10');
  });

  it('goes on with one that is taken in again, unless somebody wrote to its copy', async () => {
    await select(TOPICS);
    await west('quiet', 'p:50 west:5 back:10');
    await eventually(async () => /dropped.*target-diverged/.test(await status()), status, 90_000);
    await west('dropped', 'p:50 west:5 stray:7');
  });
});
