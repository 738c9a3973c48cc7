/** A machine of the chaos run, in a network namespace of its own. */
export type Node = string;

export interface Topology {
  readonly agents: readonly Node[];
  readonly coordinators: readonly Node[];
  readonly etcd: readonly Node[];
  readonly clusters: readonly Node[];
}

export const SOURCE: Node = 'source';
export const TARGET: Node = 'target';

function numbered(name: string, count: number): Node[] {
  return Array.from({ length: count }, (_, index) => `${name}-${index + 1}`);
}

/** Three agents, two coordinators, two clusters of one broker, and so many etcd members. */
export function makeTopology(etcdMembers: number): Topology {
  return {
    agents: numbered('agent', 3),
    coordinators: numbered('coordinator', 2),
    etcd: numbered('etcd', etcdMembers),
    clusters: [SOURCE, TARGET],
  };
}

export function nodesOf(topology: Topology): Node[] {
  const { agents, coordinators, etcd, clusters } = topology;
  return [...clusters, ...etcd, ...coordinators, ...agents];
}

function product(left: readonly Node[], right: readonly Node[]): [Node, Node][] {
  return left.flatMap((a) => right.map((b): [Node, Node] => [a, b]));
}

/** Each two nodes that talk to each other. Agents never talk to etcd, coordinators not to the source. */
export function pairsOf({ agents, coordinators, etcd, clusters }: Topology): [Node, Node][] {
  const peers = etcd.flatMap((a, index) => etcd.slice(index + 1).map((b): [Node, Node] => [a, b]));
  return [
    ...product(agents, coordinators),
    ...product(agents, clusters),
    ...product(coordinators, etcd),
    ...product(coordinators, [TARGET]),
    ...peers,
  ];
}
