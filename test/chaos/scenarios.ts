import { systemClock } from '../../common/clock.js';
import { eventually } from '../kit/eventually.js';
import { connectKafkajs } from '../kit/kafkajs-client.js';
import { topicOffsets } from '../kit/topic-offsets.js';
import type { Network } from './network.js';
import { observeLeases } from './observe.js';
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

/** Until an agent has its share of what others hold already. */
const SHARE_MS_MAX = 60_000;
const TOPIC = 'orders';

async function targetEnds(world: World): Promise<bigint[]> {
  const admin = connectKafkajs(world.target).admin();
  await admin.connect();
  try {
    const offsets = await topicOffsets(admin, `source.${TOPIC}`);
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

/** Waits for a leader other than this one, says when it led, and then looks whether all is copied. */
async function assertTakeover({ world, say }: Scene, leader: Node): Promise<void> {
  let now: Node | undefined = leader;
  const startedMs = systemClock.nowMs();
  const others = world.topology.coordinators.filter((node) => node !== leader);
  await eventually(
    async () => (now = await world.leader(others)) !== undefined,
    () => `${now ?? 'nobody'} leads`,
  );
  const tookMs = Math.round(systemClock.nowMs() - startedMs);
  say(`${now} leads after ${tookMs} ms, with a TTL of ${LEASE_TTL_MS} ms`);
  await assertCopying(world);
}

async function leaderWithoutEtcd(scene: Scene): Promise<void> {
  const { world, say } = scene;
  const leader = await world.waitForLeader();
  const pairs = world.topology.etcd.flatMap((member): [Node, Node][] => [
    [leader, member],
    [member, leader],
  ]);
  say(`cuts ${leader}, which leads, off from etcd`);
  await blocked(scene, pairs, () => assertTakeover(scene, leader));
}

/** It wakes up in the belief that it leads, with all that it was about to write. */
async function leaderFreezes(scene: Scene): Promise<void> {
  const { world, say } = scene;
  const leader = await world.waitForLeader();
  say(`freezes ${leader}, which leads`);
  await world.signal(leader, 'SIGSTOP');
  await assertTakeover(scene, leader);
  await world.signal(leader, 'SIGCONT');
}

/** What an agent held is copied by others; says how long that took. */
function agentEnds(signal: 'SIGKILL' | 'SIGTERM') {
  return async ({ world, say }: Scene): Promise<void> => {
    const agent = world.topology.agents[0] ?? '';
    let held: string[] = [];
    const look = async (): Promise<boolean> => {
      const found = [...(await observeLeases(world))].filter(([, holder]) => holder === agent);
      held = found.map(([partition]) => partition);
      return held.length > 0;
    };
    // It may have connected after the others had shared out everything.
    await eventually(look, () => `${agent} holds nothing`, SHARE_MS_MAX);
    const startedMs = systemClock.nowMs();
    await world.end(agent, signal);
    const endedMs = systemClock.nowMs();
    let leases = new Map<string, string>();
    const isHeldByOthers = (partition: string): boolean =>
      leases.has(partition) && leases.get(partition) !== agent;
    await eventually(
      async () => (leases = await observeLeases(world)).size > 0 && held.every(isHeldByOthers),
      () => leases,
    );
    const [ended, leased] = [endedMs, systemClock.nowMs()].map((ms) => Math.round(ms - startedMs));
    await assertCopying(world);
    const copied = Math.round(systemClock.nowMs() - startedMs);
    say(
      `${signal} to ${agent}: it ended after ${ended} ms, its ${held.length} partitions were leased to ` +
        `others after ${leased} ms and all copied after ${copied} ms, with a TTL of ${LEASE_TTL_MS} ms`,
    );
    world.start(agent);
  };
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

/** Every watch breaks once, and comes back when what it had seen last is no more. */
async function etcdCompacted({ world, say }: Scene): Promise<void> {
  const { etcd, agents } = world.topology;
  const agent = agents[0] ?? '';
  await world.waitForLeader();
  for (const member of etcd) {
    const other = etcd.find((each) => each !== member) ?? member;
    say(`kills ${member}, and compacts at ${other}`);
    await world.end(member, 'SIGKILL');
    if (other === member) world.start(member);
    if (member === etcd[0]) await world.end(agent, 'SIGKILL');
    await eventually(
      async () =>
        await world.compactEtcd(other).then(
          () => true,
          () => false,
        ),
      () => `${other} compacts`,
    );
    await assertCopying(world);
    if (other !== member) world.start(member);
    await eventually(
      async () =>
        await world.compactEtcd(member).then(
          () => true,
          () => false,
        ),
      () => `${member} is back`,
    );
  }
  world.start(agent);
}

export const SCENARIOS = {
  'agent-hears-nothing': oneWay((leader, agent) => [leader, agent]),
  'agent-is-not-heard': oneWay((leader, agent) => [agent, leader]),
  'agent-dies': agentEnds('SIGKILL'),
  'agent-leaves': agentEnds('SIGTERM'),
  'leader-without-etcd': leaderWithoutEtcd,
  'leader-freezes': leaderFreezes,
  'etcd-without-quorum': etcdWithoutQuorum,
  'etcd-compacted': etcdCompacted,
} as const satisfies Record<string, (scene: Scene) => Promise<void>>;

export type ScenarioName = keyof typeof SCENARIOS;
