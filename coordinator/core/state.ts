import assert from 'node:assert/strict';
import type {
  CopierState,
  FlowMode,
  LeaseRef,
  Problem,
  SourceTopic,
  TargetTopic,
} from './events.js';
import { nextListing, type Listing } from './listing.js';
import type { Doubt } from './reach.js';
import type { Refusal } from './right-retries.js';
import { NO_STEERING, type TopicSteering } from './steering-rules.js';
import { Unconfirmed } from './unconfirmed.js';
import { WEIGHT_MIN } from './weight.js';
import type { WorkItem } from './work-item.js';

/**
 * What the core remembers. One million items is the size this is made for: an item is found by key
 * in one look-up, and nothing but a listing of the store walks over all of them.
 */

export type ItemState =
  | 'unheld' //    nobody; may be granted
  | 'granting' //  asked of the store for `holder`
  | 'held' //      `holder` has lease `leaseEpoch`
  | 'revoking' //  as held, and the agent was asked to give it up
  | 'releasing'; // the agent gave it up (or will not answer); asked of the store

export interface ItemEntry {
  readonly key: string;
  readonly work: WorkItem;
  readonly flow: FlowEntry;
  /** Undefined for site work. */
  readonly topic: TopicEntry | undefined;
  state: ItemState;
  /** Invariant: set exactly when the state is not unheld; this item is then in `holder.holding`. */
  holder: AgentEntry | undefined;
  /** Of the present lease, or the last one; 0n if none was ever seen. */
  leaseEpoch: bigint;
  /** Who carries its weight: the holder, or whom it is moving to. It is in `charged.load`. */
  charged: AgentEntry | undefined;
  /** Who held it last, or was to get it: has it again if there is room. */
  lastAgentId: string | undefined;
  /** Whether the holder was told of the lease on its present stream. */
  confirmed: boolean;
  notBeforeMs: number; // no grant is asked for before this time
  /** While revoking: when the release no longer waits for the agent. */
  revokeDeadlineMs: number;
  copier: CopierState | undefined;
  halt: Problem | undefined;
  /** The halt that an operator accepted; empty if none. Its next holder is told. */
  accept: string;
  /** What it costs whoever carries it, see weight.ts. Changes by `setWeight` only. */
  weight: number;
  weighAtMs: number; // when its measured rate is looked at next
  restUntilMs: number; // not moved for balance before this time
  /** What holders of this lease epoch, or an older one, copied is gone with its target topic. */
  voidEpoch: bigint;
  /** The last listing of the store that had a lease of it. */
  listing: Listing | undefined;
}

export interface TopicEntry {
  readonly name: string;
  readonly flow: FlowEntry;
  /** As in the last inventory; undefined for a topic known only from leases found in the store. */
  source: SourceTopic | undefined;
  /** Undefined until the target topic was ready once: until then no partition is granted. */
  target: TargetTopic | undefined;
  ensure: 'due' | 'asked' | 'done';
  ensureNotBeforeMs: number;
  ensureFailures: number;
  problem: Problem | undefined;
  /** An operator pauses it: its partitions are not granted. */
  paused: boolean;
  readonly items: Map<number, ItemEntry>;
}

export interface FlowEntry {
  readonly name: string;
  readonly source: string;
  readonly target: string;
  /** Agents of this site are preferred. */
  readonly sourceSite: string;
  mode: FlowMode;
  readonly site: ItemEntry;
  readonly topics: Map<string, TopicEntry>;
  /** Names of topics that are not granted, nor made ready: promoted, or about to be. */
  stoppedTopics: ReadonlySet<string>;
  /** Every item of the flow whose state is unheld. */
  readonly unheld: Set<ItemEntry>;
  /** Topics whose `ensure` is due. */
  readonly ensureDue: Set<TopicEntry>;
  /** What operators asked of its topics. */
  steering: TopicSteering;
  /** The last inventory as it came: what is excluded now may be included again. */
  listed: readonly SourceTopic[];
  /** Agents that carry the weight of some item of it. */
  readonly carriers: Set<AgentEntry>;
}

export interface AgentEntry {
  readonly sessionId: string;
  readonly agentId: string;
  /** Changes by `setReach` only. */
  clusters: ReadonlySet<string>;
  /** Where it runs; empty if it does not say. */
  site: string;
  connected: boolean;
  draining: boolean;
  /** close-session was asked for: whatever it says no longer counts. */
  closing: boolean;
  /** Later than it came by as long as this leader stood still since: see `excuseStandstill`. */
  lastHeartbeatMs: number;
  /** Items whose `holder` it is. */
  readonly holding: Set<ItemEntry>;
  /** Items that it carries the weight of, by flow; `load` is their sum. */
  readonly charged: Map<FlowEntry, Set<ItemEntry>>;
  load: number;
  /** By flow: why its word that it reaches the clusters is not taken. */
  readonly doubts: Map<string, Doubt>;
}

export interface CoreState {
  readonly flows: Map<string, FlowEntry>;
  readonly items: Map<string, ItemEntry>;
  /** By session id; an agent id may appear more than once while an old session ends. */
  readonly agents: Map<string, AgentEntry>;
  /** The session that joined last under an agent id. */
  readonly agentsById: Map<string, AgentEntry>;
  readonly revoking: Set<ItemEntry>;
  /** Items whose store or holder was asked, and has not answered. */
  readonly unsettled: Set<ItemEntry>;
  /** This leader is about to go: nothing is moved that need not be. */
  leaving: boolean;
  readonly unconfirmed: Unconfirmed;
  /** Agents by each cluster that they reach. */
  readonly agentsByCluster: Map<string, Set<AgentEntry>>;
  /** When the last event came, of whatever kind. */
  steppedAtMs: number;
  /** Items that their holder was asked to let go of so that another can have them. */
  readonly moving: Set<ItemEntry>;
  /** Flows with something that may be granted now. */
  readonly grantDue: Set<FlowEntry>;
  /** Flows with something that may be granted once time has passed: the next tick looks. */
  readonly grantLater: Set<FlowEntry>;
  /** Flows whose balance is to be looked at. */
  readonly balanceDue: Set<FlowEntry>;
  /** Partitions that a missing right keeps from being copied. */
  readonly refusals: Map<ItemEntry, Refusal>;
  /** The one that is being taken in, or the next. */
  listing: Listing;
  /** When the balance of every flow is looked at next. */
  balanceAllAtMs: number;
  /** Agents that an operator drains, by agent id. */
  drained: ReadonlySet<string>;
  /** Agents and items that placement has looked at so far: its work, free of any clock. */
  placementEffort: number;
}

export function createState(): CoreState {
  return {
    flows: new Map(),
    items: new Map(),
    agents: new Map(),
    agentsById: new Map(),
    revoking: new Set(),
    unsettled: new Set(),
    leaving: false,
    unconfirmed: new Unconfirmed(),
    agentsByCluster: new Map(),
    steppedAtMs: 0,
    moving: new Set(),
    grantDue: new Set(),
    grantLater: new Set(),
    balanceDue: new Set(),
    refusals: new Map(),
    listing: nextListing({ forgotten: new Map() }),
    balanceAllAtMs: 0,
    drained: new Set(),
    placementEffort: 0,
  };
}

export function createAgent(sessionId: string, agentId: string, nowMs: number): AgentEntry {
  return {
    sessionId,
    agentId,
    clusters: new Set(),
    site: '',
    connected: false,
    draining: false,
    closing: false,
    lastHeartbeatMs: nowMs,
    holding: new Set(),
    charged: new Map(),
    load: 0,
    doubts: new Map(),
  };
}

/** Every field is written out: an object of this size made by spreading is a slow dictionary. */
function newItem(identity: Pick<ItemEntry, 'key' | 'work' | 'flow' | 'topic'>): ItemEntry {
  return {
    key: identity.key,
    work: identity.work,
    flow: identity.flow,
    topic: identity.topic,
    state: 'unheld',
    holder: undefined,
    leaseEpoch: 0n,
    charged: undefined,
    lastAgentId: undefined,
    confirmed: false,
    notBeforeMs: 0,
    revokeDeadlineMs: 0,
    copier: undefined,
    halt: undefined,
    accept: '',
    weight: WEIGHT_MIN,
    weighAtMs: 0,
    restUntilMs: 0,
    voidEpoch: 0n,
    listing: undefined,
  };
}

export interface FlowOptions {
  readonly name: string;
  readonly source: string;
  readonly target: string;
  readonly sourceSite: string;
  readonly siteKey: string;
  readonly mode: FlowMode;
}

export function addFlow(state: CoreState, options: FlowOptions): FlowEntry {
  const { siteKey, ...identity } = options;
  const { name } = identity;
  const own = { topics: new Map(), unheld: new Set(), ensureDue: new Set(), carriers: new Set() };
  // The site item and its flow refer to each other.
  const flow = { ...identity, ...own } as unknown as {
    -readonly [K in keyof FlowEntry]: FlowEntry[K];
  };
  flow.stoppedTopics = new Set();
  flow.steering = NO_STEERING;
  flow.listed = [];
  flow.site = newItem({
    ...{ key: siteKey, work: { kind: 'site', flow: name }, flow, topic: undefined },
  });
  flow.unheld.add(flow.site);
  state.items.set(siteKey, flow.site);
  state.grantDue.add(flow);
  state.flows.set(name, flow);
  return flow;
}

export function addTopic(flow: FlowEntry, name: string): TopicEntry {
  const topic: TopicEntry = {
    name,
    flow,
    source: undefined,
    target: undefined,
    ensure: 'done',
    ensureNotBeforeMs: 0,
    ensureFailures: 0,
    problem: undefined,
    paused: flow.steering.isPaused(name),
    items: new Map(),
  };
  flow.topics.set(name, topic);
  return topic;
}

export function addPartition(
  state: CoreState,
  topic: TopicEntry,
  at: { readonly partition: number; readonly key: string },
): ItemEntry {
  const { partition, key } = at;
  const work: WorkItem = {
    kind: 'partition',
    flow: topic.flow.name,
    topic: topic.name,
    partition,
  };
  const item = newItem({ key, work, flow: topic.flow, topic });
  topic.items.set(partition, item);
  topic.flow.unheld.add(item);
  state.items.set(key, item);
  state.grantDue.add(topic.flow);
  return item;
}

/** Forgets an item that nobody holds. */
export function removeItem(state: CoreState, item: ItemEntry): void {
  assert.equal(item.state, 'unheld');
  item.flow.unheld.delete(item);
  state.moving.delete(item);
  state.items.delete(item.key);
  // A listing that was made before may show its lease still.
  if (item.leaseEpoch > 0n) state.listing.forgotten.set(item.key, item.leaseEpoch);
  if (item.work.kind === 'partition') item.topic?.items.delete(item.work.partition);
}

/** Forgets a flow of which nobody holds anything. */
export function removeFlow(state: CoreState, flow: FlowEntry): void {
  for (const topic of flow.topics.values())
    for (const item of [...topic.items.values()]) removeItem(state, item);
  removeItem(state, flow.site);
  for (const due of [state.grantDue, state.grantLater, state.balanceDue]) due.delete(flow);
  state.flows.delete(flow.name);
}

export function setReach(state: CoreState, agent: AgentEntry, clusters: Iterable<string>): void {
  for (const cluster of agent.clusters) {
    const agents = state.agentsByCluster.get(cluster);
    agents?.delete(agent);
    if (agents?.size === 0) state.agentsByCluster.delete(cluster);
  }
  agent.clusters = new Set(clusters);
  for (const cluster of agent.clusters) {
    const agents = state.agentsByCluster.get(cluster);
    if (agents === undefined) state.agentsByCluster.set(cluster, new Set([agent]));
    else agents.add(agent);
  }
}

/** Whether this is what the agent with that session holds now, and not an earlier lease of it. */
export function holds(item: ItemEntry, sessionId: string, leaseEpoch: bigint): boolean {
  if (item.holder?.sessionId !== sessionId || item.leaseEpoch !== leaseEpoch) return false;
  return item.state === 'held' || item.state === 'revoking';
}

export function isLease(item: ItemEntry, lease: LeaseRef): boolean {
  if (item.state === 'unheld' || item.state === 'granting') return false;
  return item.leaseEpoch === lease.leaseEpoch;
}
