import type { Clock } from '../../common/clock.js';
import type { StartOffset } from '../../mirror/start-offset.js';
import { describeError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import { UNLIMITED, type Bandwidth } from './bandwidth.js';
import type { CopierAssignment } from './copier-assignment.js';
import { FetchLoop } from './fetch-loop.js';
import type { FetchOutcome } from './fetch-outcome.js';
import type { MemoryAccount, MemoryBudget } from './memory-budget.js';
import { PartitionCopier, type CopierState } from './partition-copier.js';
import { PositionRecovery, type PositionRecoveryOptions } from './position-recovery.js';
import { ProduceLane } from './produce-lane.js';
import { RecoveryQueue } from './recovery-queue.js';
import { TargetWatch } from './target-watch.js';
import { explainOutOfRange, explainTopicChange } from './source-fault.js';

export interface FlowCopierOptions extends PositionRecoveryOptions {
  /** `source->target`. */
  flow: string;
  memory: MemoryBudget;
  /** What this flow may fetch; unlimited if absent. */
  bandwidth?: Bandwidth;
  clock: Clock;
  log: Logger;
  /** Connections per target broker; a long round trip needs several. */
  lanesPerBroker: number;
  onStateChanged: (copier: PartitionCopier, from: CopierState) => void;
  /** Called for each batch that it holds no longer: mostly, since the target has it. */
  onSettled: (copier: PartitionCopier) => void;
}

/**
 * Copies any number of partitions of one flow. Owns the inboxes (one per source broker), the
 * outboxes (a few per target broker) and the recovery of positions; a copier that runs is in exactly
 * one inbox and one outbox.
 */
export class FlowCopier {
  readonly #options: FlowCopierOptions;
  readonly #copiers = new Set<PartitionCopier>();
  readonly #loops = new Map<number, FetchLoop>();
  readonly #lanes = new Map<string, ProduceLane>();
  readonly #laneOf = new Map<PartitionCopier, ProduceLane>();
  readonly #loopOf = new Map<PartitionCopier, FetchLoop>();
  /** Which target broker's memory a copier's batches count as; changes only while it holds none. */
  readonly #accountOf = new Map<PartitionCopier, MemoryAccount>();
  /** By the budget's name of a target broker. */
  readonly #accounts = new Map<string, MemoryAccount>();
  readonly #recovery: RecoveryQueue;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>[] = [];
  readonly #wakeLoops = (): void => {
    for (const loop of this.#loops.values()) loop.wake();
  };
  readonly #accountChanged = (account: MemoryAccount): void => {
    for (const [copier, used] of this.#accountOf)
      if (used === account) this.#loopOf.get(copier)?.changed(copier);
  };

  constructor(options: FlowCopierOptions) {
    this.#options = options;
    const { source, target, clock, log } = options;
    const recovery = new PositionRecovery(options);
    this.#recovery = new RecoveryQueue({ source, target, clock, log, recovery });
    const watch = new TargetWatch({ copiers: this.#copiers, recovery, clock, log });
    const { signal } = this.#closing;
    this.#running.push(this.#recovery.run(signal), watch.run(signal));
    options.memory.onFree(this.#wakeLoops);
  }

  get copiers(): ReadonlySet<PartitionCopier> {
    return this.#copiers;
  }

  /** Where partitions begin that have never been copied, from now on. */
  set start(start: StartOffset) {
    this.#options.start = start;
  }

  add(assignment: CopierAssignment): PartitionCopier {
    const copier = new PartitionCopier(assignment, {
      needsRecovery: (needy) => this.#recovery.add(needy),
      bytesHeld: (holder, change) => this.#bytesHeld(holder, change),
      stateChanged: (changed, from) => this.#stateChanged(changed, from),
    });
    this.#options.memory.hold(copier.tail.heldBytes);
    copier.tail.onHeld = (change) => this.#options.memory.hold(change);
    this.#copiers.add(copier);
    this.#recovery.add(copier);
    return copier;
  }

  /** Settles what is in flight, then lets go of the partition. */
  async remove(copier: PartitionCopier): Promise<void> {
    this.#recovery.remove(copier);
    await copier.stop();
    copier.tail.onHeld = () => {};
    this.#options.memory.hold(-copier.tail.heldBytes);
    this.#copiers.delete(copier);
    this.#accountOf.delete(copier);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#copiers].map((copier) => this.remove(copier)));
    const { memory } = this.#options;
    memory.offFree(this.#wakeLoops);
    for (const broker of this.#accounts.keys()) memory.closeAccount(broker, this.#accountChanged);
    this.#closing.abort();
    await Promise.all(this.#running);
  }

  #bytesHeld(copier: PartitionCopier, change: number): void {
    this.#accountOf.get(copier)?.change(change);
    if (change >= 0) return;
    this.#loopOf.get(copier)?.changed(copier);
    this.#options.onSettled(copier);
  }

  #stateChanged(copier: PartitionCopier, from: CopierState): void {
    if (copier.state === 'running') this.#route(copier);
    else if (from === 'running') this.#unroute(copier);
    this.#options.onStateChanged(copier, from);
  }

  #route(copier: PartitionCopier): void {
    const { topic, targetTopic, partition } = copier.assignment;
    const source = this.#options.source.leaderOf(topic, partition);
    const target = this.#options.target.leaderOf(targetTopic, partition);
    if (source === undefined || target === undefined) {
      copier.restart();
      return;
    }
    const lane = this.#lane(target.nodeId, partition);
    const loop = this.#loop(source.nodeId);
    this.#accountOf.set(copier, this.#account(target.nodeId));
    this.#laneOf.set(copier, lane);
    this.#loopOf.set(copier, loop);
    loop.add(copier);
  }

  #unroute(copier: PartitionCopier): void {
    this.#loopOf.get(copier)?.remove(copier);
    this.#loopOf.delete(copier);
    this.#laneOf.delete(copier);
  }

  #lane(nodeId: number, partition: number): ProduceLane {
    const name = `produce-${partition % this.#options.lanesPerBroker}`;
    const key = `${nodeId}/${name}`;
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      const { target, clock, log } = this.#options;
      lane = new ProduceLane({
        clock,
        cluster: target,
        nodeId,
        lane: `${this.#options.flow}/${name}`,
        log,
        onFailure: (error) => log.warn({ nodeId, error: describeError(error) }, 'append failed'),
      });
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  #account(nodeId: number): MemoryAccount {
    const { target, memory } = this.#options;
    const broker = `${target.alias}/${nodeId}`;
    let account = this.#accounts.get(broker);
    if (account === undefined) {
      account = memory.openAccount(broker, this.#accountChanged);
      this.#accounts.set(broker, account);
    }
    return account;
  }

  #loop(nodeId: number): FetchLoop {
    let loop = this.#loops.get(nodeId);
    if (loop === undefined) {
      const { source, clock, log, memory } = this.#options;
      loop = new FetchLoop({
        cluster: source,
        nodeId,
        lane: `${this.#options.flow}/fetch`,
        clock,
        log,
        memory,
        bandwidth: this.#options.bandwidth ?? UNLIMITED,
        hasRoom: (copier) => this.#accountOf.get(copier)?.full !== true,
        onFetched: (copier) => this.#laneOf.get(copier)?.offer(copier),
        onOutcome: (copier, outcome) => this.#fetchOutcome(copier, outcome),
        onFailure: (error) => this.#restartAllOf(nodeId, describeError(error)),
      });
      this.#loops.set(nodeId, loop);
      this.#running.push(loop.run(this.#closing.signal));
    }
    return loop;
  }

  /** The broker does not answer: another may lead its partitions by now. */
  #restartAllOf(nodeId: number, reason: string): void {
    const loop = this.#loops.get(nodeId);
    for (const [copier, used] of [...this.#loopOf]) if (used === loop) copier.restart(reason);
  }

  #fetchOutcome(copier: PartitionCopier, outcome: FetchOutcome): void {
    switch (outcome.kind) {
      case 'records':
        return;
      case 'refresh':
        copier.restart(outcome.reason);
        return;
      case 'damaged':
        copier.damaged(outcome.error);
        return;
      case 'halt':
        copier.haltWith(outcome.error);
        return;
      case 'out-of-range':
      case 'topic-changed':
        void this.#explain(copier, outcome.kind);
        return;
    }
  }

  async #explain(copier: PartitionCopier, kind: 'out-of-range' | 'topic-changed'): Promise<void> {
    const { source, log } = this.#options;
    const { signal } = this.#closing;
    try {
      const explain = kind === 'out-of-range' ? explainOutOfRange : explainTopicChange;
      const halt = await explain(source, copier, signal);
      if (halt !== undefined) copier.haltWith(halt);
      else copier.restart(`${copier.assignment.topic} on the source: ${kind}, and then not`);
    } catch (error) {
      log.warn(
        { error: describeError(error), topic: copier.assignment.topic },
        'cannot ask source',
      );
      copier.restart(describeError(error));
    }
  }
}
