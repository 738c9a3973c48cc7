import { failbackFlow } from '../../mirror/failback-flow.js';
import type { MappedPosition } from '../target/flow-positions.js';
import type { FlowSeed } from '../target/flow-arming.js';
import type { FlowTarget } from '../target/flow-target.js';
import {
  NAMED_MAX,
  QUIET_LOOK_MS,
  writers,
  type FailbackScope,
  type Side,
} from './failback-look.js';
import { activeGroups, groupsOf } from './groups.js';
import { mappedToFailBack } from './left-out.js';
import { logEnds, type LogEnds } from './log-ends.js';
import { readLog } from './log-reader.js';
import { findSeam } from './seam-look.js';
import { rearmSeed } from './seam.js';

type QuietScope = FailbackScope & { readonly source: Side };
type HandOverScope = QuietScope & { readonly copy: FlowTarget };

/** Who uses the new primary, in words; undefined if nobody did between two looks. */
export async function quiet(scope: QuietScope, signal: AbortSignal): Promise<string | undefined> {
  const { flow, target, clock } = scope;
  const partitions = mappedToFailBack(scope).map(({ targetTopic: topic, partition }) => {
    return { topic, partition };
  });
  const first = await logEnds(target.cluster, partitions, signal);
  await clock.sleep(QUIET_LOOK_MS, signal);
  const second = await logEnds(target.cluster, partitions, signal);
  const at = { side: target, alias: flow.target };
  const writing = await writers(at, { first, second }, signal);
  return writing?.message ?? (await readers(scope, signal));
}

/**
 * Groups of the old primary that still read on the new one: what they read after the hand-over they
 * would read again. Those that have nothing on the old primary are at home here, and stay.
 */
async function readers(scope: QuietScope, signal: AbortSignal): Promise<string | undefined> {
  const { flow, source, target } = scope;
  const mapped = mappedToFailBack(scope);
  const home = new Set(mapped.map(({ topic }) => topic));
  const copies = new Set(mapped.map(({ targetTopic }) => targetTopic));
  const onSource = { side: source, alias: flow.source, topics: home };
  const only = new Set(await groupsOf(flow, onSource, signal));
  const onTarget = { side: target, alias: flow.target, topics: copies, only };
  const active = await activeGroups(flow, onTarget, signal);
  if (active.length === 0) return undefined;
  const more = active.length > NAMED_MAX ? ` and ${active.length - NAMED_MAX} more groups` : '';
  return `${active
    .slice(0, NAMED_MAX)
    .map(({ message }) => message)
    .join('; ')}${more}`;
}

/** Where the copy back must go on, since something was written on the new primary after it was fenced. */
export interface LeftOver {
  readonly seeds: FlowSeed[];
  readonly message: string;
}

/** Undefined if nothing was. */
export async function leftOver(
  scope: HandOverScope,
  signal: AbortSignal,
): Promise<LeftOver | undefined> {
  await mapUnreported(scope, signal);
  const mapped = scope.copy.mappedPartitions();
  return leftAt(scope, { mapped, ends: await bothEnds(scope, mapped, signal) }, signal);
}

async function leftAt(
  scope: HandOverScope,
  { mapped, ends }: { mapped: readonly MappedPosition[]; ends: BothEnds },
  signal: AbortSignal,
): Promise<LeftOver | undefined> {
  const { flow } = scope;
  const left: MappedPosition[] = [];
  for (const position of mapped)
    if (await hasMore(scope, { position, ends }, signal)) left.push(position);
  const [first] = left;
  if (first === undefined) return undefined;
  // All of them: the fence ended this epoch's sequence numbers in every partition.
  const seeds = mapped.flatMap((each) => goOn(each, ends));
  const where = `${first.topic}-${first.partition}`;
  const message =
    `${left.length} partitions were written on ${flow.target} while it was handed over, ${where} ` +
    'among them: stop the producers, then call failback again';
  return { seeds, message };
}

/** What an agent copied back and did not live to report is on the old primary, and in no map. */
async function mapUnreported(scope: HandOverScope, signal: AbortSignal): Promise<void> {
  const { copy, flow, source, target, clock } = scope;
  const mapped = copy.mappedPartitions();
  const ends = await bothEnds(scope, mapped, signal);
  const sleep = (ms: number): Promise<void> => clock.sleep(ms, signal);
  // The same as at the seam, the other way round: the new primary is the source of the copy.
  const place = {
    flow: failbackFlow(flow),
    source: target.cluster,
    target: source.cluster,
    sleep,
  };
  const { producerId } = copy.producer;
  for (const position of mapped) {
    const at = endsOf(position, ends);
    const { topic, partition, end } = position;
    if (at === undefined || end === undefined) continue;
    if (at.source <= end.targetNext + position.fenceMarkers) continue;
    const found = { sourceEnd: at.target, targetEnd: at.source, producerId };
    const { unmapped } = await findSeam(place, { position, ends: found }, signal);
    if (unmapped.length > 0) copy.applyProgress({ topic, partition, runs: unmapped });
  }
  await copy.flush(signal);
}

/**
 * The flow goes on behind everything that was copied back, at the end of both logs. What somebody wrote
 * on the new primary since the last look lies before that: it must go back first, or it never does.
 */
export async function rearmSeeds(
  scope: HandOverScope,
  signal: AbortSignal,
): Promise<{ seeds: FlowSeed[]; left: LeftOver | undefined }> {
  const { copy, original } = scope;
  const mapped = copy.mappedPartitions();
  const ends = await bothEnds(scope, mapped, signal);
  const left = await leftAt(scope, { mapped, ends }, signal);
  if (left !== undefined) return { seeds: [], left };
  const seeds = mapped.flatMap((position) => {
    const at = endsOf(position, ends);
    if (position.end === undefined || at === undefined) return [];
    const { topic: targetTopic, targetTopic: sourceTopic, partition } = position;
    // The fence left a marker behind the last record; without one nothing lies there.
    const { targetNext } = position.end;
    const sourceNext = at.source > targetNext ? targetNext + 1n : targetNext;
    const handedOver = {
      ...{ sourceTopic, targetTopic, partition, sourceNext, targetEnd: at.target },
      sourceTopicId: position.targetTopicId,
      targetTopicId: position.sourceTopicId,
    };
    return [rearmSeed(handedOver, copy.arming.mapRuns(targetTopic, partition))];
  });
  const seeded = new Set(seeds.map(({ topic, partition }) => `${topic}:${partition}`));
  const others = original
    .mappedPartitions()
    .filter(({ topic, partition }) => !seeded.has(`${topic}:${partition}`));
  return { seeds: [...seeds, ...(await continued(scope, others, signal))], left };
}

/**
 * Heartbeats, and what was left out, go on as they were: the former at the end, which only mirrors move,
 * the latter right behind the fence, so that what somebody wrote there since is found, and halts them.
 */
async function continued(
  { flow, target }: HandOverScope,
  positions: readonly MappedPosition[],
  signal: AbortSignal,
): Promise<FlowSeed[]> {
  const heartbeats = positions.filter(({ topic }) => flow.policy.isHeartbeatsTopic(topic));
  const partitions = heartbeats.map(({ targetTopic: topic, partition }) => ({ topic, partition }));
  const ends = await logEnds(target.cluster, partitions, signal);
  return positions.flatMap(({ topic, targetTopic, partition, end, fenceEnd, ...ids }) => {
    const isHeartbeats = flow.policy.isHeartbeatsTopic(topic);
    const sequenceBase = isHeartbeats ? ends.get(`${targetTopic}:${partition}`)?.end : fenceEnd;
    if (end === undefined || sequenceBase === undefined) return [];
    const { sourceTopicId, targetTopicId } = ids;
    const start = { sourceOffset: end.sourceNext, targetOffset: sequenceBase };
    return [{ topic, partition, sourceTopicId, targetTopicId, sequenceBase, runs: [], start }];
  });
}

interface BothEnds {
  readonly source: Map<string, LogEnds>;
  readonly target: Map<string, LogEnds>;
}

/** Of the partitions of the copy back: its `topic` is on the new primary, its target topic on the old. */
async function bothEnds(
  { source, target }: HandOverScope,
  mapped: readonly MappedPosition[],
  signal: AbortSignal,
): Promise<BothEnds> {
  const onSource = mapped.map(({ targetTopic: topic, partition }) => ({ topic, partition }));
  const onTarget = mapped.map(({ topic, partition }) => ({ topic, partition }));
  return {
    source: await logEnds(source.cluster, onSource, signal),
    target: await logEnds(target.cluster, onTarget, signal),
  };
}

function endsOf(
  { topic, targetTopic, partition }: MappedPosition,
  ends: BothEnds,
): { source: bigint; target: bigint } | undefined {
  const source = ends.source.get(`${targetTopic}:${partition}`);
  const target = ends.target.get(`${topic}:${partition}`);
  if (source === undefined || target === undefined) return undefined;
  return { source: source.end, target: target.end };
}

async function hasMore(
  { target, clock }: HandOverScope,
  { position, ends }: { position: MappedPosition; ends: BothEnds },
  signal: AbortSignal,
): Promise<boolean> {
  const { topic, partition, end } = position;
  const at = ends.target.get(`${topic}:${partition}`);
  if (at === undefined || end === undefined) return false;
  if (at.stableEnd < at.end) return true; // a transaction is open
  const place = { topic, partition, from: end.sourceNext, to: at.stableEnd };
  const sleep = (ms: number): Promise<void> => clock.sleep(ms, signal);
  for await (const batch of readLog({ cluster: target.cluster, ...place, sleep }, signal))
    if (batch.records().length > 0) return true;
  return false;
}

function goOn(position: MappedPosition, ends: BothEnds): FlowSeed[] {
  const at = endsOf(position, ends);
  const { topic, partition, end, sourceTopicId, targetTopicId } = position;
  if (at === undefined || end === undefined) return [];
  const start = { sourceOffset: end.sourceNext, targetOffset: at.source };
  return [
    { topic, partition, sourceTopicId, targetTopicId, sequenceBase: at.source, runs: [], start },
  ];
}
