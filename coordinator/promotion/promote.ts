import type { Clock } from '../../common/clock.js';
import { describeError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { OffsetToCommit } from '../../kafka/admin/group-admin.js';
import { PromotionRefusedError, PromotionVerifyError } from './promotion-errors.js';
import {
  isPastReturn,
  readPromotion,
  writePromotion,
  type PromotionDocuments,
  type PromotionRecord,
  type StepName,
} from './promotion-journal.js';
import { phaseOf, planPromotion, targetEnds, type PromotionScope } from './promotion-look.js';
import { isToCommit, partitionKey, type GroupPlan, type PromotionPlan } from './promotion-plan.js';

/** How long a planned promotion waits for the last records; then it is called off. */
export const DRAIN_MS_MAX = 30_000;

const DRAIN_LOOK_INTERVAL_MS = 100;

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
 *                       └ from here on there is no way back, only on: a promotion that was cut off is
 *                         taken up after the fence by the next call, under any coordinator
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
  #record: PromotionRecord;

  constructor(options: PromoteOptions) {
    const { clock, operator, target } = options;
    this.#options = options;
    this.#flow = target.flowId;
    this.#startedMs = clock.nowMs();
    this.#record = {
      flow: this.#flow,
      operator,
      startedAtMs: clock.wallMs(),
      step: 'check',
      stepStartedAtMs: clock.wallMs(),
      fenceBegun: false,
      finishedAtMs: undefined,
      failure: undefined,
    };
  }

  async run(signal: AbortSignal): Promise<PromoteResult> {
    const { target, host } = this.#options;
    if (phaseOf(target) === 'promoted') {
      host.setFlowState(this.#flow, 'promoted');
      return this.#result(await planPromotion(this.#options, signal), true);
    }
    try {
      const plan = await this.#promote(signal);
      return this.#result(plan, false);
    } catch (error) {
      await this.#giveUp(error);
      throw error;
    }
  }

  async #promote(signal: AbortSignal): Promise<PromotionPlan> {
    const { documents, target, host } = this.#options;
    const isFenced = phaseOf(target) === 'promoting';
    const isCutOff = isPastReturn(await readPromotion(documents, this.#flow));
    this.#record.fenceBegun = isFenced || isCutOff;
    const before = await this.#step('check', () => this.#check(signal));
    host.setFlowState(this.#flow, 'promoting');
    if (!this.#record.fenceBegun && before.source.state === 'reachable') {
      await this.#step('drain', () => this.#drain(signal));
    }
    if (!isFenced) {
      this.#record.fenceBegun = true;
      await this.#step('fence', () => this.#fence(signal));
    }
    const plan = await this.#step('translate', () => this.#translate(signal));
    await this.#step('commit', () => this.#commit(plan, signal));
    await this.#step('verify', () => this.#verify(plan, signal));
    await target.completePromotion(signal);
    await this.#save({ finishedAtMs: this.#options.clock.wallMs() });
    host.setFlowState(this.#flow, 'promoted');
    return { ...plan, phase: 'promoted' };
  }

  async #check(signal: AbortSignal): Promise<[string, PromotionPlan]> {
    const plan = await planPromotion(this.#options, signal);
    if (plan.blockers.length > 0) throw new PromotionRefusedError(this.#flow, plan.blockers);
    const { state, evidence } = plan.source;
    return [`source is ${state}: ${evidence}`, plan];
  }

  /** Waits until every partition was looked at after the drain began, and had nothing left. */
  async #drain(signal: AbortSignal): Promise<[string, void]> {
    const { clock, host } = this.#options;
    const startedMs = clock.nowMs();
    for (;;) {
      const elapsedMs = clock.nowMs() - startedMs;
      const positions = host.partitionPositions(this.#flow);
      const lagging = positions.filter(
        ({ lagRecords, sourceEndAgeMs }) =>
          lagRecords !== 0n || sourceEndAgeMs === undefined || sourceEndAgeMs >= elapsedMs,
      );
      if (lagging.length === 0) return [`${positions.length} partitions have no lag`, undefined];
      if (elapsedMs >= DRAIN_MS_MAX) {
        const named = lagging
          .slice(0, LAGGING_NAMED_MAX)
          .map(
            ({ topic, partition, lagRecords }) => `${topic}-${partition} (${lagRecords ?? '?'})`,
          );
        const message =
          `the source answers, but after ${DRAIN_MS_MAX / 1_000} s ${lagging.length} partitions ` +
          `still have records to copy: ${named.join(', ')}; stop the producers there first`;
        throw new PromotionRefusedError(this.#flow, [{ code: 'lag-remains', message }]);
      }
      await clock.sleep(DRAIN_LOOK_INTERVAL_MS, signal);
    }
  }

  async #fence(signal: AbortSignal): Promise<[string, void]> {
    const { host, target } = this.#options;
    await host.stopFlow(this.#flow, signal);
    await target.flush(signal);
    const ends = await targetEnds(this.#options, signal);
    // Of a topic that is gone there is nothing to fence, and asking for it would fail the others.
    const partitions = target
      .mappedPartitions()
      .map(({ targetTopic, partition }) => ({ topic: targetTopic, partition }))
      .filter(({ topic, partition }) => ends.has(partitionKey(topic, partition)));
    const outcome = await target.fence(partitions, signal);
    const { length } = partitions;
    if (outcome === 'fenced') return [`${length} partitions refuse late appends`, undefined];
    const message =
      'the target has forgotten the producer of this flow: agents were told to stop, but the ' +
      'brokers would not refuse one that did not hear it';
    return [message, undefined];
  }

  async #translate(signal: AbortSignal): Promise<[string, PromotionPlan]> {
    const { target } = this.#options;
    const ends = await targetEnds(this.#options, signal);
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
    const { host, log } = this.#options;
    const failure = describeError(error);
    const { step, fenceBegun } = this.#record;
    if (!fenceBegun) host.setFlowState(this.#flow, 'running');
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

function byGroup(rows: readonly GroupPlan[]): Map<string, GroupPlan[]> {
  const groups = new Map<string, GroupPlan[]>();
  for (const row of rows) {
    const ofGroup = groups.get(row.group);
    if (ofGroup === undefined) groups.set(row.group, [row]);
    else ofGroup.push(row);
  }
  return groups;
}
