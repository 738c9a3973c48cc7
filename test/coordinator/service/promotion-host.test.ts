import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { systemClock } from '../../../common/clock.js';
import { CoordinationPromotionHost } from '../../../coordinator/service/promotion-host.js';
import { viewStatus } from '../../../coordinator/service/status-view.js';
import type { AgentMessage, PartitionProgress } from '../../../proto/gen/mirror/v1/agent.js';
import { PartitionState } from '../../../proto/gen/mirror/v1/common.js';
import { isPartition, isSite, startFixture, TestAgent, until, type Fixture } from './fixture.js';

const FLOW = 'a->b';
const open: (() => Promise<void>)[] = [];

const inventory = (...names: string[]): NonNullable<AgentMessage['message']> => ({
  $case: 'inventory',
  value: {
    flow: FLOW,
    topics: names.map((name) => {
      return { name, topicId: '6f1f3f5e-0c1b-4a55-9d3c-3a1d0b5c7e21', partitionCount: 2 };
    }),
  },
});

/** A leader, an agent that holds everything of topic t, and what a promotion sees of both. */
async function stage() {
  const fixture: Fixture = await startFixture();
  open.push(() => fixture.close());
  const coordination = await until(() => fixture.coordinator.coordination, 'leadership');
  const agent = new TestAgent(fixture.agents, { agentId: 'x' });
  await agent.grant(isSite);
  agent.say(inventory('t'));
  const host = new CoordinationPromotionHost(coordination);
  const report = async (
    partition: number,
    change: Partial<PartitionProgress>,
  ): Promise<PartitionProgress> => {
    const { item, leaseEpoch } = await agent.grant(isPartition(partition));
    return {
      ...{ item, leaseEpoch, state: PartitionState.RUNNING, halt: undefined, runs: [] },
      ...{ sourceNext: 10n, targetNext: 10n, sourceEnd: 10n, sourceEndAgeMs: 0n },
      ...{ records: 10n, bytes: 100n, lastTimestampMs: 5n, mapRestarted: false },
      ...{ sequenceBase: 0n, trouble: '', sourceEpoch: undefined, standing: true, ...change },
    };
  };
  const position = (partition: number) =>
    host.partitionPositions(FLOW).find((each) => each.partition === partition);
  return { coordination, agent, host, report, position };
}

describe('what a promotion knows of the partitions', () => {
  afterEach(async () => {
    for (const close of open.splice(0).reverse()) await close();
  });

  it('is nothing of one that looks for its position, whatever is said of those that stand', async () => {
    const { agent, report, position } = await stage();
    const both = [await report(0, {}), await report(1, {})];
    agent.say({ $case: 'progress', value: { partitions: both, standing: [] } });
    await until(() => (position(0)?.lagRecords === 0n ? true : undefined), 'no lag');
    const trouble = 'the source does not answer';
    const lost = await report(0, { state: PartitionState.RECOVERING, trouble, standing: false });
    agent.say({ $case: 'progress', value: { partitions: [lost], standing: [] } });
    await until(() => (position(0)?.lagRecords === undefined ? true : undefined), 'the loss');
    await systemClock.sleep(50);
    const standing = [{ flow: FLOW, sourceEndAgeMs: 0n }];
    agent.say({ $case: 'progress', value: { partitions: [], standing } });
    // However long ago both were told of.
    const ageOf = (partition: number): number => position(partition)?.sourceEndAgeMs ?? 0;
    await until(() => (ageOf(0) - ageOf(1) >= 40 ? true : undefined), 'a look');
    assert.equal(position(1)?.lagRecords, 0n);
    assert.equal(position(0)?.lagRecords, undefined);
    await agent.leave();
  });

  it('is all of one that runs and tells of an open transaction, which is no fault of its agent', async () => {
    const { coordination, agent, report, position } = await stage();
    const trouble = 'a transaction has been open on the source';
    const told = await report(0, { trouble });
    agent.say({ $case: 'progress', value: { partitions: [told], standing: [] } });
    await until(() => (position(0)?.lagRecords === 0n ? true : undefined), 'no lag');
    const { flows, agents } = viewStatus(coordination, FLOW);
    const troubles = flows[0]?.partitions.map((each) => each.trouble);
    assert.deepEqual([troubles, agents[0]?.problems], [[trouble, ''], []]);
    await agent.leave();
  });

  it('is nothing of one that is being moved', async () => {
    const { agent, report, position } = await stage();
    const both = [await report(0, {}), await report(1, {})];
    agent.say({ $case: 'progress', value: { partitions: both, standing: [] } });
    await until(() => (position(0)?.lagRecords === 0n ? true : undefined), 'no lag');
    const { item, leaseEpoch } = both[0]!;
    agent.say({ $case: 'released', value: { releases: [{ item, leaseEpoch, reason: '' }] } });
    await until(() => (position(0)?.lagRecords === undefined ? true : undefined), 'no holder');
    assert.equal(position(1)?.lagRecords, 0n);
    await agent.leave();
  });

  it('is that nobody copies one that is paused, or was halted', async () => {
    const { coordination, agent, report, position } = await stage();
    const halt = { code: 'target-diverged', message: 'a foreign batch' };
    const told = [await report(0, {}), await report(1, { state: PartitionState.HALTED, halt })];
    agent.say({ $case: 'progress', value: { partitions: told, standing: [] } });
    const stoppedBy = (partition: number) => position(partition)?.stopped;
    await until(() => stoppedBy(1), 'the halt');
    assert.deepEqual([stoppedBy(0), stoppedBy(1)], [undefined, 'halted: target-diverged']);
    const rule = { act: 'pause', topics: ['t'], operator: 'me', atMs: 1 } as const;
    coordination.emit({ kind: 'flow-steered', flow: FLOW, rules: [rule] });
    const releases = told.map(({ item, leaseEpoch }) => ({ item, leaseEpoch, reason: '' }));
    agent.say({ $case: 'released', value: { releases } });
    await until(() => stoppedBy(0), 'the pause');
    assert.deepEqual([stoppedBy(0), stoppedBy(1)], ['paused', 'paused']);
    await agent.leave();
  });

  it('is that nothing more comes from a topic that is gone, or left out', async () => {
    const { coordination, agent, host, report, position } = await stage();
    const both = [await report(0, {}), await report(1, {})];
    agent.say({ $case: 'progress', value: { partitions: both, standing: [] } });
    await until(() => (position(0)?.lagRecords === 0n ? true : undefined), 'no lag');
    agent.say(inventory('u'));
    await until(() => (host.listedTopics(FLOW).includes('u') ? true : undefined), 'a listing');
    const of = (topic: string) =>
      host.partitionPositions(FLOW).find((each) => each.topic === topic);
    // A topic that may not be seen is not listed either.
    assert.equal(of('t')?.gone, false);
    const facts = () => coordination.flow(FLOW).facts;
    const gone = { flow: FLOW, gone: ['t'], hidden: [] };
    agent.say({ $case: 'missingTopics', value: gone });
    await until(() => (of('t')?.gone === true ? true : undefined), 'its end');
    assert.equal(of('u')?.gone, false);
    const rule = { act: 'exclude', topics: ['t'], operator: 'me', atMs: 1 } as const;
    coordination.emit({ kind: 'flow-steered', flow: FLOW, rules: [rule] });
    agent.say({ $case: 'missingTopics', value: { flow: FLOW, gone: [], hidden: [] } });
    await until(() => (facts().gone.size === 0 ? true : undefined), 'nothing gone');
    assert.equal(of('t')?.gone, true);
    await agent.leave();
  });
});
