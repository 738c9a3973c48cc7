import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../kit/eventually.js';
import { MirroredPair } from '../kit/mirrored-pair.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const FLOW = 'us-east:us-west';
const RECORDS = 10_000;
const PARTITIONS = [0, 1, 2, 3];

// Needs agents that are processes of their own: the coordinator must outlive them.
describe('mirrorctl verify with agents that die', () => {
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

  it('goes on with another agent, and compares every record', async () => {
    const verifying = pair.mirrorctl(
      '--json',
      'verify',
      FLOW,
      '--topics',
      'orders',
      '--rate',
      '3m',
    );
    const siteHolder = async (): Promise<string | undefined> => {
      const { out } = await pair.mirrorctl('--json', 'agents');
      const { agents } = JSON.parse(out) as { agents: { agentId: string; sites: string[] }[] };
      return agents.find(({ sites }) => sites.length > 0)?.agentId;
    };
    let holder: string | undefined;
    await eventually(async () => (holder = await siteHolder()) !== undefined);
    await pair.programs.get(holder!)!.kill('SIGKILL');
    const { code, out, err } = await verifying;
    assert.equal(code, 0, out + err);
    const { partitions } = JSON.parse(out) as { partitions: { equalRecords: number }[] };
    assert.deepEqual(
      partitions.map(({ equalRecords }) => equalRecords),
      PARTITIONS.map(() => RECORDS),
    );
  });
});
