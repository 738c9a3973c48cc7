import { runMirrorctl } from '../kit/run-mirrorctl.js';
import type { HolderViews } from './holders.js';
import { FLOW, type World } from './world.js';

/** One line per partition that an agent has, whatever it does with it. */
const COPIED = /^mirror_agent_records_total\{([^}]*)\}/gm;
const LEASES = `/mirror/lease/${encodeURIComponent(FLOW)}%2Fpartition%2F`;

interface StatusDocument {
  readonly flows: readonly {
    readonly partitionDetails: readonly {
      readonly topic: string;
      readonly partition: number;
      readonly state: string;
      readonly holder?: string | null;
      readonly sourceEnd?: number | null;
      readonly lagRecords?: number | null;
    }[];
  }[];
}

export interface ObservedPartition {
  readonly name: string;
  readonly state: string;
  readonly holder: string;
  /** Where its source ended when its agent last heard from it. */
  readonly sourceEnd: number | undefined;
  /** Up to there. */
  readonly lagRecords: number | undefined;
}

function label(labels: string, name: string): string {
  return new RegExp(`${name}="([^"]*)"`).exec(labels)?.[1] ?? '';
}

async function copiedBy(http: string): Promise<string[]> {
  const answer = await fetch(`http://${http}/metrics`);
  const text = await answer.text();
  return [...text.matchAll(COPIED)].map(
    ([, labels = '']) => `${label(labels, 'topic')}-${label(labels, 'partition')}`,
  );
}

/** By partition, the agent that has the lease. As etcd itself tells, through its JSON gateway: none of our code is asked. */
export async function observeLeases(world: World): Promise<Map<string, string>> {
  const [endpoint = ''] = world.etcd.endpoints;
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const answer = await fetch(`${endpoint}/v3/kv/range`, {
    method: 'POST',
    body: JSON.stringify({ key: base64(LEASES), range_end: base64(`${LEASES}~`) }),
  });
  const { kvs = [] } = (await answer.json()) as { kvs?: { key: string; value: string }[] };
  return new Map(
    kvs.map(({ key, value }) => {
      const [topic = '', partition = ''] = Buffer.from(key, 'base64')
        .toString()
        .slice(LEASES.length)
        .split('%2F');
      const { agentId } = JSON.parse(Buffer.from(value, 'base64').toString()) as {
        agentId: string;
      };
      return [`${topic}-${partition}`, agentId];
    }),
  );
}

/** What `mirrorctl status` says of each partition; throws while no coordinator leads. */
export async function observePartitions(world: World): Promise<ObservedPartition[]> {
  const env = { MIRRORCTL_COORDINATOR: world.coordinators };
  const { out, err } = await runMirrorctl(['--json', 'status', FLOW], env);
  if (!out.startsWith('{')) throw new Error(err);
  const { flows } = JSON.parse(out) as StatusDocument;
  return flows.flatMap(({ partitionDetails }) =>
    partitionDetails.map(({ topic, partition, state, holder, sourceEnd, lagRecords }) => ({
      name: `${topic}-${partition}`,
      state,
      holder: holder ?? '',
      sourceEnd: sourceEnd ?? undefined,
      lagRecords: lagRecords ?? undefined,
    })),
  );
}

export async function observeHolders(world: World): Promise<HolderViews> {
  const { agents, coordinators } = world.topology;
  const [copied, leased, told, leads] = await Promise.all([
    Promise.all(agents.map((agent) => copiedBy(world.http(agent)))),
    observeLeases(world),
    observePartitions(world),
    Promise.all(coordinators.map((node) => world.leads(node))),
  ]);
  return {
    copiers: new Map(agents.map((agent, index) => [agent, copied[index] ?? []])),
    leaders: coordinators.filter((_, index) => leads[index]),
    leases: leased,
    told: new Map(told.map(({ name, holder, state }) => [name, { holder, state }])),
  };
}
