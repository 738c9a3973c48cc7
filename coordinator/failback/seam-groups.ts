import type { OffsetToCommit } from '../../kafka/admin/group-admin.js';
import type { FlowTarget } from '../target/flow-target.js';
import { FailbackRefusedError } from './errors.js';
import type { FailbackScope, Side } from './failback-look.js';
import { committedPositions } from './groups.js';
import { mappedToFailBack } from './left-out.js';
import { logEnds } from './log-ends.js';
import { findSeam } from './seam-look.js';
import { isAtSeam, positionAtSeam, type SeamPartition } from './seam.js';

/** The seams again, from what is durable. What is behind them by now does not matter. */
export async function findSeams(
  scope: FailbackScope & { readonly source: Side },
  signal: AbortSignal,
): Promise<SeamPartition[]> {
  const { flow, original, source, target, clock } = scope;
  const mapped = mappedToFailBack(scope);
  const onSource = mapped.map(({ topic, partition }) => ({ topic, partition }));
  const onTarget = mapped.map(({ targetTopic: topic, partition }) => ({ topic, partition }));
  const sourceEnds = await logEnds(source.cluster, onSource, signal);
  const targetEnds = await logEnds(target.cluster, onTarget, signal);
  const sleep = (ms: number): Promise<void> => clock.sleep(ms, signal);
  const place = { flow, source: source.cluster, target: target.cluster, sleep };
  const seams: SeamPartition[] = [];
  for (const position of mapped) {
    if (position.fenceEnd === undefined) continue;
    const sourceEnd = sourceEnds.get(`${position.topic}:${position.partition}`)?.end;
    const targetEnd = targetEnds.get(`${position.targetTopic}:${position.partition}`)?.end;
    const { producerId } = original.producer;
    const at = { position, ends: { sourceEnd, targetEnd, producerId } };
    seams.push((await findSeam(place, at, signal)).seam);
  }
  return seams;
}

/**
 * A group right at the seam goes on with what never crossed, which lies behind the seam on the old
 * primary and nowhere on the new one: the map would take it past that.
 */
export function holdBackAtSeam(copy: FlowTarget, seams: readonly SeamPartition[]): void {
  const byPartition = new Map(seams.map((seam) => [`${seam.targetTopic}:${seam.partition}`, seam]));
  copy.arming.holdBack(({ topic, partition, offset }) => {
    const seam = byPartition.get(`${topic}:${partition}`);
    return seam !== undefined && isAtSeam(seam, offset);
  });
}

/** Commits on the old primary for the groups that were held back. Returns how many positions moved. */
export async function commitAtSeam(
  { flow, source, target }: FailbackScope & { readonly source: Side },
  seams: readonly SeamPartition[],
  signal: AbortSignal,
): Promise<number> {
  const byPartition = new Map(seams.map((seam) => [`${seam.targetTopic}:${seam.partition}`, seam]));
  const onSource = await committedPositions(flow, source, signal);
  const current = new Map(
    onSource.map((each) => [`${each.group}|${each.topic}:${each.partition}`, each.offset]),
  );
  const offsets = new Map<string, OffsetToCommit[]>();
  for (const { group, topic, partition, offset } of await committedPositions(
    flow,
    target,
    signal,
  )) {
    const seam = byPartition.get(`${topic}:${partition}`);
    if (seam === undefined || !isAtSeam(seam, offset)) continue;
    const committed = current.get(`${group}|${seam.sourceTopic}:${partition}`);
    const wanted = positionAtSeam(seam, committed);
    if (wanted === committed) continue;
    const ofGroup = offsets.get(group) ?? [];
    offsets.set(group, ofGroup);
    ofGroup.push({ topic: seam.sourceTopic, partition, offset: wanted, metadata: '' });
  }
  let moved = 0;
  for (const [group, wanted] of offsets) {
    const [failure] = await source.admin.commitGroupOffsets(group, wanted, { signal });
    if (failure !== undefined) {
      const { topic, partition, errorName } = failure;
      const message = `group ${group} cannot be moved on ${flow.source}: ${errorName} for ${topic}-${partition}`;
      throw new FailbackRefusedError(flow.id, [{ code: 'group-active', message }]);
    }
    moved += wanted.length;
  }
  return moved;
}
