import type { Clock } from '../../common/clock.js';
import { describeError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { OffsetToCommit } from '../../kafka/admin/group-admin.js';
import { PromotionRefusedError, PromotionVerifyError } from './promotion-errors.js';
import {
  writePromotion,
  type PromotionDocuments,
  type PromotionRecord,
  type StepName,
} from './promotion-journal.js';
import {
  chooseTopics,
  planPromotion,
  targetEnds,
  type ChosenTopics,
  type CommitsReported,
  type PromotionScope,
  type SourceEndsSeen,
} from './promotion-look.js';
import type { PromotedScope } from '../target/flow-promotions.js';
import type { FlowPhase, GroupPlan, PartitionPosition, PromotionPlan } from './promotion-plan.js';
import { isToCommit, partitionKey } from './promotion-rows.js';

/** How long a planned promotion waits for the last records; then it is called off. */
export const DRAIN_MS_MAX = 30_000;

const DRAIN_LOOK_INTERVAL_MS = 100;

/** How often a source that records are waited for is asked whether it is still there. */
const DRAIN_PROBE_INTERVAL_MS = 1_000;

/** Partitions that a message about an unfinished drain names. */
const LAGGING_NAMED_MAX = 5;

export interface PromotionStep {
  name: StepName;
  /** False when it starts, true when it is done. */
  done: boolean;
  message: string;
  elapsedMs: number;
}

export interface PromoteOptions extends PromotionScope {
  operator: string;
  documents: PromotionDocuments;
  clock: Clock;
  log: Logger;
  onStep?: (step: PromotionStep) => void;
}

export interface PromoteResult {
  plan: PromotionPlan;
  /** The flow had been promoted before, and nothing was changed now. */
  alreadyPromoted: boolean;
  elapsedMs: number;
}

/**
 * Makes the target the primary.
 *
 *   check ─► drain ─► fence ─► translate ─► commit ─► verify
 *                       │
 *                       └ begins with a mark on the target: from there on there is no way back, only
 *                         on. A promotion that was cut off is taken up by the next coordinator
 *
 * Throws PromotionRefusedError while something must be mended first.
 */
export function promote(options: PromoteOptions, signal: AbortSignal): Promise<PromoteResult> {
  return new Promotion(options).run(signal);
}

class Promotion {
  readonly #options: PromoteOptions;
  readonly #flow: string;
  readonly #startedMs: number;
  #chosen: ChosenTopics;
  #record: PromotionRecord;
  /** The mark was made, by this call or by an earlier one that was cut off. */
  #begun: boolean;

  constructor(options: PromoteOptions) {
    const { clock, operator, target } = options;
    this.#options = options;
    this.#flow = target.flowId;
    this.#startedMs = clock.nowMs();
    this.#chosen = chooseTopics(options);
    this.#begun = this.#chosen.phase !== 'running';
    this.#record = {
      flow: this.#flow,
      operator,
      startedAtMs: clock.wallMs(),
      step: 'check',
      stepStartedAtMs: clock.wallMs(),
      finishedAtMs: undefined,
      failure: undefined,
    };
  }

  async run(signal: AbortSignal): Promise<PromoteResult> {
    try {
      if (this.#chosen.phase === 'promoted') return await this.#report(signal);
      return this.#result(await this.#promote(signal), false);
    } catch (error) {
      await this.#giveUp(error);
      throw error;
    }
  }

  /** Nothing is changed, unless groups are named that were not moved then. */
  async #report(signal: AbortSignal): Promise<PromoteResult> {
    const { selection } = this.#options;
    this.#setState('promoted');
    const plan = await planPromotion(this.#options, signal);
    if (selection.groups === undefined || !plan.groups.some(isToCommit)) {
      return this.#result(plan, true);
    }
    await this.#step('commit', () => this.#commit(plan, signal));
    await this.#step('verify', () => this.#verify(plan, signal));
    await this.#save({ finishedAtMs: this.#options.clock.wallMs() });
    return this.#result(plan, false);
  }

  async #promote(signal: AbortSignal): Promise<PromotionPlan> {
    const { target } = this.#options;
    const before = await this.#step('check', () => this.#check(signal));
    // The check has asked the source, which may have told of topics that match as well.
    this.#chosen = chooseTopics(this.#options);
    this.#setState('promoting');
    if (!this.#begun && before.isPlanned) await this.#step('drain', () => this.#drain(signal));
    if (!target.promotions.isFenced(this.#scope)) {
      await this.#step('fence', () => this.#fence(signal));
    }
    const plan = await this.#step('translate', () => this.#translate(signal));
    await this.#step('commit', () => this.#commit(plan, signal));
    await this.#step('verify', () => this.#verify(plan, signal));
    await target.promotions.complete(this.#scope, signal);
    await this.#save({ finishedAtMs: this.#options.clock.wallMs() });
    this.#setState('promoted');
    return { ...plan, phase: 'promoted' };
  }

  get #scope(): PromotedScope {
    const { groups, accept } = this.#options.selection;
    const patterns = groups?.patterns ?? [];
    return { topics: this.#chosen.topics, groups: patterns, accept: [...accept] };
  }

  #setState(phase: FlowPhase): void {
    this.#options.host.setFlowState(this.#flow, phase, this.#chosen.topics);
  }

  async #check(signal: AbortSignal): Promise<[string, PromotionPlan]> {
    const plan = await planPromotion(this.#options, signal);
    if (plan.blockers.length > 0) throw new PromotionRefusedError(this.#flow, plan.blockers);
    const { state, evidence } = plan.source;
    const { accept } = this.#options.selection;
    const taken = plan.warnings.filter(({ code }) => accept.has(code));
    const accepted = taken.map(({ code }) => `; accepted ${code}`).join('');
    return [`source is ${state}: ${evidence}${accepted}`, plan];
  }

  /**
   * Waits until every partition was looked at after the drain began, and had nothing left, and until
   * everything that groups committed before is known. Asking for that also brings topics and
   * partitions to light that were made just before: they are waited for as well.
   */
  async #drain(signal: AbortSignal): Promise<[string, void]> {
    const { clock, host, selection } = this.#options;
    const startedMs = clock.nowMs();
    let probedMs = startedMs; // the check has just done so
    for (;;) {
      let { lagging } = this.#lookAtLag(startedMs);
      let unread: string | undefined;
      if (lagging.length === 0) {
        const commits = await host.reportGroups(this.#flow, signal);
        const ends = commits.state === 'known' ? commits.ends : undefined;
        const now = this.#lookAtLag(startedMs, ends);
        lagging = now.lagging;
        if (commits.state === 'unknown') unread = commits.problem;
        else if (lagging.length === 0) return [describeDrained(now.all, commits), undefined];
      }
      if (clock.nowMs() - probedMs >= DRAIN_PROBE_INTERVAL_MS) {
        await host.probeSource(this.#flow, signal);
        probedMs = clock.nowMs();
      }
      const source = host.sourceState(this.#flow);
      if (selection.mode === 'auto' && source.state !== 'reachable') {
        const message = `not drained, for the source is ${source.state} by now: ${source.evidence}`;
        return [message, undefined];
      }
      if (clock.nowMs() - startedMs >= DRAIN_MS_MAX) throw this.#notDrained(lagging, unread);
      await clock.sleep(DRAIN_LOOK_INTERVAL_MS, signal);
    }
  }

  /**
   * What is to be copied, and of that what is not known to be, by a look after the drain began. How old
   * an agent's look is does not tell how long its report was on its way: `ends` are those of a question.
   */
  #lookAtLag(
    startedMs: number,
    ends?: SourceEndsSeen,
  ): { all: PartitionPosition[]; lagging: PartitionPosition[] } {
    const { clock, host } = this.#options;
    const elapsedMs = clock.nowMs() - startedMs;
    const all = host
      .partitionPositions(this.#flow)
      .filter(({ topic, gone }) => this.#chosen.includes(topic) && gone !== true);
    const isBehind = ({ topic, partition, sourceNext = -1n }: PartitionPosition): boolean => {
      const end = ends?.get(topic)?.get(partition);
      return end !== undefined && (end < 0n || sourceNext < end);
    };
    const lagging = all.filter(
      (each) =>
        each.lagRecords !== 0n ||
        each.sourceEndAgeMs === undefined ||
        each.sourceEndAgeMs >= elapsedMs ||
        isBehind(each),
    );
    return { all, lagging };
  }

  #notDrained(
    lagging: readonly PartitionPosition[],
    unread: string | undefined,
  ): PromotionRefusedError {
    const { state, evidence } = this.#options.host.sourceState(this.#flow);
    const found = state === 'reachable' ? 'the source answers, but' : `${evidence}, and`;
    const after = `${found} after ${DRAIN_MS_MAX / 1_000} s`;
    if (unread !== undefined) {
      const message =
        `${after} it is not known what groups have committed there: ${unread}; ` +
        'move them to what is known with --unplanned';
      return new PromotionRefusedError(this.#flow, [{ code: 'commits-unknown', message }]);
    }
    const named = lagging
      .slice(0, LAGGING_NAMED_MAX)
      .map(({ topic, partition, lagRecords }) => `${topic}-${partition} (${lagRecords ?? '?'})`);
    const message =
      `${after} ${lagging.length} partitions still have records to copy: ${named.join(', ')}; ` +
      'stop the producers there first, or give up what is not copied with --unplanned';
    return new PromotionRefusedError(this.#flow, [{ code: 'lag-remains', message }]);
  }

  async #fence(signal: AbortSignal): Promise<[string, void]> {
    const { host, target } = this.#options;
    this.#begun = true; // also if the outcome of the mark is unknown
    await target.promotions.begin(this.#scope, signal);
    const unreleased = await host.stopFlow(this.#flow, this.#chosen.topics, signal);
    await target.flush(signal);
    const { records: ends } = await targetEnds(this.#options, this.#chosen.includes, signal);
    // Of a topic that is gone there is nothing to fence, and asking for it would fail the others.
    const partitions = target
      .mappedPartitions()
      .filter(({ topic, fenceEnd }) => this.#chosen.includes(topic) && fenceEnd === undefined)
      .map(({ targetTopic, partition, producerEpoch }) => {
        return { topic: targetTopic, partition, producerEpoch };
      })
      .filter(({ topic, partition }) => ends.has(partitionKey(topic, partition)));
    const outcome = await target.promotions.fence(this.#scope, partitions, signal);
    const { length } = partitions;
    const late =
      unreleased.length === 0 ? '' : `; not everything was released by ${unreleased.join(', ')}`;
    if (outcome === 'fenced') return [`${length} partitions refuse late appends${late}`, undefined];
    const message =
      'the target has forgotten the producer of this flow: agents were told to stop, but the ' +
      `brokers would not refuse one that did not hear it${late}`;
    return [message, undefined];
  }

  async #translate(signal: AbortSignal): Promise<[string, PromotionPlan]> {
    const { target } = this.#options;
    const { records: ends } = await targetEnds(this.#options, this.#chosen.includes, signal);
    await target.recordFenceEnds(ends, signal);
    const [, plan] = await this.#check(signal);
    const moved = plan.groups.filter(isToCommit).length;
    return [`${moved} of ${plan.groups.length} group positions are to be committed`, plan];
  }

  /** The broker itself refuses a group that has got members in the meantime. */
  async #commit(plan: PromotionPlan, signal: AbortSignal): Promise<[string, void]> {
    const { admin } = this.#options;
    let committed = 0;
    for (const [group, rows] of byGroup(plan.groups.filter(isToCommit))) {
      const offsets: OffsetToCommit[] = rows.map((row) => ({
        topic: row.targetTopic,
        partition: row.partition,
        offset: row.targetOffset!,
        metadata: row.metadata,
      }));
      const failures = await admin.commitGroupOffsets(group, offsets, { signal });
      const first = failures[0];
      if (first !== undefined) {
        const message =
          `group ${group} cannot be moved: the target answers ${first.errorName} for ` +
          `${first.topic}-${first.partition} and ${failures.length - 1} others`;
        throw new PromotionRefusedError(this.#flow, [{ code: 'commit-refused', message }]);
      }
      committed += offsets.length;
    }
    return [`${committed} positions committed`, undefined];
  }

  async #verify(plan: PromotionPlan, signal: AbortSignal): Promise<[string, void]> {
    const { admin } = this.#options;
    const groups = byGroup(plan.groups.filter(isToCommit));
    const found = await admin.groupOffsets([...groups.keys()], { signal });
    const differences: string[] = [];
    for (const [group, rows] of groups) {
      const offsets = new Map(
        (found.get(group) ?? []).map((each) => [partitionKey(each.topic, each.partition), each]),
      );
      for (const { targetTopic, partition, targetOffset } of rows) {
        const offset = offsets.get(partitionKey(targetTopic, partition))?.offset;
        // Consumers may have begun already: further on is fine, further back is not.
        if (offset !== undefined && offset >= targetOffset!) continue;
        const where = `group ${group}, ${targetTopic}-${partition}`;
        differences.push(`${where} reads ${offset ?? 'nothing'}, not ${targetOffset}`);
      }
    }
    if (differences.length > 0) throw new PromotionVerifyError(this.#flow, differences);
    const what = groups.size === 1 ? 'group' : 'groups';
    return [`${groups.size} ${what} read back`, undefined];
  }

  async #step<T>(name: StepName, work: () => Promise<[string, T]>): Promise<T> {
    const { clock, onStep } = this.#options;
    const startedMs = clock.nowMs();
    await this.#save({ step: name, stepStartedAtMs: clock.wallMs() });
    onStep?.({ name, done: false, message: '', elapsedMs: 0 });
    const [message, result] = await work();
    onStep?.({ name, done: true, message, elapsedMs: clock.nowMs() - startedMs });
    this.#options.log.info({ flow: this.#flow, step: name, message }, 'promotion step done');
    return result;
  }

  async #save(change: Partial<PromotionRecord>): Promise<void> {
    this.#record = { ...this.#record, ...change };
    await writePromotion(this.#options.documents, this.#record);
  }

  /** Before the fence step the flow simply runs on; from then on it waits to be promoted again. */
  async #giveUp(error: unknown): Promise<void> {
    const { log } = this.#options;
    const failure = describeError(error);
    const { step } = this.#record;
    if (!this.#begun) this.#setState('running');
    log.warn({ flow: this.#flow, step, failure }, 'promotion cut off');
    try {
      await this.#save({ failure });
    } catch (cause) {
      log.warn({ flow: this.#flow, problem: describeError(cause) }, 'promotion not recorded');
    }
  }

  #result(plan: PromotionPlan, alreadyPromoted: boolean): PromoteResult {
    const elapsedMs = this.#options.clock.nowMs() - this.#startedMs;
    return { plan, alreadyPromoted, elapsedMs };
  }
}

function describeDrained(
  positions: readonly PartitionPosition[],
  { state }: CommitsReported,
): string {
  const commits =
    state === 'known'
      ? 'every commit is known'
      : 'commits are known as an older agent reports them';
  return `${positions.length} partitions have no lag, and ${commits}`;
}

function byGroup(rows: readonly GroupPlan[]): Map<string, GroupPlan[]> {
  const groups = new Map<string, GroupPlan[]>();
  for (const row of rows) {
    const ofGroup = groups.get(row.group);
    if (ofGroup === undefined) groups.set(row.group, [row]);
    else ofGroup.push(row);
  }
  return groups;
}
