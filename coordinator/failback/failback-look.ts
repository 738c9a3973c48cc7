import type { Clock } from '../../common/clock.js';
import { describeError, MirrorError } from '../../common/errors.js';
import type { AdminClient } from '../../kafka/admin/admin-client.js';
import type { ClusterMetadata, KafkaCluster } from '../../kafka/client/index.js';
import type { FlowConfig } from '../../mirror/config/mirror-config.js';
import { failbackFlow } from '../../mirror/failback-flow.js';
import type { FlowTarget } from '../target/flow-target.js';
import type { MappedPosition } from '../target/flow-positions.js';
import {
  planGroups,
  type FailbackBlocker,
  type FailbackPartition,
  type FailbackPlan,
  type FailbackProgress,
} from './failback-plan.js';
import { activeGroups, committedPositions } from './groups.js';
import { lookAtLeftOut, mappedToFailBack } from './left-out.js';
import { logEnds, producersOf, type LogEnds } from './log-ends.js';
import { lookAtSeam, SeamProblem, type SeamFound } from './seam-look.js';

/** Between two looks at the ends of logs: whoever writes now and then is noticed. */
export const QUIET_LOOK_MS = 2_000;

/** Partitions whose seams are looked at together. */
const SEAMS_AT_A_TIME = 16;

/** Names in a message; there may be thousands. */
export const NAMED_MAX = 5;

export interface Side {
  readonly cluster: KafkaCluster;
  readonly admin: AdminClient;
}

/** What a failback looks at. `source` is the old primary, `target` the new one. */
export interface FailbackScope {
  readonly flow: FlowConfig;
  readonly original: FlowTarget;
  readonly target: Side;
  readonly source: Side;
  readonly clock: Clock;
}

export interface FailbackLook {
  readonly plan: FailbackPlan;
  readonly seams: readonly SeamFound[];
}

export function progressOf(original: FlowTarget): FailbackProgress {
  const phase = original.arming.failback?.phase;
  if (phase === 'copying' || phase === 'handing-over') return phase;
  // A promotion after the last failback begins a new round.
  return phase === 'done' && original.promoted === undefined ? 'done' : 'new';
}

/** What `failback` would do now. Changes nothing; a cluster that is away is a blocker, no error. */
export async function planFailback(
  scope: FailbackScope,
  signal: AbortSignal,
): Promise<FailbackLook> {
  const { original, source, flow } = scope;
  const refused = (code: FailbackBlocker['code'], message: string): FailbackLook => ({
    plan: { ...emptyPlan(scope), blockers: [{ code, message }] },
    seams: [],
  });
  if (original.promoted === undefined) {
    const { promotedTopics } = original;
    if (promotedTopics.size > 0) {
      const names = [...promotedTopics.keys()].slice(0, NAMED_MAX).join(', ');
      const text = `only some topics of ${flow.id} are promoted (${names}): promote the others first`;
      return refused('not-promoted', text);
    }
    // Not yet `done`, a failback is between its last two writes, or died there.
    if (progressOf(original) !== 'new') return { plan: emptyPlan(scope), seams: [] };
    return refused(
      'not-promoted',
      `flow ${flow.id} is not promoted: ${flow.source} is the primary`,
    );
  }
  if (original.promoted.completedAtMs === undefined)
    return refused('not-promoted', `the promotion of ${flow.id} is not finished: promote it again`);
  const mapped = mappedToFailBack(scope);
  const listed: Listed = new Map();
  for (const [code, alias, side] of [
    ['source-unreachable', flow.source, source],
    ['target-unreachable', flow.target, scope.target],
  ] as const) {
    const name = code === 'source-unreachable' ? 'topic' : 'targetTopic';
    try {
      const names = [...new Set(mapped.map((each) => each[name]))];
      listed.set(side, (await side.cluster.metadata(names, { signal })).topics);
    } catch (error) {
      if (!(error instanceof MirrorError) || !error.retriable) throw error;
      return refused(code, `${alias} does not answer: ${describeError(error)}`);
    }
  }
  const leftOut = await lookAtLeftOut(scope, signal);
  // While records are copied back both logs grow, and nothing of the seam can be seen any more.
  if (progressOf(original) !== 'new') return { plan: { ...emptyPlan(scope), leftOut }, seams: [] };
  const { plan, seams } = await lookAtBoth(scope, listed, signal);
  return { plan: { ...plan, leftOut }, seams };
}

/** What each side says of its mirrored topics. */
type Listed = Map<Side, ClusterMetadata['topics']>;

function emptyPlan({ flow, original }: FailbackScope): FailbackPlan {
  return {
    flow: flow.id,
    progress: progressOf(original),
    copyFlow: failbackFlow(flow).id,
    quarantineTopic: flow.policy.quarantineTopic(flow.source),
    partitions: [],
    groups: [],
    leftOut: [],
    blockers: [],
  };
}

async function lookAtBoth(
  scope: FailbackScope,
  listed: Listed,
  signal: AbortSignal,
): Promise<FailbackLook> {
  const { source } = scope;
  const mapped = mappedToFailBack(scope);
  const blockers = topicProblems(scope, listed, mapped);
  if (blockers.length > 0) return { plan: { ...emptyPlan(scope), blockers }, seams: [] };

  const onSource = mapped.map(({ topic, partition }) => ({ topic, partition }));
  const onTarget = mapped.map(({ targetTopic: topic, partition }) => ({ topic, partition }));
  const first = await logEnds(source.cluster, onSource, signal);
  const targetEnds = await logEnds(scope.target.cluster, onTarget, signal);
  await scope.clock.sleep(QUIET_LOOK_MS, signal);
  const second = await logEnds(source.cluster, onSource, signal);
  const at = { side: source, alias: scope.flow.source };
  const writing = await writers(at, { first, second }, signal);
  if (writing !== undefined) blockers.push(writing);
  const topics = new Set(mapped.map(({ topic }) => topic));
  blockers.push(...(await activeGroups(scope.flow, { ...at, topics }, signal)));
  const found = await seams(scope, { source, mapped, sourceEnds: first, targetEnds }, signal);
  blockers.push(...found.blockers);
  const partitions = found.seams.map(({ seam, uncrossed }) => {
    const { end } = targetEnds.get(`${seam.targetTopic}:${seam.partition}`)!;
    return { seam, uncrossed, targetEnd: end };
  });
  const groups = await groupRows(scope, { source, partitions }, signal);
  return { plan: { ...emptyPlan(scope), partitions, groups, blockers }, seams: found.seams };
}

function topicProblems(
  scope: FailbackScope,
  listed: Listed,
  mapped: readonly MappedPosition[],
): FailbackBlocker[] {
  const { flow, source, target } = scope;
  const blockers = new Map<string, FailbackBlocker>();
  const check = (side: Side, at: { alias: string; topic: string; id: string }): void => {
    const { alias, topic, id } = at;
    const current = side.cluster.topicIdOf(topic);
    if (current === id) return;
    const gone = `topic ${topic} is gone from ${alias}`;
    const other = `topic ${topic} on ${alias} was deleted and created again since it was mirrored`;
    const way =
      `; what is left can be brought back only by a flow from ${flow.target}; to fail back the ` +
      `other topics, leave it out of the topics of ${flow.id}`;
    blockers.set(`${alias}/${topic}`, {
      code: current === undefined ? 'topic-missing' : 'topic-recreated',
      message: `${current === undefined ? gone : other}${way}`,
    });
  };
  for (const { topic, targetTopic, sourceTopicId, targetTopicId } of mapped) {
    check(source, { alias: flow.source, topic, id: sourceTopicId });
    check(target, { alias: flow.target, topic: targetTopic, id: targetTopicId });
  }
  return [...blockers.values(), ...partitionCounts(scope, listed, mapped)];
}

/** Also those that have no leader at present: a broker is away, and nothing is to be added for it. */
function partitionCounts(
  { flow, source, target }: FailbackScope,
  listed: Listed,
  mapped: readonly MappedPosition[],
): FailbackBlocker[] {
  const topics = new Map(mapped.map((each) => [each.topic, each.targetTopic]));
  const count = (side: Side, topic: string): number =>
    listed.get(side)?.get(topic)?.partitions.length ?? 0;
  return [...topics].flatMap(([topic, targetTopic]) => {
    const here = count(source, topic);
    const there = count(target, targetTopic);
    if (here <= there) return [];
    const message =
      `topic ${topic} has ${here} partitions on ${flow.source}, and ${targetTopic} has ${there} ` +
      `on ${flow.target}: add partitions there first`;
    return [{ code: 'partitions-differ' as const, message }];
  });
}

/** Whoever moved the end of a log between two looks, or keeps a transaction open there. */
export async function writers(
  { side, alias }: { side: Side; alias: string },
  { first, second }: { first: Map<string, LogEnds>; second: Map<string, LogEnds> },
  signal: AbortSignal,
): Promise<FailbackBlocker | undefined> {
  const written: string[] = [];
  const open: string[] = [];
  for (const [key, { end, stableEnd }] of second) {
    if (end !== first.get(key)?.end) written.push(key);
    else if (stableEnd < end) open.push(key);
  }
  const [code, keys] =
    written.length > 0
      ? (['source-written', written] as const)
      : (['open-transaction', open] as const);
  if (keys.length === 0) return undefined;
  const named = await Promise.all(
    keys.slice(0, NAMED_MAX).map((key) => nameWriter(side, { key, code }, signal)),
  );
  const more = keys.length > NAMED_MAX ? ` and ${keys.length - NAMED_MAX} more` : '';
  const what =
    code === 'source-written'
      ? `producers write on ${alias}: stop them`
      : `a transaction is open on ${alias}: end it, or wait until it times out`;
  return { code, message: `${what} (${named.join(', ')}${more})` };
}

async function nameWriter(
  { cluster }: Side,
  { key, code }: { key: string; code: FailbackBlocker['code'] },
  signal: AbortSignal,
): Promise<string> {
  const colon = key.lastIndexOf(':');
  const place = { topic: key.slice(0, colon), partition: Number(key.slice(colon + 1)) };
  const where = `${place.topic}-${place.partition}`;
  const producers = await producersOf(cluster, place, signal);
  const known = producers
    .filter(
      ({ currentTxnStartOffset }) => code !== 'open-transaction' || currentTxnStartOffset >= 0n,
    )
    .sort((a, b) => (a.lastTimestamp > b.lastTimestamp ? -1 : 1))[0];
  return known === undefined ? where : `${where} by producer id ${known.producerId}`;
}

async function seams(
  scope: FailbackScope,
  at: {
    source: Side;
    mapped: readonly MappedPosition[];
    sourceEnds: Map<string, LogEnds>;
    targetEnds: Map<string, LogEnds>;
  },
  signal: AbortSignal,
): Promise<{ seams: SeamFound[]; blockers: FailbackBlocker[] }> {
  const found: SeamFound[] = [];
  const blockers: FailbackBlocker[] = [];
  const { flow, original, target, clock } = scope;
  const { source, mapped, sourceEnds, targetEnds } = at;
  const sleep = (ms: number): Promise<void> => clock.sleep(ms, signal);
  for (let start = 0; start < mapped.length; start += SEAMS_AT_A_TIME) {
    const chunk = mapped.slice(start, start + SEAMS_AT_A_TIME);
    await Promise.all(
      chunk.map(async (position) => {
        const { topic, targetTopic, partition } = position;
        const sourceEnd = sourceEnds.get(`${topic}:${partition}`)?.stableEnd;
        const targetEnd = targetEnds.get(`${targetTopic}:${partition}`)?.stableEnd;
        try {
          const place = { flow, source: source.cluster, target: target.cluster, sleep };
          const ends = { sourceEnd, targetEnd, ...original.producer };
          found.push(await lookAtSeam(place, { position, ends }, signal));
        } catch (error) {
          if (!(error instanceof SeamProblem)) throw error;
          blockers.push(error.blocker);
        }
      }),
    );
  }
  found.sort(({ seam: a }, { seam: b }) =>
    a.sourceTopic === b.sourceTopic
      ? a.partition - b.partition
      : a.sourceTopic < b.sourceTopic
        ? -1
        : 1,
  );
  return { seams: found, blockers };
}

async function groupRows(
  scope: FailbackScope,
  { source, partitions }: { source: Side; partitions: readonly FailbackPartition[] },
  signal: AbortSignal,
): Promise<FailbackPlan['groups']> {
  const { flow, original, target } = scope;
  const onTarget = await committedPositions(flow, target, signal);
  const onSource = await committedPositions(flow, source, signal);
  const rows = planGroups({
    ...{ partitions, onTarget, onSource },
    runsOf: ({ sourceTopic, partition }) => original.arming.mapRuns(sourceTopic, partition),
  });
  return rows.sort((a, b) =>
    a.group === b.group ? a.partition - b.partition : a.group < b.group ? -1 : 1,
  );
}
