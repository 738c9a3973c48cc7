import { describeError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { FailbackPhase, FailbackState } from '../../mirror/records/failback-state.js';
import type { FlowTarget } from '../target/flow-target.js';
import { FailbackRefusedError, FailbackWaitsError } from './errors.js';
import {
  planFailback,
  progressOf,
  type FailbackLook,
  type FailbackScope,
  type Side,
} from './failback-look.js';
import type { FailbackPlan } from './failback-plan.js';
import { describeLeftOut, lookAtLeftOut } from './left-out.js';
import { commitAtSeam, findSeams, holdBackAtSeam } from './seam-groups.js';
import { leftOver, quiet, rearmSeeds, type LeftOver } from './hand-over.js';
import { Quarantine, type QuarantinedRecord } from './quarantine.js';
import { copyBackSeed } from './seam.js';
import { uncrossedRecords } from './seam-look.js';

export type FailbackStepName =
  | 'check' //      both clusters answer, and nobody uses the old primary
  | 'quarantine' // what never crossed is saved
  | 'seed' //       where the copy back begins is durable
  | 'copy' //       it has caught up
  | 'quiet' //      nobody writes on the new primary, and the groups to move have stopped there
  | 'hand-over' //  the copy back is drained and fenced, and the groups have moved
  | 'groups' //     … those right at the seam as well
  | 're-arm'; //    the flow runs again

export interface FailbackStep {
  readonly name: FailbackStepName;
  /** False when it starts or goes on, true when it is done. */
  readonly done: boolean;
  readonly message: string;
  readonly elapsedMs: number;
}

/** One look at the copy back. */
export interface CopyLook {
  /** Undefined until every partition is held and has said how far it is. */
  readonly lagRecords: bigint | undefined;
  /** Some of those that are not, or have not: topic and partition. */
  readonly awaited: readonly string[];
  /** In words, each with its topic and partition. */
  readonly halted: readonly string[];
}

/** What a failback asks of the coordinator. */
export interface FailbackHost {
  /** Opens the flow that copies back; it stands still until `run`. Idempotent. */
  attach(signal: AbortSignal): Promise<FlowTarget>;
  /** Lets it copy. */
  run(): void;
  look(): CopyLook;
  /** A planned promotion of it: drains it, fences it, moves the groups. */
  promote(onMessage: (message: string) => void): Promise<void>;
  /** Closes it. */
  detach(): Promise<void>;
  /** The flow itself goes on. */
  originalRuns(): void;
}

export interface FailbackOptions extends FailbackScope {
  readonly source: Side;
  readonly operator: string;
  /** Whether to wait until nobody uses the new primary, however long that takes. */
  readonly wait: boolean;
  /** Taken up by the coordinator itself: it goes only as far as an operator has asked already. */
  readonly resumed: boolean;
  readonly host: FailbackHost;
  readonly log: Logger;
  readonly onStep: (step: FailbackStep) => void;
}

export interface FailbackResult {
  readonly plan: FailbackPlan;
  readonly state: FailbackState;
  /** It had been done before, and nothing was changed now. */
  readonly alreadyDone: boolean;
  readonly elapsedMs: number;
}

/** Below it the rest is copied while the hand-over drains. */
const CAUGHT_UP_RECORDS_MAX = 1_000n;

const LOOK_INTERVAL_MS = 250;

/** How long a partition may go without an agent that copies it back; then people have to look. */
export const AWAITED_MS_MAX = 300_000;

/** How often progress is told. */
const TELL_INTERVAL_MS = 2_000;

/**
 * Makes the old primary the primary again.
 *
 *   check ─► quarantine ─► seed ─► copy ─► quiet ─► hand over ─► groups ─► re-arm
 *                            │               │                               │
 *                            │               └ an operator stops the writers └ back to the start
 *                            └ durable from here: `copying`, then `handing-over`, then `done`
 *
 * Every step may be repeated. What has been done is in Kafka: the phase in the map topic of the flow,
 * the copy back in its own, so that any coordinator, and a process without etcd, can go on with it.
 */
export class Failback {
  readonly #options: FailbackOptions;
  readonly #startedMs: number;
  #look: FailbackLook | undefined;

  constructor(options: FailbackOptions) {
    this.#options = options;
    this.#startedMs = options.clock.nowMs();
  }

  async run(signal: AbortSignal): Promise<FailbackResult> {
    const { original } = this.#options;
    const before = progressOf(original);
    if (original.promoted === undefined && (before === 'copying' || before === 'handing-over')) {
      // It died between its last two writes: the flow runs already.
      await this.#save('done', signal);
      return this.#result(original.arming.failback!, true);
    }
    if (before === 'done') return this.#result(original.arming.failback!, true);
    if (before === 'new') await this.#begin(signal);
    const copy = await this.#options.host.attach(signal);
    for (;;) {
      await this.#copyAndHandOver(copy, signal);
      await this.#step('groups', () => this.#groupsAtSeam(signal));
      const left = await this.#step('re-arm', () => this.#rearm(copy, signal));
      if (left === undefined) return this.#result(original.arming.failback!, false);
      await this.#copyOn(copy, left, signal);
    }
  }

  /** Up to where the copy back can begin. */
  async #begin(signal: AbortSignal): Promise<void> {
    const look = await this.#step('check', () => this.#check(signal));
    this.#look = look;
    const saved = await this.#step('quarantine', () => this.#quarantine(look, signal));
    await this.#step('seed', () => this.#seed(look, saved, signal));
  }

  async #check(signal: AbortSignal): Promise<[string, FailbackLook]> {
    const { flow } = this.#options;
    const look = await planFailback(this.#options, signal);
    const { blockers, partitions } = look.plan;
    if (blockers.length > 0) throw new FailbackRefusedError(flow.id, blockers);
    const leftOut = describeLeftOut(look.plan.leftOut, flow.target);
    const message = `both clusters answer, ${partitions.length} partitions fit together${leftOut}`;
    return [message, look];
  }

  async #quarantine(look: FailbackLook, signal: AbortSignal): Promise<[string, bigint]> {
    const { flow, target, source, clock, log } = this.#options;
    const quarantine = new Quarantine({ flow, ...target, clock, log });
    const sleep = (ms: number): Promise<void> => clock.sleep(ms, signal);
    const place = { flow, source: source.cluster, target: target.cluster, sleep };
    async function* records(): AsyncGenerator<QuarantinedRecord> {
      for (const found of look.seams) {
        const { sourceTopic: topic, partition } = found.seam;
        for await (const record of uncrossedRecords(place, found, signal))
          yield { topic, partition, record };
      }
    }
    const saved = await quarantine.save(records(), signal);
    if (saved === 0n) return ['every record of the old primary had crossed', saved];
    return [`${saved} records that never crossed are saved in ${quarantine.topic}`, saved];
  }

  async #seed(look: FailbackLook, uncrossed: bigint, signal: AbortSignal): Promise<[string, void]> {
    const { original, host } = this.#options;
    for (const { seam, unmapped } of look.seams) {
      const { sourceTopic: topic, partition } = seam;
      if (unmapped.length > 0) original.applyProgress({ topic, partition, runs: unmapped });
    }
    await original.flush(signal);
    const copy = await host.attach(signal);
    const seeds = look.seams.map(({ seam, uncrossed: { to } }) =>
      copyBackSeed(seam, to, original.arming.mapRuns(seam.sourceTopic, seam.partition)),
    );
    // What an earlier failback copied, and this one leaves out: it would be waited for.
    const seeded = new Set(seeds.map(({ topic }) => topic));
    for (const topic of new Set(copy.mappedPartitions().map((each) => each.topic)))
      if (!seeded.has(topic)) await copy.removeTopic(topic, signal);
    await copy.arming.rearm(seeds, signal);
    await this.#save('copying', signal, uncrossed);
    return [`${seeds.length} partitions`, undefined];
  }

  async #copyAndHandOver(copy: FlowTarget, signal: AbortSignal): Promise<void> {
    const { host } = this.#options;
    for (;;) {
      if (copy.promoted === undefined) {
        await this.#holdBack(copy, signal);
        host.run();
      }
      if (copy.promoted?.completedAtMs === undefined) {
        const isAsked = this.#options.original.arming.failback?.phase === 'handing-over';
        if (!isAsked) await this.#untilQuiet(signal);
        await this.#save('handing-over', signal);
        await this.#step('hand-over', (tell) => this.#handOver(tell));
      }
      const left = await leftOver({ ...this.#options, copy }, signal);
      if (left === undefined) return;
      await this.#copyOn(copy, left, signal);
    }
  }

  /** Somebody wrote after the drain: those are copied back as well, from where it stopped. */
  async #copyOn(
    copy: FlowTarget,
    { seeds, message }: LeftOver,
    signal: AbortSignal,
  ): Promise<void> {
    const { host, flow, wait } = this.#options;
    await copy.arming.rearm(seeds, signal);
    await this.#save('copying', signal);
    if (wait) return;
    host.run();
    throw new FailbackWaitsError(flow.id, message);
  }

  async #untilQuiet(signal: AbortSignal): Promise<void> {
    const { flow, resumed } = this.#options;
    await this.#step('copy', (tell) => this.#catchUp(tell, signal));
    if (resumed) {
      throw new FailbackWaitsError(flow.id, 'the copy back goes on: call failback again');
    }
    await this.#step('quiet', (tell) => this.#quiet(tell, signal));
  }

  async #catchUp(tell: (message: string) => void, signal: AbortSignal): Promise<[string, void]> {
    const { host, clock, flow } = this.#options;
    let knownMs = clock.nowMs();
    for (let toldMs = knownMs; ;) {
      const { lagRecords, awaited, halted } = host.look();
      if (halted.length > 0) {
        throw new FailbackWaitsError(flow.id, `the copy back is halted: ${halted.join('; ')}`);
      }
      if (lagRecords !== undefined && lagRecords <= CAUGHT_UP_RECORDS_MAX)
        return [`${lagRecords} records left`, undefined];
      const names = awaited.join(', ');
      const nowMs = clock.nowMs();
      if (lagRecords !== undefined) knownMs = nowMs;
      else if (nowMs - knownMs >= AWAITED_MS_MAX)
        throw new FailbackWaitsError(flow.id, `no agent copies these back: ${names}`);
      if (nowMs - toldMs >= TELL_INTERVAL_MS) {
        toldMs = nowMs;
        tell(
          lagRecords === undefined ? `waiting for agents: ${names}` : `${lagRecords} records left`,
        );
      }
      await clock.sleep(LOOK_INTERVAL_MS, signal);
    }
  }

  async #quiet(tell: (message: string) => void, signal: AbortSignal): Promise<[string, void]> {
    const { flow, wait } = this.#options;
    for (;;) {
      const writing = await quiet(this.#options, signal);
      if (writing === undefined) return [`nobody uses ${flow.target}`, undefined];
      if (!wait) {
        const way = 'the copy back goes on; then call failback again, or with --wait';
        throw new FailbackWaitsError(flow.id, `${writing}; ${way}`);
      }
      tell(`waiting: ${writing}`);
    }
  }

  async #handOver(tell: (message: string) => void): Promise<[string, void]> {
    await this.#options.host.promote(tell);
    return ['the copy back is drained and fenced, and the groups have moved', undefined];
  }

  async #groupsAtSeam(signal: AbortSignal): Promise<[string, void]> {
    const moved = await commitAtSeam(this.#options, await findSeams(this.#options, signal), signal);
    return [`${moved} positions right at the seam`, undefined];
  }

  async #rearm(copy: FlowTarget, signal: AbortSignal): Promise<[string, LeftOver | undefined]> {
    const { original, host, flow } = this.#options;
    const leftOut = await lookAtLeftOut(this.#options, signal);
    const { seeds, left } = await rearmSeeds({ ...this.#options, copy }, signal);
    if (left !== undefined) return [left.message, left];
    const { length } = copy.mappedPartitions();
    await original.arming.rearm(seeds, signal);
    await this.#save('done', signal);
    host.originalRuns();
    await host.detach();
    return [
      `${length} partitions are copied again${describeLeftOut(leftOut, flow.target)}`,
      undefined,
    ];
  }

  /** Positions that neither map knows to translate, as long as the copy runs. */
  async #holdBack(copy: FlowTarget, signal: AbortSignal): Promise<void> {
    if (this.#options.original.arming.failback?.uncrossed === 0n) return;
    holdBackAtSeam(copy, await findSeams(this.#options, signal));
  }

  async #step<T>(
    name: FailbackStepName,
    work: (tell: (message: string) => void) => Promise<[string, T]>,
  ): Promise<T> {
    const { clock, onStep, log, flow } = this.#options;
    const startedMs = clock.nowMs();
    const tell = (message: string, done = false): void =>
      onStep({ name, done, message, elapsedMs: clock.nowMs() - startedMs });
    tell('');
    const [message, result] = await work(tell);
    tell(message, true);
    log.info({ flow: flow.id, step: name, message }, 'failback step done');
    return result;
  }

  async #save(phase: FailbackPhase, signal: AbortSignal, uncrossed?: bigint): Promise<void> {
    const { original, clock, operator } = this.#options;
    const nowMs = BigInt(Math.trunc(clock.wallMs()));
    const before =
      original.arming.failback === undefined || original.arming.failback.phase === 'done'
        ? { startedAtMs: nowMs, operator, uncrossed: 0n }
        : original.arming.failback;
    await original.arming.saveFailback(
      {
        ...before,
        phase,
        uncrossed: uncrossed ?? before.uncrossed,
        finishedAtMs: phase === 'done' ? nowMs : -1n,
      },
      signal,
    );
  }

  #result(state: FailbackState, alreadyDone: boolean): FailbackResult {
    const { clock } = this.#options;
    const { flow, original } = this.#options;
    const plan = this.#look?.plan ?? {
      flow: flow.id,
      progress: progressOf(original),
      copyFlow: '',
      quarantineTopic: flow.policy.quarantineTopic(flow.source),
      partitions: [],
      groups: [],
      leftOut: [],
      blockers: [],
    };
    const elapsedMs = clock.nowMs() - this.#startedMs;
    return { plan: { ...plan, progress: 'done' }, state, alreadyDone, elapsedMs };
  }
}

/** For logs: why a failback stands where it stands. */
export function describeFailbackEnd(error: unknown): string {
  return error instanceof FailbackWaitsError ? error.message : describeError(error);
}
