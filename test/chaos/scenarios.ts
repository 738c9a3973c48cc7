import assert from 'node:assert/strict';
import { systemClock } from '../../common/clock.js';
import { eventually } from '../kit/eventually.js';
import { connectKafkajs } from '../kit/kafkajs-client.js';
import type { Network } from './network.js';
import type { Node } from './topology.js';
import { LEASE_TTL_MS, type World } from './world.js';

/** Faults with a name and an expectation, beside what seeds draw. The judge's verdict follows. */
export interface Scene {
  readonly world: World;
  readonly network: Network;
  readonly say: (line: string) => void;
}

/** Well past the lease, and past the pings that find a dead connection. */
const FAULT_MS = 5 * LEASE_TTL_MS;
const ADVANCE_MS_MAX = 30_000;
const TOPIC = 'orders';

async function targetEnds(world: World): Promise<bigint[]> {
  const admin = connectKafkajs(world.target).admin();
  await admin.connect();
  try {
    const offsets = await admin.fetchTopicOffsets(`source.${TOPIC}`);
    return offsets.sort((a, b) => a.partition - b.partition).map(({ high }) => BigInt(high));
  } finally {
    await admin.disconnect();
  }
}

/** Every partition is copied from now on, not only what was under way. */
async function assertCopying(world: World): Promise<void> {
  const before = await targetEnds(world);
  let now = before;
  await eventually(
    async () => (now = await targetEnds(world)).every((end, at) => end > (before[at] ?? end)),
    () => ({ before, now }),
    ADVANCE_MS_MAX,
  );
}

async function blocked(
  { network }: Scene,
  pairs: readonly (readonly [Node, Node])[],
  work: () => Promise<void>,
): Promise<void> {
  await Promise.all(pairs.map(([from, to]) => network.block(from, to)));
  await work();
  await Promise.all(pairs.map(([from, to]) => network.unblock(from, to)));
}

/** An agent and the leader, with the one direction between them lost. */
function oneWay(pairOf: (leader: Node, agent: Node) => [Node, Node]) {
  return async (scene: Scene): Promise<void> => {
    const { world, say } = scene;
    const leader = await world.waitForLeader();
    const pair = pairOf(leader, world.topology.agents[0] ?? '');
    say(`drops what ${pair[0]} sends to ${pair[1]}`);
    await blocked(scene, [pair], async () => {
      await systemClock.sleep(FAULT_MS);
      await assertCopying(world);
    });
  };
}

async function leaderWithoutEtcd(scene: Scene): Promise<void> {
  const { world, say } = scene;
  const { etcd, coordinators } = world.topology;
  const leader = await world.waitForLeader();
  const pairs = etcd.flatMap((member): [Node, Node][] => [
    [leader, member],
    [member, leader],
  ]);
  say(`cuts ${leader}, which leads, off from etcd`);
  await blocked(scene, pairs, async () => {
    let now: Node | undefined = leader;
    const startedMs = systemClock.nowMs();
    await eventually(
      async () => (now = await world.leader()) !== undefined && now !== leader,
      () => `${now} leads`,
    );
    say(`${now} leads after ${Math.round(systemClock.nowMs() - startedMs)} ms`);
    await assertCopying(world);
  });
  await systemClock.sleep(LEASE_TTL_MS);
  const leaders = await Promise.all(coordinators.map((node) => world.leads(node)));
  assert.equal(leaders.filter(Boolean).length, 1, 'one coordinator leads');
}

async function etcdWithoutQuorum(scene: Scene): Promise<void> {
  const { world, say } = scene;
  const { etcd } = world.topology;
  const lost = etcd.slice(0, Math.floor(etcd.length / 2) + 1);
  say(`kills ${lost.join(' and ')}`);
  await Promise.all(lost.map((node) => world.end(node, 'SIGKILL')));
  await systemClock.sleep(FAULT_MS);
  await assertCopying(world);
  for (const node of lost) world.start(node);
}

export const SCENARIOS = {
  'agent-hears-nothing': oneWay((leader, agent) => [leader, agent]),
  'agent-is-not-heard': oneWay((leader, agent) => [agent, leader]),
  'leader-without-etcd': leaderWithoutEtcd,
  'etcd-without-quorum': etcdWithoutQuorum,
} as const satisfies Record<string, (scene: Scene) => Promise<void>>;

export type ScenarioName = keyof typeof SCENARIOS;
