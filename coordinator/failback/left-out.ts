import { MirrorError } from '../../common/errors.js';
import { topicExclusion } from '../../mirror/policy/topic-selection.js';
import type { MappedPosition } from '../target/flow-positions.js';
import type { FailbackScope } from './failback-look.js';
import type { LeftOutReason, LeftOutTopic } from './failback-plan.js';
import { logEnds } from './log-ends.js';

/**
 * Topics that the flow did not mirror any more when it was promoted, so that there is nothing to bring
 * back to: taken out of its selection, or deleted on the source and reported so before. They stay as
 * they are, and hold up no other. A topic that vanished since is another matter: whether it should be
 * there, only people know. So it is if all are gone, which is how a cluster looks that was made anew.
 */
export function leftOutTopics({
  flow,
  original,
}: Pick<FailbackScope, 'flow' | 'original'>): ReadonlyMap<string, LeftOutReason> {
  const reasons = new Map<string, LeftOutReason>();
  const { goneSince } = original.arming;
  let isAnyLeft = false;
  for (const { topic } of mappedOfApplications({ flow, original })) {
    if (topicExclusion(flow, topic) !== null) reasons.set(topic, 'deselected');
    else if (goneSince.has(topic)) reasons.set(topic, 'deleted');
    else isAnyLeft = true;
  }
  const phase = original.arming.failback?.phase;
  // What was decided at the start of a failback holds to its end, whatever is deselected meanwhile.
  if (isAnyLeft || phase === 'copying' || phase === 'handing-over') return reasons;
  return new Map([...reasons].filter(([, reason]) => reason !== 'deleted'));
}

/** What takes part. */
export function mappedToFailBack(
  scope: Pick<FailbackScope, 'flow' | 'original'>,
): MappedPosition[] {
  const leftOut = leftOutTopics(scope);
  return mappedOfApplications(scope).filter(({ topic }) => !leftOut.has(topic));
}

/** Heartbeats are left out: they are written all the time, by mirrors. */
function mappedOfApplications({
  flow,
  original,
}: Pick<FailbackScope, 'flow' | 'original'>): MappedPosition[] {
  return original.mappedPartitions().filter(({ topic }) => !flow.policy.isHeartbeatsTopic(topic));
}

/** With what was written on the new primary, which nobody brings back. */
export async function lookAtLeftOut(
  scope: FailbackScope,
  signal: AbortSignal,
): Promise<LeftOutTopic[]> {
  const positions = new Map<string, MappedPosition[]>();
  const leftOut = leftOutTopics(scope);
  for (const position of scope.original.mappedPartitions()) {
    if (!leftOut.has(position.topic)) continue;
    positions.set(position.topic, [...(positions.get(position.topic) ?? []), position]);
  }
  const found: LeftOutTopic[] = [];
  for (const [topic, ofTopic] of positions) {
    const { targetTopic } = ofTopic[0]!;
    const written = await writtenSince(scope, ofTopic, signal);
    found.push({ topic, targetTopic, reason: leftOut.get(topic)!, written });
  }
  return found.sort((a, b) => (a.topic < b.topic ? -1 : 1));
}

/** Offsets behind the fence, so at most so many records; undefined where nobody can say. */
async function writtenSince(
  { target }: FailbackScope,
  positions: readonly MappedPosition[],
  signal: AbortSignal,
): Promise<bigint | undefined> {
  const partitions = positions.map(({ targetTopic: topic, partition }) => ({ topic, partition }));
  try {
    await target.cluster.metadata([positions[0]!.targetTopic], { signal });
    const ends = await logEnds(target.cluster, partitions, signal);
    let written = 0n;
    for (const { targetTopic, targetTopicId, partition, fenceEnd } of positions) {
      const current = target.cluster.topicIdOf(targetTopic);
      if (current === undefined) continue; // what was written went with the topic
      const at = ends.get(`${targetTopic}:${partition}`);
      if (current !== targetTopicId || at === undefined || fenceEnd === undefined) return undefined;
      if (at.end > fenceEnd) written += at.end - fenceEnd;
    }
    return written;
  } catch (error) {
    // It holds up nothing: what cannot be read is unknown, and said to be.
    if (!(error instanceof MirrorError)) throw error;
    signal.throwIfAborted();
    return undefined;
  }
}

/** For the steps that are told; empty if all topics take part. */
export function describeLeftOut(leftOut: readonly LeftOutTopic[], target: string): string {
  if (leftOut.length === 0) return '';
  const lost = leftOut
    .filter(({ written }) => written !== 0n)
    .map(({ targetTopic, written }) =>
      written === undefined ? `${targetTopic} (unknown)` : `${targetTopic} (up to ${written})`,
    );
  const named = `; left out: ${leftOut.map(({ topic }) => topic).join(', ')}`;
  if (lost.length === 0) return named;
  return `${named}; records written on ${target} that do not go back: ${lost.join(', ')}`;
}
