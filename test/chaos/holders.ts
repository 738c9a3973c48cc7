/**
 * "Every partition has exactly one live holder", from three sides that must agree: what each agent
 * says it copies, whose lease etcd has, and what the coordinator tells operators. And one leader.
 */
export interface HolderViews {
  /** The coordinators that say they lead. */
  readonly leaders: readonly string[];
  /** By agent, the partitions that it copies, as `topic-partition`. */
  readonly copiers: ReadonlyMap<string, readonly string[]>;
  /** By partition, the agent that etcd has a lease of. */
  readonly leases: ReadonlyMap<string, string>;
  /** By partition, the holder and the state that `mirrorctl status` prints. */
  readonly told: ReadonlyMap<string, { readonly holder: string; readonly state: string }>;
}

/** Says of each partition why it has not exactly one live holder; empty when all have. */
export function checkHolders(partitions: readonly string[], views: HolderViews): string[] {
  const wrong: string[] = [];
  if (views.leaders.length !== 1)
    wrong.push(`${views.leaders.length === 0 ? 'nobody' : views.leaders.join(', ')} leads`);
  const known = new Set(partitions);
  for (const partition of partitions) {
    const copiers = [...views.copiers]
      .filter(([, list]) => list.includes(partition))
      .map(([agent]) => agent);
    const lease = views.leases.get(partition);
    const told = views.told.get(partition);
    if (copiers.length !== 1) {
      wrong.push(
        `${partition} is copied by ${copiers.length === 0 ? 'nobody' : copiers.join(', ')}`,
      );
    } else if (lease !== copiers[0]) {
      wrong.push(`${partition} is copied by ${copiers[0]}, and leased to ${lease ?? 'nobody'}`);
    } else if (told?.holder !== lease || told?.state !== 'running') {
      const said = told === undefined ? 'nothing' : `${told.holder || 'nobody'}, ${told.state}`;
      wrong.push(`${partition} is held by ${lease}, and status says ${said}`);
    }
  }
  const others = [...[...views.copiers.values()].flat(), ...views.leases.keys()];
  for (const other of new Set(others.filter((each) => !known.has(each))))
    wrong.push(`${other} is held, and is no partition of the flow`);
  return wrong;
}
