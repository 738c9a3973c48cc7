import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { eventually } from '../kit/eventually.js';
import { commitOffsets, committedOffsets } from '../kit/group-offsets.js';
import { assertMirrored } from '../kit/history-checker.js';
import { MirroredPair } from '../kit/mirrored-pair.js';
import { readTopic } from '../kit/read-topic.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const FLOW = 'us-east:us-west';
const TOPIC = 'ledger';
const COPY = `us-east.${TOPIC}`;
const FIRST = 100;
const BURST = 12_000;

/** So that the burst drains for minutes: the agent is to freeze in the middle of it, twice. */
const BYTES_PER_SECOND = 20_000;

interface Promoted {
  readonly plan: {
    readonly mode: string;
    readonly sourceState: string;
    readonly topics: readonly { topic: string; rpoRecords: number; unmappedRecords: number }[];
  };
  readonly steps: readonly { name: string; message: string }[];
}

/** Nobody is cut off, and nothing is gone: the only agent stands still for a while, as a machine may. */
describe('an agent that freezes while a promotion drains', () => {
  let pair: MirroredPair;

  before(async () => {
    pair = await MirroredPair.open({
      flowLines: [
        `us-east->us-west.topics = ${TOPIC}`,
        'us-east->us-west.groups = .*',
        `us-east->us-west.bandwidth.bytes.per.second = ${BYTES_PER_SECOND}`,
      ],
      agents: ['one'],
      leaseTtlMs: 10_000,
    });
    await createTopics(pair.east, [{ topic: TOPIC }]);
    await writeUnique(pair.east, { topic: TOPIC, count: FIRST });
    await pair.start();
    await pair.caughtUp([TOPIC]);
    await commitOffsets(pair.east, { group: 'billing', topic: TOPIC }, [60]);
    await writeUnique(pair.east, { topic: TOPIC, count: BURST, from: FIRST, batchRecords: 50 });
  });

  after(() => pair?.close());

  const end = async (): Promise<number> => (await readTopic(pair.west, COPY)).length;

  /** As soon as the drain is under way and copies, its agent stands still. */
  async function freezeWhileDraining(...options: string[]): Promise<{ code: number; out: string }> {
    const agent = pair.programs.get('one')!;
    const before = await end();
    const promoting = pair.startMirrorctl('promote', FLOW, '--yes', ...options);
    const isDraining = (): boolean => promoting.out.includes('drain');
    await eventually(isDraining, () => promoting.out);
    await eventually(async () => (await end()) > before, end);
    await agent.kill('SIGSTOP');
    try {
      const { code, out, err } = await promoting.finished;
      return { code, out: out + err };
    } finally {
      await agent.kill('SIGCONT');
    }
  }

  it('planned: is called off, and copying goes on', async () => {
    const { code, out } = await freezeWhileDraining('--planned');
    assert.equal(code, 4, out);
    assert.match(out, /still have records to copy: ledger-0/);
    assert.doesNotMatch(out, /the source answers, but/);
    const before = await end();
    await eventually(async () => (await end()) > before, end);
  });

  it('otherwise: stops where it is, says what is missing, and nothing comes late', async () => {
    const { code, out } = await freezeWhileDraining();
    assert.equal(code, 0, out);
    assert.match(out, /not drained, for the source is unknown by now/);
    assert.deepEqual(await committedOffsets(pair.west, { group: 'billing', topic: COPY }), [60]);
    const copied = await readTopic(pair.west, COPY);
    const all = await readTopic(pair.east, TOPIC);
    assertMirrored(all.slice(0, copied.length), copied);

    const again = await pair.mirrorctl('--json', 'promote', FLOW, '--yes');
    const { topics } = (JSON.parse(again.out) as Promoted).plan;
    const { rpoRecords, unmappedRecords } = topics.find(({ topic }) => topic === TOPIC)!;
    assert.equal(rpoRecords - unmappedRecords, all.length - copied.length);

    // It is awake, is told that nothing of the flow is its own, and had batches in flight.
    const isBack = async (): Promise<boolean> =>
      /one .* connected +0 /.test((await pair.mirrorctl('agents')).out);
    await eventually(isBack, () => pair.mirrorctl('agents'), 60_000);
    assert.equal((await readTopic(pair.west, COPY)).length, copied.length);
  });
});
