import type { FlowConfig } from '../../mirror/config/mirror-config.js';
import type { Side } from './failback-look.js';
import type { CommittedPosition, FailbackBlocker } from './failback-plan.js';

const GROUPS_ASKED_MAX = 16;

/** One cluster, and the mirrored topics by their names there. */
export interface GroupsAt {
  readonly side: Side;
  readonly alias: string;
  readonly topics: ReadonlySet<string>;
}

/** What every group of the flow has committed on one side. */
export async function committedPositions(
  flow: FlowConfig,
  side: Side,
  signal: AbortSignal,
): Promise<CommittedPosition[]> {
  const listed = await side.admin.listGroups({ signal });
  const names = listed.map(({ groupId }) => groupId).filter((id) => flow.groupFilter.accepts(id));
  const committed = await side.admin.groupOffsets(names, { signal });
  return [...committed].flatMap(([group, offsets]) =>
    offsets
      .filter(({ offset }) => offset >= 0n)
      .map(({ topic, partition, offset }) => ({ group, topic, partition, offset })),
  );
}

/** The groups that have a position in one of the topics, whoever is in them. */
export async function groupsOf(
  flow: FlowConfig,
  { side, topics }: GroupsAt,
  signal: AbortSignal,
): Promise<string[]> {
  const committed = await committedPositions(flow, side, signal);
  return [
    ...new Set(committed.filter(({ topic }) => topics.has(topic)).map(({ group }) => group)),
  ].sort();
}

/** Groups with members that have read what is mirrored: their positions are theirs to move. */
export async function activeGroups(
  flow: FlowConfig,
  at: GroupsAt & { readonly only?: ReadonlySet<string> },
  signal: AbortSignal,
): Promise<FailbackBlocker[]> {
  const { side, alias, only } = at;
  const names = (await groupsOf(flow, at, signal)).filter((name) => only?.has(name) ?? true);
  const blockers: FailbackBlocker[] = [];
  for (let start = 0; start < names.length; start += GROUPS_ASKED_MAX) {
    const chunk = names.slice(start, start + GROUPS_ASKED_MAX);
    const described = await Promise.all(
      chunk.map((name) => side.admin.describeGroup(name, { signal })),
    );
    for (const { groupId, state, memberCount } of described) {
      if (state === 'Empty' || state === 'Dead') continue;
      const members = `${memberCount} member${memberCount === 1 ? '' : 's'}`;
      const message = `group ${groupId} is active on ${alias} (${state}, ${members}): stop its consumers there`;
      blockers.push({ code: 'group-active', message });
    }
  }
  return blockers;
}
