import assert from 'node:assert/strict';

import type { CopierAssignment } from '../../../agent/replication/copier-assignment.js';
import { NEAR } from '../../../agent/replication/pace.js';
import { PartitionCopier, type Append } from '../../../agent/replication/partition-copier.js';
import { Seeded } from '../../kit/seeded-random.js';
import { ModelCoordinator } from './model-coordinator.js';
import { ModelSource } from './model-source.js';
import { ModelTarget, type AppendAnswer } from './model-target.js';

const DRAIN_STEPS_MAX = 5_000;

/** Two lives short of the end of the sequence numbers, so that they wrap within a simulation. */
const BASE_NEAR_WRAP = 40n - 2n ** 31n;

interface Sent {
  readonly append: Append;
  /** A copy: what left is out of the sender's hands. */
  readonly bytes: Buffer;
  answer?: AppendAnswer | { kind: 'refused' };
}

/** One agent's copier with its connection, in which requests and answers keep their order. */
export class Rival {
  readonly copier: PartitionCopier;
  readonly connection: Sent[] = [];
  bytesHeld = 0;
  recovering = true;

  constructor(world: World) {
    this.copier = new PartitionCopier(
      {
        topic: 't',
        partition: 0,
        targetTopic: 'a.t',
        sourceTopicId: 's',
        targetTopicId: 't',
        producerId: 9n,
        producerEpoch: world.target.epoch,
        sequenceBase: world.sequenceBase,
        ...world.grant(),
        accept: '',
      },
      {
        needsRecovery: () => (this.recovering = true),
        bytesHeld: (_, change) => (this.bytesHeld += change),
        stateChanged: () => undefined,
      },
    );
  }
}

export const UNKNOWN = { kind: 'retry', reason: 'no answer' } as const;

/** Everything that can happen to one partition, one event at a time, chosen by a seed. */
export class World {
  readonly random: Seeded;
  readonly source: ModelSource;
  readonly target = new ModelTarget();
  readonly coordinator: ModelCoordinator;
  readonly sequenceBase: bigint;
  /** Broken connections, of which a first part still arrives, late and in order, as TCP has it. */
  readonly late: Buffer[][] = [];
  readonly rivals: Rival[] = [];
  /** By the lease: what others report is not heeded. */
  holder: Rival;

  constructor(seed: number) {
    this.random = new Seeded(seed);
    this.source = new ModelSource(this.random, BigInt(this.random.below(100)));
    this.sequenceBase = this.random.chance(0.3) ? BASE_NEAR_WRAP : 0n;
    this.coordinator = new ModelCoordinator(this.random);
    this.holder = new Rival(this);
    this.rivals.push(this.holder, new Rival(this));
  }

  step(): void {
    const { random } = this;
    const index = random.below(this.rivals.length);
    const rival = this.rivals[index]!;
    const event = random.below(100);
    if (event < 12) this.source.grow();
    else if (event < 30) this.fetch(rival);
    else if (event < 50) this.send(rival);
    else if (event < 65) this.deliver(rival);
    else if (event < 80) this.answer(rival);
    else if (event < 86) this.recover(rival);
    else if (event < 90) this.mapEvent();
    else if (event < 93) this.breakConnection(rival);
    else if (event < 95) this.arriveLate();
    else if (event < 98) this.replace(index);
    else if (random.chance(0.3)) this.target.loseBatches(1 + random.below(3));
  }

  /** An agent of an older version takes what is durable only. */
  grant(): Pick<CopierAssignment, 'mapTail' | 'mapNews'> {
    const { mapTail, mapNews } = this.coordinator.grant();
    return this.random.chance(0.2) ? { mapTail } : { mapTail, mapNews };
  }

  /** Reports and writes have their own pace: much may happen between the two. */
  mapEvent(): void {
    const { random, coordinator, holder } = this;
    const event = random.below(10);
    if (event < 4) coordinator.hear(holder.copier);
    else if (event < 6) coordinator.beginWrite();
    else if (event < 8) coordinator.endWrite('done', holder.copier);
    else if (event < 9) {
      const outcome = random.pick(['failed', 'done, and not answered'] as const);
      coordinator.endWrite(outcome, holder.copier);
    } else if (random.chance(0.5)) coordinator.die();
  }

  fetch({ copier }: Rival): void {
    if (!copier.wantsFetch) return;
    copier.accept(this.source.fetch(copier.fetchOffset, 1 + this.random.below(4)));
  }

  send(rival: Rival): void {
    const append = rival.copier.take();
    if (append === undefined) return;
    rival.connection.push({ append, bytes: Buffer.from(append.batch) });
    assert.ok(rival.copier.inflightCount <= NEAR.appendsInflightMax);
  }

  deliver({ connection }: Rival): void {
    const next = connection.find(({ answer }) => answer === undefined);
    if (next === undefined) return;
    // A broker may refuse one and take the next: too few replicas, or damage on the way.
    next.answer = this.random.chance(0.05) ? { kind: 'refused' } : this.target.append(next.bytes);
  }

  answer({ connection, copier }: Rival): void {
    const [first] = connection;
    if (first?.answer === undefined) return;
    connection.shift();
    const { answer, append } = first;
    if (answer.kind === 'appended') copier.appended(append, answer.baseOffset);
    else copier.appendFailed(append, answer.kind === 'refused' ? UNKNOWN : answer);
  }

  breakConnection({ connection, copier }: Rival): void {
    const unanswered = connection.filter(({ answer }) => answer === undefined);
    const arriving = unanswered.slice(0, this.random.below(unanswered.length + 1));
    if (arriving.length > 0) this.late.push(arriving.map(({ bytes }) => bytes));
    for (const { append } of connection.splice(0)) copier.appendFailed(append, UNKNOWN);
  }

  arriveLate(): void {
    const bytes = this.late[this.random.below(this.late.length || 1)]?.shift();
    if (bytes !== undefined) this.target.append(bytes);
  }

  /** A crash, or the lease moves: the new one knows what it was granted, and nothing else. */
  replace(index: number): void {
    this.breakConnection(this.rivals[index]!);
    this.holder = new Rival(this);
    this.rivals[index] = this.holder;
  }

  /** As position-recovery.ts does it, from the model's logs. */
  recover(rival: Rival): void {
    const { copier } = rival;
    if (!rival.recovering || copier.state !== 'recovering') return;
    const targetEnd = BigInt(this.target.end);
    rival.recovering = false;
    const { tail } = copier;
    if (tail.end === undefined) {
      if (targetEnd !== 0n) {
        // What another began since then it learns with the next grant.
        assert.notEqual(rival, this.holder, 'target-not-empty');
        rival.recovering = true;
        return;
      }
      tail.start({ sourceNext: 0n, targetNext: 0n });
      copier.resumeAt({ sourceNext: 0n, targetNext: 0n });
      return;
    }
    if (tail.end.targetNext > targetEnd) {
      if (tail.floor(targetEnd) === undefined) {
        const runs = this.coordinator.runsFrom(targetEnd);
        if (runs.length > 0) tail.replace(runs);
      }
      copier.cutMap(targetEnd);
    }
    const from = tail.floor(targetEnd);
    assert.ok(from !== undefined, 'the map starts at the target’s first offset');
    let { sourceNext, targetNext } = from;
    while (targetNext < targetEnd) {
      const prepared = this.source.fetch(sourceNext, 1);
      assert.ok(prepared.sourceNext > sourceNext, 'the source has what the target has');
      for (const run of prepared.batches.flatMap(({ runs }) => runs)) {
        const missing = targetEnd - targetNext;
        const length = BigInt(run.count) < missing ? BigInt(run.count) : missing;
        if (length === 0n) continue;
        tail.extend({ sourceStart: run.sourceStart, targetStart: targetNext, length });
        targetNext += length;
        sourceNext = run.sourceStart + length;
      }
      if (targetNext < targetEnd) sourceNext = prepared.sourceNext;
    }
    copier.resumeAt({ sourceNext, targetNext });
  }

  /** As target-watch.ts does it. */
  look({ copier }: Rival): void {
    if (copier.quiet && BigInt(this.target.end) < copier.acked.targetNext) copier.restart();
  }

  /** All is copied; what comes next, if anything, may hold no record that is to be appended. */
  loseWhileQuiet(): void {
    this.target.loseBatches(1 + this.random.below(3));
    if (this.random.chance(0.5)) this.source.grow();
  }

  /** No more faults: what remains is copied, by whoever is first. */
  drain(): void {
    for (let step = 0; step < DRAIN_STEPS_MAX; step += 1) {
      for (const rival of this.rivals) {
        this.look(rival);
        this.recover(rival);
        if (rival === this.holder) this.coordinator.save(rival.copier);
        this.fetch(rival);
        this.send(rival);
        this.deliver(rival);
        this.answer(rival);
      }
      const done = this.rivals.every(
        (rival) =>
          this.isBlocked(rival) ||
          (rival.copier.quiet && rival.copier.acked.sourceNext === this.source.end),
      );
      if (done && this.holder.copier.tail.isAcknowledged) return;
    }
    throw new Error(
      `stands still: ${this.rivals.map(({ copier }) => `${copier.state} ${copier.acked.sourceNext}`).join(', ')} of ${this.source.end}`,
    );
  }

  /** Nobody makes durable what it would begin with, since it does not hold the lease. */
  isBlocked(rival: Rival): boolean {
    const { state, tail } = rival.copier;
    const hasNoStart = state === 'recovering' && tail.end === undefined;
    return rival !== this.holder && (state === 'starting' || hasNoStart);
  }

  check(): void {
    assert.deepEqual(
      this.target.values,
      this.source.visible.map((offset) => `${offset}`),
    );
    this.checkMap();
    for (const { bytesHeld } of this.rivals) assert.equal(bytesHeld, 0);
  }

  /** Exact, and of every record on the target. */
  checkMap(): void {
    const { values } = this.target;
    const { stored } = this.coordinator;
    const mapped: string[] = [];
    for (const { sourceStart, targetStart, records } of stored.runs())
      for (let index = 0n; index < records; index += 1n)
        mapped[Number(targetStart + index)] = `${sourceStart + index}`;
    assert.deepEqual(mapped, values);
    assert.equal(stored.end?.sourceNext, this.source.end);
  }
}
