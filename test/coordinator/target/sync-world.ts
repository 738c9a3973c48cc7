import assert from 'node:assert/strict';

import {
  applicationMetadata,
  decideSync,
  type SyncDecision,
} from '../../../coordinator/target/sync-decision.js';
import type { SyncAttempt } from '../../../mirror/records/offset-map-record.js';
import type { Seeded } from '../../kit/seeded-random.js';

type Commit = Extract<SyncDecision, { kind: 'commit' }>;

/** What the group has committed on the source; each later commit has a higher number. */
interface SourceCommit {
  offset: bigint;
  number: number;
}

/** A commit as the target's group coordinator has it, and whose it is in truth. */
interface Landed {
  offset: bigint;
  metadata: string;
  /** Undefined for a consumer of the target. */
  ours: SourceCommit | undefined;
}

interface Sent {
  attempt: SyncAttempt;
  from: SourceCommit;
}

/** A coordinator that leads, or believes to. Everything but the target's records is lost with it. */
interface Leader {
  epoch: number;
  known: SourceCommit;
  live: boolean;
  /** What its checkpoint is of. */
  written: SourceCommit | undefined;
  attempts: readonly SyncAttempt[];
  decided: (Sent & { attempts: readonly SyncAttempt[]; isNoted: boolean }) | undefined;
}

/** Further commits after which one that is still on its way has been given up by the network. */
const LATE_NOTES_MAX = 2;

const DELTA = 10n;
const TOPIC_ID = 'topic';

/**
 * One position of one group, two clusters, and coordinators that take over from each other: the pure
 * decision with everything around it that can go wrong. Every landing is judged when it happens.
 */
export class SyncWorld {
  readonly #random: Seeded;
  readonly #metadata: string;
  readonly #used = new Set<bigint>();
  #source: SourceCommit = { offset: 1_000n, number: 0 };
  #target: Landed | undefined;
  #leaders: Leader[] = [];
  /** What the internal topics hold. */
  #durable: {
    epoch: number;
    checkpoint: SourceCommit | undefined;
    attempts: readonly SyncAttempt[];
  };
  /** Sent by a coordinator, and stuck on its way. */
  #held: (Sent & { notes: number }) | undefined;

  /** `committed`: the metadata of each commit on the source, be it the application's or of a flow to there. */
  constructor(random: Seeded, committed: string) {
    this.#random = random;
    this.#metadata = applicationMetadata(committed);
    this.#durable = { epoch: 0, checkpoint: undefined, attempts: [] };
    this.takeOver();
  }

  step(): void {
    const leader = this.#random.pick(this.#leaders);
    const steps: (() => void)[] = [
      () => this.#commitOnSource(),
      () => this.#tell(leader),
      () => this.#flush(leader),
      () => this.#look(leader),
      () => this.#note(leader),
      () => this.#send(leader),
    ];
    const chance = this.#random.below(100);
    if (chance < 4) this.takeOver();
    else if (chance < 8) this.#consumeOnTarget();
    else if (chance < 12) this.#landHeld();
    else this.#random.pick(steps)();
  }

  takeOver(): void {
    const epoch = this.#durable.epoch + 1;
    this.#durable.epoch = epoch;
    const { checkpoint, attempts } = this.#durable;
    const known = checkpoint ?? { offset: -1n, number: -1 };
    this.#leaders.push({
      ...{ epoch, known, live: false, written: checkpoint, attempts, decided: undefined },
    });
    if (this.#leaders.length > 2) this.#leaders.shift();
  }

  /** Nothing fails any more, and the source stands still: what is on the target in the end. */
  settle(): void {
    this.#landHeld();
    const leader = this.#leaders.at(-1)!;
    this.#tell(leader);
    this.#flush(leader);
    this.#look(leader);
    this.#note(leader);
    if (leader.decided !== undefined) this.#land(leader.decided, 'in time');
    const { offset, ours } = this.#target!;
    const wanted = this.#source.offset - DELTA;
    if (ours === undefined) assert.ok(offset >= wanted, `${offset} is behind ${wanted}`);
    else assert.equal(offset, wanted, 'the target is where the source is');
  }

  #commitOnSource(): void {
    const forward = this.#source.offset + BigInt(1 + this.#random.below(100));
    const back = DELTA + BigInt(this.#random.below(Number(this.#source.offset)));
    let offset = this.#random.chance(0.3) ? back : forward;
    while (this.#used.has(offset)) offset += 1n;
    this.#used.add(offset);
    this.#source = { offset, number: this.#source.number + 1 };
  }

  #tell(leader: Leader): void {
    leader.known = this.#source;
    leader.live = true;
  }

  /** The broker refuses the append of a coordinator that was replaced, which stops then. */
  #append(leader: Leader, write: () => void): void {
    if (leader.epoch === this.#durable.epoch) write();
    else leader.decided = undefined;
  }

  #flush(leader: Leader): void {
    this.#append(leader, () => {
      this.#durable.checkpoint = leader.known;
      leader.written = leader.known;
    });
  }

  #look(leader: Leader): void {
    leader.decided = undefined;
    const { written: from, live, attempts } = leader;
    if (from === undefined) return;
    const decision = decideSync({
      ...{ sourceOffset: from.offset, targetOffset: from.offset - DELTA, live, attempts },
      ...{ metadata: this.#metadata, current: this.#target, targetTopicId: TOPIC_ID },
    });
    if (decision.kind === 'commit') leader.decided = this.#decided(decision, from);
  }

  #decided({ attempt, attempts }: Commit, from: SourceCommit): Leader['decided'] {
    return { attempt, attempts, from, isNoted: false };
  }

  #note(leader: Leader): void {
    const { decided } = leader;
    if (decided === undefined || decided.isNoted) return;
    this.#append(leader, () => {
      this.#durable.attempts = decided.attempts;
      leader.attempts = decided.attempts;
      decided.isNoted = true;
      if (this.#held !== undefined && (this.#held.notes += 1) > LATE_NOTES_MAX)
        this.#held = undefined;
    });
  }

  #send(leader: Leader): void {
    const { decided } = leader;
    if (decided?.isNoted !== true) return;
    leader.decided = undefined;
    // A coordinator that was replaced since is too late: it has not looked for too long.
    if (leader.epoch !== this.#durable.epoch && this.#held !== undefined) return;
    const fate = leader.epoch === this.#durable.epoch ? this.#random.below(10) : 0;
    if (fate === 0) this.#held ??= { ...decided, notes: 0 };
    else if (fate > 1) this.#land(decided, 'in time');
  }

  #landHeld(): void {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) this.#land(held, 'late');
  }

  #land({ attempt, from }: Sent, when: 'in time' | 'late'): void {
    const before = this.#target;
    const { targetOffset: offset, metadata } = attempt;
    if (before !== undefined && when === 'in time') {
      const isForward = offset > before.offset;
      if (before.ours === undefined)
        assert.ok(isForward, `back from a consumer's ${before.offset}`);
      else assert.ok(from.number >= before.ours.number, 'an older translation over a newer one');
    }
    this.#target = { offset, metadata, ours: from };
  }

  /** It reads on from what is committed. While it is there the broker takes no commit from outside. */
  #consumeOnTarget(): void {
    for (const leader of this.#leaders) leader.decided = undefined;
    this.#held = undefined;
    const offset = (this.#target?.offset ?? 0n) + BigInt(this.#random.below(50));
    this.#target = { offset, metadata: 'of a consumer', ours: undefined };
  }
}
