import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../kit/eventually.js';
import { MirroredPair } from '../kit/mirrored-pair.js';
import type { RunningMirrorctl } from '../kit/run-mirrorctl.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const FLOW = 'us-east:us-west';
const RECORDS = 10_000;
const PARTITIONS = [0, 1, 2, 3];

// Needs agents that are processes of their own: the coordinator must outlive them.
describe('mirrorctl verify that is cut off', () => {
  let pair: MirroredPair;

  before(async () => {
    pair = await MirroredPair.open({
      flowLines: ['us-east->us-west.topics = orders'],
      agents: ['one', 'two'],
    });
    await createTopics(pair.east, [{ topic: 'orders', partitions: PARTITIONS.length }]);
    await writeUnique(pair.east, { topic: 'orders', partitions: PARTITIONS, count: RECORDS });
    await pair.start();
    await pair.caughtUp(['orders']);
  });

  after(() => pair.close());

  /** Begins one that lasts for a quarter of a minute, and lets it come so far that what it compared is written down. */
  async function begin(): Promise<RunningMirrorctl> {
    const verifying = pair.startMirrorctl('verify', FLOW, '--topics', 'orders', '--rate', '1m');
    // The first of its ranges is written down before the second one is told.
    const told = (): number =>
      verifying.out.split('\n').filter((line) => /orders/.test(line)).length;
    await eventually(
      () => told() >= 2,
      () => verifying.out,
      60_000,
    );
    return verifying;
  }

  /** Compares what the earlier call did not, and counts what both did. */
  async function goOn(): Promise<void> {
    const args = ['--json', 'verify', FLOW, '--topics', 'orders', '--rate', '50m', '--ranges'];
    const { code, out, err } = await pair.mirrorctl(...args);
    assert.equal(code, 0, out + err);
    const { partitions, ranges, resumed } = JSON.parse(out) as {
      resumed: boolean;
      partitions: { equalRecords: number }[];
      ranges: { range: { equalRecords: number } }[];
    };
    assert.equal(resumed, true);
    assert.deepEqual(
      partitions.map(({ equalRecords }) => equalRecords),
      PARTITIONS.map(() => RECORDS),
    );
    const now = ranges.reduce((sum, { range }) => sum + range.equalRecords, 0);
    assert.ok(now > 0 && now < RECORDS * PARTITIONS.length, `${now} records compared again`);
  }

  it('goes on where Ctrl-C ended it', async () => {
    const verifying = await begin();
    verifying.interrupt();
    const { code, err } = await verifying.finished;
    assert.equal(code, 1, err);
    assert.match(err, /calling again is safe/);
    await goOn();
  });

  it('goes on where its coordinator died', async () => {
    const verifying = await begin();
    await pair.programs.get('mirror-coordinator')!.kill('SIGKILL');
    assert.equal((await verifying.finished).code, 1);
    await pair.startCoordinator();
    await pair.caughtUp(['orders']);
    await goOn();
  });

  it('goes on with another agent, and compares every record', async () => {
    const siteHolder = async (): Promise<string | undefined> => {
      const { out } = await pair.mirrorctl('--json', 'agents');
      if (!out.startsWith('{')) return undefined;
      const { agents } = JSON.parse(out) as { agents: { agentId: string; sites: string[] }[] };
      return agents.find(({ sites }) => sites.length > 0)?.agentId;
    };
    let holder: string | undefined;
    await eventually(async () => (holder = await siteHolder()) !== undefined);
    const verifying = await begin();
    await pair.programs.get(holder!)!.kill('SIGKILL');
    const { code, out, err } = await verifying.finished;
    assert.equal(code, 0, out + err);
    assert.match(out, /equal: us-east->us-west, 40,000 records compared/);
    for (const partition of PARTITIONS)
      assert.match(out, new RegExp(`orders +${partition} +10,000 +10,000 +10,000 +0 +-`));
  });
});
