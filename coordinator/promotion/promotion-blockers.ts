import type { GroupPlan, PlanInput } from './promotion-plan.js';
import { isPlanned, isToCommit, partitionKey } from './promotion-rows.js';

export type BlockerCode =
  | 'no-topic' //             no topic of the flow is chosen
  | 'no-group' //             no group is chosen
  | 'group-active' //         consumers run on the target already, under a group to be moved
  | 'target-unreachable' //   the target does not answer
  | 'target-topic-missing' // a mirrored topic is gone from the target
  | 'source-unreachable' //   a planned promotion was asked for, and the source does not answer
  | 'map-corrupt' //          a stored part of the offset map cannot be read
  | 'checkpoint-corrupt' //   a stored position of some group cannot be read, and the source is away
  | 'promotion-running' //    another promotion of the flow is under way
  | 'producers-active' //     a warning: who still writes on the source
  | 'producers-unknown' //    a warning: that cannot be told
  | 'group-beyond-end' //     a warning: a group stands behind the end of a log on the target
  | 'not-copied' //           partitions that would never drain are paused or halted
  | 'lag-remains' //          the source answers, and records keep coming
  | 'commits-unknown' //      the source answers, and what its groups have committed cannot be read
  | 'commit-refused'; //      the target would not take a group's positions

/** What an operator may go past with `--accept`: it costs records or groups, and nothing else. */
const ACCEPTABLE: ReadonlySet<BlockerCode> = new Set([
  'target-topic-missing',
  'map-corrupt',
  'checkpoint-corrupt',
]);

export interface Blocker {
  code: BlockerCode;
  message: string;
}

/** What stands in the way, and what was accepted. After a promotion nothing does. */
export function findBlockers(
  input: PlanInput,
  groups: readonly GroupPlan[],
): { blockers: Blocker[]; warnings: Blocker[] } {
  if (input.phase === 'promoted') return { blockers: [], warnings: [] };
  const found = [
    ...chosenNothing(input),
    ...sourceAway(input),
    ...notCopied(input),
    ...missingTopics(input),
    ...corruptRecords(input),
    ...activeGroups(input, groups),
  ];
  const isAccepted = ({ code }: Blocker): boolean => ACCEPTABLE.has(code) && input.accept.has(code);
  const blockers = found.filter((each) => !isAccepted(each));
  const warnings = [...found.filter(isAccepted), ...beyondEnd(input, groups)];
  return { blockers: blockers.map(withWayOut), warnings };
}

/** A log that lost its tail; a group that stays there skips what is written next. */
function beyondEnd({ logEnds }: PlanInput, groups: readonly GroupPlan[]): Blocker[] {
  const warnings: Blocker[] = [];
  for (const { group, targetTopic, partition, currentOffset, targetOffset } of groups) {
    const end = logEnds?.get(partitionKey(targetTopic, partition));
    if (end === undefined || currentOffset === undefined || currentOffset <= end) continue;
    const to = targetOffset === undefined ? 'it cannot be moved' : `it is moved to ${targetOffset}`;
    const message =
      `group ${group} has committed ${currentOffset} on ${targetTopic}-${partition}, whose log ends at ` +
      `${end}: it lost its tail; ${to}, and what it reads again cannot be told exactly`;
    warnings.push({ code: 'group-beyond-end', message });
  }
  return warnings;
}

function withWayOut({ code, message }: Blocker): Blocker {
  if (!ACCEPTABLE.has(code)) return { code, message };
  return { code, message: `${message}; to promote without it: --accept ${code}` };
}

function chosenNothing({ chosenNothing: nothing, flow }: PlanInput): Blocker[] {
  return nothing.map((what) => {
    const of = what === 'topic' ? `topic of ${flow}` : `group that reads a chosen topic of ${flow}`;
    return { code: `no-${what}` as const, message: `no ${of} matches what was asked for` };
  });
}

/** Behind the fence nothing is drained any more. */
function sourceAway({ mode, source, phase }: PlanInput): Blocker[] {
  if (mode !== 'planned' || phase !== 'running' || source.state === 'reachable') return [];
  const message =
    `a planned promotion copies everything first, and the source is ${source.state}: ` +
    `${source.evidence}; leave --planned out, or bring the source back`;
  return [{ code: 'source-unreachable', message }];
}

/** What nobody copies would be waited for in vain. */
function notCopied(input: PlanInput): Blocker[] {
  if (!isPlanned(input) || input.phase !== 'running') return [];
  const stopped = input.positions.filter((each) => each.stopped !== undefined && !each.gone);
  if (stopped.length === 0) return [];
  const named = stopped
    .slice(0, PARTITIONS_LISTED_MAX)
    .map(({ topic, partition, stopped: why }) => `${topic}-${partition} (${why})`);
  const more = stopped.length > named.length ? ` and ${stopped.length - named.length} more` : '';
  const message =
    `a planned promotion copies everything first, and these are not copied: ${named.join(', ')}${more}; ` +
    'let them go on with mirrorctl resume, or give up what is not copied with --unplanned';
  return [{ code: 'not-copied', message }];
}

function corruptRecords({ mapped, corruptCheckpoints, source }: PlanInput): Blocker[] {
  const blockers: Blocker[] = [];
  for (const { topic, partition, corrupt } of mapped) {
    if (corrupt === undefined) continue;
    const message = `${topic}-${partition} cannot be translated for any group: ${corrupt}`;
    blockers.push({ code: 'map-corrupt', message });
  }
  // A source that answers tells every position again.
  if (corruptCheckpoints > 0 && source.state !== 'reachable') {
    const message =
      `${corruptCheckpoints} stored group positions cannot be read, so that some group's offset may ` +
      'be missing here; the log of the coordinator names them';
    blockers.push({ code: 'checkpoint-corrupt', message });
  }
  return blockers;
}

/**
 * Only topics that the source still has, if it can be asked: one that was deleted there and here must
 * not stand in the way of every other topic for ever.
 */
function missingTopics(input: PlanInput): Blocker[] {
  if (input.targetEnds === undefined) return [];
  const missing = new Map<string, number[]>();
  const present = input.positions.filter(({ gone }) => gone !== true);
  const wanted = new Set(present.map(({ targetTopic }) => targetTopic));
  for (const { targetTopic, partition } of input.mapped) {
    if (input.source.state === 'reachable' && !wanted.has(targetTopic)) continue;
    if (input.targetEnds.has(partitionKey(targetTopic, partition))) continue;
    const partitions = missing.get(targetTopic) ?? [];
    partitions.push(partition);
    missing.set(targetTopic, partitions);
  }
  return [...missing].map(([topic, partitions]) => ({
    code: 'target-topic-missing',
    message:
      `topic ${topic} was mirrored, but the target does not have its ` +
      `partition${partitions.length === 1 ? '' : 's'} ${listed(partitions)}`,
  }));
}

/**
 * Offsets of a group with members belong to the members: moving them would lose or repeat records.
 * Behind the fence a group that has nothing left to move may run: an earlier call moved it, and its
 * consumers were faster than the rest of the promotion.
 */
function activeGroups(input: PlanInput, groups: readonly GroupPlan[]): Blocker[] {
  const concerned = groups.filter((row) => input.phase === 'running' || isToCommit(row));
  const names = [...new Set(concerned.map(({ group }) => group))].sort();
  const blockers: Blocker[] = [];
  for (const name of names) {
    const group = input.targetGroups.get(name);
    if (group?.state !== 'active') continue;
    const members = `${group.members} member${group.members === 1 ? '' : 's'}`;
    const message =
      `group ${name} is active on the target (${group.stateName}, ${members}): ` +
      'stop its consumers there and promote again';
    blockers.push({ code: 'group-active', message });
  }
  return blockers;
}

/** Enough to find it by; a topic may have thousands. */
const PARTITIONS_LISTED_MAX = 10;

function listed(partitions: readonly number[]): string {
  const sorted = [...partitions].sort((a, b) => a - b);
  const shown = sorted.slice(0, PARTITIONS_LISTED_MAX).join(', ');
  const rest = sorted.length - PARTITIONS_LISTED_MAX;
  return rest > 0 ? `${shown} and ${rest} more` : shown;
}
