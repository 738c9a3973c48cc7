import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { status, type ServiceError } from '@grpc/grpc-js';
import { systemClock } from '../../../common/clock.js';
import type { OpenedFlowTarget } from '../../../coordinator/service/flow-target-port.js';
import { MemoryKeyValue } from '../../../coordinator/store/memory-key-value.js';
import { loadMirrorConfig } from '../../../mirror/config/mm2-config.js';
import { planReload } from '../../../mirror/config/reload-plan.js';
import type { AgentMessage } from '../../../proto/gen/mirror/v1/agent.js';
import { PartitionState, type WorkItem } from '../../../proto/gen/mirror/v1/common.js';
import {
  ListGroupsRequest,
  FlowState,
  type PromoteEvent,
  type Status,
  PromoteRequest,
} from '../../../proto/gen/mirror/v1/operator.js';
import {
  ForwardClock,
  isPartition,
  isSite,
  LEASE_TTL_MS,
  startFixture,
  TestAgent,
  until,
  type Fixture,
  type FixtureOptions,
} from './fixture.js';

const open: (() => Promise<void>)[] = [];

async function start(options: FixtureOptions = {}): Promise<Fixture> {
  const fixture = await startFixture(options);
  open.push(() => fixture.close());
  return fixture;
}

async function leading(options: FixtureOptions = {}): Promise<Fixture> {
  const fixture = await start(options);
  await until(() => fixture.coordinator.coordination, 'leadership');
  return fixture;
}

function getStatus({ operators }: Fixture): Promise<Status> {
  return new Promise((resolve, reject) => {
    operators.getStatus({ flow: '' }, (error, found) =>
      error === null ? resolve(found) : reject(error),
    );
  });
}

const inventory = (partitionCount: number): NonNullable<AgentMessage['message']> => ({
  $case: 'inventory',
  value: {
    flow: 'a->b',
    topics: [{ name: 't', topicId: '6f1f3f5e-0c1b-4a55-9d3c-3a1d0b5c7e21', partitionCount }],
  },
});

/** One agent that holds the site and every partition of topic t. */
async function working(fixture: Fixture, partitionCount = 2): Promise<TestAgent> {
  const agent = new TestAgent(fixture.agents, { agentId: 'x' });
  await agent.grant(isSite);
  agent.say(inventory(partitionCount));
  for (let partition = 0; partition < partitionCount; partition += 1)
    await agent.grant(isPartition(partition));
  return agent;
}

function partitionOf({ work }: WorkItem): number | undefined {
  return work?.$case === 'partition' ? work.value.partition : undefined;
}

describe('Coordinator', () => {
  afterEach(async () => {
    for (const close of open.splice(0).reverse()) await close();
  });

  it('grants the site, makes the target topic and grants its partitions', async () => {
    const fixture = await leading();
    const agent = await working(fixture);
    const { partition, leaseEpoch } = await agent.grant(isPartition(1));
    assert.equal(partition?.targetTopic, 'a.t');
    assert.equal(partition.producerId, 7n);
    assert.ok(leaseEpoch > 0n);
    const welcome = await agent.welcome();
    assert.equal(welcome.properties['a->b.enabled'], 'true');
    assert.equal(welcome.properties['coordinator.listen'], undefined);
  });

  it('finishes what it moves before it gives up leadership', async () => {
    const fixture = await leading();
    const first = await working(fixture, 4);
    const second = new TestAgent(fixture.agents, { agentId: 'y' });
    const [revoke] = await until(() => first.all('revokes')[0]?.revokes, 'a move');
    assert.ok(revoke?.item !== undefined);
    const moved = isPartition(Number(partitionOf(revoke.item)));
    const closing = fixture.coordinator.close();
    const revokes = first.all('revokes').flatMap(({ revokes }) => revokes);
    const releases = revokes.map(({ item, leaseEpoch }) => ({ item, leaseEpoch, reason: '' }));
    first.say({ $case: 'released', value: { releases } });
    await second.grant(moved);
    await closing;
    await Promise.all([first.leave(), second.leave()]);
  });

  it('applies progress, acknowledges what is durable, and shows it in the status', async () => {
    const fixture = await leading();
    const agent = await working(fixture);
    const grant = await agent.grant(isPartition(0));
    const { item, leaseEpoch } = grant;
    const runs = [{ sourceStart: 0n, targetStart: 0n, length: 10n }];
    const counts = { records: 10n, bytes: 100n, lastTimestampMs: 5n };
    const report = {
      ...{ item, leaseEpoch, state: PartitionState.RUNNING, halt: undefined, runs },
      ...{
        truncatedTo: undefined,
        sourceEpoch: undefined,
        sourceNext: 10n,
        targetNext: 10n,
        sourceEnd: 12n,
      },
      ...{
        sourceEndAgeMs: 5_000n,
        mapRestarted: false,
        sequenceBase: 0n,
        trouble: '',
        standing: false,
        ...counts,
      },
    };
    // A report under an earlier lease counts for nothing.
    const stale = { ...report, leaseEpoch: leaseEpoch - 1n, records: 999n };
    agent.say({ $case: 'progress', value: { partitions: [stale, report], standing: [] } });
    const [ack] = await until(() => agent.all('mapAcks')[0]?.acks, 'a map ack');
    assert.equal(ack?.sourceNext, 10n);
    assert.equal(ack.leaseEpoch, leaseEpoch);
    assert.equal(fixture.target.progress.length, 1);
    const { flows, agents, coordinator } = await getStatus(fixture);
    assert.equal(coordinator?.store, 'in-process');
    assert.equal(flows[0]?.state, FlowState.RUNNING);
    assert.equal(flows[0].siteHolder, 'x');
    const partition = flows[0].partitions[0];
    assert.equal(partition?.state, PartitionState.RUNNING);
    assert.equal(partition.lagRecords, 2n);
    assert.ok(partition.sourceEndAgeMs! >= 5_000n, 'as old as it was when it was said, or older');
    assert.equal(partition.holder, 'x');
    assert.equal(agents[0]?.items, 3);
  });

  it('acknowledges a heartbeat', async () => {
    const fixture = await leading();
    const agent = new TestAgent(fixture.agents, { agentId: 'x' });
    await agent.welcome();
    agent.say({
      $case: 'heartbeat',
      value: { sequence: 1n, bufferedBytes: 0n, limitedFlows: [], missingRights: [] },
    });
    const ack = await until(() => agent.all('heartbeatAck')[0], 'an acknowledgement');
    assert.equal(ack.sequence, 1n);
  });

  it('moves the work of an agent that fell silent', async () => {
    const clock = new ForwardClock();
    const fixture = await leading({ clock });
    const silent = await working(fixture);
    const other = new TestAgent(fixture.agents, { agentId: 'y' });
    await other.welcome();
    await clock.putForward((LEASE_TTL_MS * 2) / 3);
    const value = { sequence: 1n, bufferedBytes: 0n, limitedFlows: [], missingRights: [] };
    other.say({ $case: 'heartbeat', value });
    await until(() => other.all('heartbeatAck')[0], 'an acknowledgement');
    await clock.putForward((LEASE_TTL_MS * 2) / 3);
    await until(
      () => (other.grants().length >= 3 ? true : undefined),
      'everything at the other agent',
    );
    assert.equal((await silent.failure()).code, status.ABORTED);
  });

  it('keeps the leases of an agent that comes back with its session', async () => {
    const fixture = await leading();
    const agent = await working(fixture);
    const { sessionId } = await agent.welcome();
    const held = agent.grants().map(({ item, leaseEpoch }) => ({ item, leaseEpoch }));
    const lost = { ...held[1]!, leaseEpoch: held[1]!.leaseEpoch + 100n };
    await agent.leave();
    const again = new TestAgent(fixture.agents, {
      ...{ agentId: 'x', sessionId },
      held: [held[0]!, lost, ...held.slice(2)],
    });
    assert.equal((await again.welcome()).sessionId, sessionId);
    const [revoke] = await until(() => again.all('revokes')[0]?.revokes, 'a revoke');
    assert.equal(revoke?.leaseEpoch, lost.leaseEpoch);
    const confirmed = (await until(() => again.all('grants')[0], 'a confirmation')).grants;
    assert.deepEqual(
      confirmed.map(({ leaseEpoch }) => leaseEpoch).sort(),
      held.map(({ leaseEpoch }) => leaseEpoch).sort(),
    );
  });

  it('takes what an agent gives back as its trouble only while the lease is its own', async () => {
    const fixture = await leading();
    const agent = await working(fixture);
    const { item, leaseEpoch } = await agent.grant(isSite);
    const giveBack = (epoch: bigint): void => {
      const releases = [{ item, leaseEpoch: epoch, reason: 'the lease is no longer yours' }];
      agent.say({ $case: 'released', value: { releases } });
    };
    giveBack(leaseEpoch - 1n);
    agent.say({
      $case: 'heartbeat',
      value: { sequence: 1n, bufferedBytes: 0n, limitedFlows: [], missingRights: [] },
    });
    await until(() => agent.all('heartbeatAck')[0], 'an acknowledgement, which comes in order');
    const { flows, agents } = await getStatus(fixture);
    assert.deepEqual([flows[0]?.siteHolder, flows[0]?.problem], ['x', '']);
    assert.deepEqual(agents[0]?.problems, []);
    giveBack(leaseEpoch);
    const trouble = await until(
      () => fixture.coordinator.status('').agents[0]?.problems[0],
      'what is wrong with it',
    );
    assert.match(trouble, /^gave up a->b\/site: /);
    const [flow] = fixture.coordinator.status('a->b').flows;
    assert.match(flow?.problem ?? '', /^its source cannot be looked at: /);
  });

  it('refuses a second agent under the id of a connected one', async () => {
    const fixture = await leading();
    const first = new TestAgent(fixture.agents, { agentId: 'x' });
    await first.welcome();
    const second = new TestAgent(fixture.agents, { agentId: 'x' });
    const { code, details } = await second.failure();
    assert.equal(code, status.ALREADY_EXISTS);
    assert.match(details, /agent id 'x' is connected from 127\.0\.0\.1:\d+, session \d+; 127/);
  });

  it('lets the newer stream of a session replace the older one', async () => {
    const fixture = await leading();
    const first = new TestAgent(fixture.agents, { agentId: 'x' });
    const { sessionId } = await first.welcome();
    const second = new TestAgent(fixture.agents, { agentId: 'x', sessionId });
    assert.equal((await second.welcome()).sessionId, sessionId);
    assert.equal((await first.failure()).code, status.ABORTED);
  });

  it('refuses an agent without an id', async () => {
    const fixture = await leading();
    const agent = new TestAgent(fixture.agents, { agentId: '' });
    assert.equal((await agent.failure()).code, status.INVALID_ARGUMENT);
  });

  it('sends agents and operators from a standby to the leader', async () => {
    const shared = new MemoryKeyValue(systemClock);
    open.push(async () => shared.close());
    const leader = await leading({ shared, id: 'one' });
    const standby = await start({ shared, id: 'two' });
    await until(() => (standby.coordinator.ready().ok ? true : undefined), 'a known leader');
    const refused = await getStatus(standby).catch((error: unknown) => error as ServiceError);
    assert.ok(refused instanceof Error && 'code' in refused);
    assert.equal(refused.code, status.FAILED_PRECONDITION);
    assert.deepEqual(refused.metadata.get('mirror-leader'), [leader.coordinator.address]);
    const agent = new TestAgent(standby.agents, { agentId: 'x' });
    const failure = await agent.failure();
    assert.equal(failure.code, status.FAILED_PRECONDITION);
    assert.deepEqual(failure.metadata.get('mirror-leader'), [leader.coordinator.address]);
  });

  it('lets agents go on with their leases under the next leader', async () => {
    const shared = new MemoryKeyValue(systemClock);
    open.push(async () => shared.close());
    const first = await startFixture({ shared, id: 'one' });
    await until(() => first.coordinator.coordination, 'leadership');
    const second = await start({ shared, id: 'two' });
    const agent = await working(first);
    const { sessionId } = await agent.welcome();
    const held = agent.grants().map(({ item, leaseEpoch }) => ({ item, leaseEpoch }));
    await first.close();
    await until(() => second.coordinator.coordination, 'the takeover');
    const again = new TestAgent(second.agents, { agentId: 'x', sessionId, held });
    assert.equal((await again.welcome()).sessionId, sessionId);
    await again.grant(isSite);
    again.say(inventory(2));
    const { leaseEpoch } = await again.grant(isPartition(1));
    assert.equal(leaseEpoch, (await agent.grant(isPartition(1))).leaseEpoch);
    assert.deepEqual(again.all('revokes'), []);
  });

  it('steps down when another coordinator writes the map', async () => {
    const fixture = await leading();
    const before = fixture.coordinator.identity().term;
    fixture.target.fence();
    await until(() => {
      const now = fixture.coordinator.coordination?.term;
      return now !== undefined && now > before ? now : undefined;
    }, 'a later term');
  });

  it('reports a flow whose target cannot be used as blocked, and says why', async () => {
    const fixture = await leading({ open: () => Promise.reject(new Error('no way there')) });
    const flow = await until(() => {
      const view = fixture.coordinator.status('a->b').flows[0];
      return view?.problem === 'no way there' ? view : undefined;
    }, 'the problem');
    assert.equal(flow.state, 'blocked');
  });

  it('lets a call that comes while a target is being opened wait for it', async () => {
    let isOpen = (_: OpenedFlowTarget): void => {};
    const opening = new Promise<OpenedFlowTarget>((resolve) => (isOpen = resolve));
    const fixture = await leading({ open: () => opening });
    const { target } = fixture;
    let answered = false;
    const listed = new Promise<unknown>((resolve) => {
      fixture.operators.listGroups(ListGroupsRequest.fromPartial({ flow: 'a->b' }), (error) => {
        answered = true;
        resolve(error);
      });
    });
    assert.equal((await getStatus(fixture)).flows[0]?.state, FlowState.BLOCKED);
    assert.equal(answered, false);
    const lookAtGroup = () => Promise.reject(new Error('not in this test'));
    isOpen({ target, close: () => Promise.resolve(), lookAtGroup });
    assert.equal(await listed, null);
  });

  it('refuses a call for a flow whose target could not be opened, and says why', async () => {
    const fixture = await leading({ open: () => Promise.reject(new Error('no way there')) });
    const request = ListGroupsRequest.fromPartial({ flow: 'a->b' });
    const error = await new Promise<ServiceError | null>((resolve) => {
      fixture.operators.listGroups(request, resolve);
    });
    assert.equal(error?.code, status.UNAVAILABLE);
    assert.equal(error.details, 'flow a->b is blocked: no way there');
  });

  it('revokes everything for a promotion and grants nothing afterwards', async () => {
    const fixture = await leading();
    const agent = await working(fixture);
    const events: PromoteEvent[] = [];
    const call = fixture.operators.promote(
      PromoteRequest.fromPartial({ flow: 'a:b', operator: 'me' }),
    );
    call.on('data', (event: PromoteEvent) => events.push(event));
    const revokes = await until(() => {
      const all = agent.all('revokes').flatMap((message) => message.revokes);
      return all.length === 3 ? all : undefined;
    }, 'three revokes');
    agent.say({ $case: 'released', value: { releases: revokes } });
    await until(() => events.find(({ event }) => event?.$case === 'result'), 'the result');
    const { flows } = await getStatus(fixture);
    assert.equal(flows[0]?.state, FlowState.PROMOTED);
    assert.ok(flows[0].partitions.every(({ state }) => state === PartitionState.PROMOTED));
  });

  it('names the key of an address that is taken', async () => {
    const fixture = await leading();
    const listen = fixture.coordinator.address;
    await assert.rejects(startFixture({ listen }), /coordinator\.listen: cannot listen on 127/);
  });

  it('reports a deselected topic only once its agent has let go of it', async () => {
    const fixture = await leading();
    const agent = await working(fixture);
    const loaded = loadMirrorConfig({
      path: 'test',
      text: [...fixture.lines, 'topics.exclude = t'].join('\n'),
      requireSourceBootstrap: false,
    });
    const plan = planReload(fixture.coordinator.config, loaded);
    let applied = false;
    const reload = fixture.coordinator
      .reconfigure(plan, {
        onWaiting: () => assert.fail('nothing is under way'),
        onUnconfirmed: () => assert.fail('the agent did confirm'),
      })
      .then(() => (applied = true));
    await until(() => agent.all('configuration')[0], 'the new configuration');
    const revoked = () => agent.all('revokes').flatMap(({ revokes }) => revokes);
    await until(() => (revoked().length >= 2 ? true : undefined), 'both revokes');
    // A site that was not restarted yet still lists it: that selects nothing.
    agent.say(inventory(2));
    const [first, second] = revoked();
    assert.ok(first !== undefined && second !== undefined);
    agent.say({ $case: 'released', value: { releases: [{ ...first, reason: '' }] } });
    await systemClock.sleep(200);
    assert.equal(applied, false);
    agent.say({ $case: 'released', value: { releases: [{ ...second, reason: '' }] } });
    await reload;
    assert.equal(fixture.coordinator.coordination?.core.state.flows.get('a->b')?.topics.size, 0);
    await agent.leave();
  });
});
