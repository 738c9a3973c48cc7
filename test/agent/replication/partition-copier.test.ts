import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { HaltError } from '../../../agent/replication/halt.js';
import {
  PartitionCopier,
  type Append,
  type CopierState,
} from '../../../agent/replication/partition-copier.js';
import { NEAR } from '../../../agent/replication/pace.js';
import type { Run } from '../../../agent/replication/run-tail.js';
import { ModelSource } from './model-source.js';
import { ModelTarget, type AppendAnswer } from './model-target.js';
import { Seeded, seedFor } from '../../kit/seeded-random.js';

/** More of them look longer: SIMULATIONS=100000. */
const SIMULATIONS = Number(process.env['SIMULATIONS'] ?? 3_000);
const STEPS = 150;
const DRAIN_STEPS_MAX = 5_000;

/** Two lives short of the end of the sequence numbers, so that they wrap within a simulation. */
const BASE_NEAR_WRAP = 40n - 2n ** 31n;

interface Sent {
  readonly append: Append;
  /** A copy: what left is out of the sender's hands. */
  readonly bytes: Buffer;
  answer?: AppendAnswer | { kind: 'refused' };
}

/** The coordinator's part: runs that outlive every copier. */
class DurableMap {
  runs: Run[] = [];

  save(copier: PartitionCopier): void {
    const news = copier.tail.unacknowledged();
    const { end } = copier.tail;
    const first = news[0];
    if (first === undefined || end === undefined || copier.state === 'recovering') return;
    this.runs = [...this.runs.filter((run) => run.targetStart < first.targetStart), ...news];
    copier.acknowledgeMap(end);
  }
}

/** One agent's copier with its connection, in which requests and answers keep their order. */
class Rival {
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
        mapTail: world.map.runs,
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

const UNKNOWN = { kind: 'retry', reason: 'no answer' } as const;

/** Everything that can happen to one partition, one event at a time, chosen by a seed. */
class World {
  readonly random: Seeded;
  readonly source: ModelSource;
  readonly target = new ModelTarget();
  readonly map = new DurableMap();
  readonly sequenceBase: bigint;
  /** Broken connections, of which a first part still arrives, late and in order, as TCP has it. */
  readonly late: Buffer[][] = [];
  readonly rivals: Rival[] = [];

  constructor(seed: number) {
    this.random = new Seeded(seed);
    this.source = new ModelSource(this.random, BigInt(this.random.below(100)));
    this.sequenceBase = this.random.chance(0.3) ? BASE_NEAR_WRAP : 0n;
    this.rivals.push(new Rival(this), new Rival(this));
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
    else if (event < 90) this.map.save(rival.copier);
    else if (event < 93) this.breakConnection(rival);
    else if (event < 96) this.arriveLate();
    else if (event < 98) this.replace(index);
    else if (random.chance(0.3)) this.target.loseBatches(1 + random.below(3));
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

  /** A crash: the new one knows what was durable, and nothing else. */
  replace(index: number): void {
    this.breakConnection(this.rivals[index]!);
    this.rivals[index] = new Rival(this);
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
        // What is durable was not known when it was granted: it gets it with the next grant.
        rival.recovering = true;
        tail.replace(this.map.runs);
        return;
      }
      tail.start({ sourceNext: 0n, targetNext: 0n });
      copier.resumeAt({ sourceNext: 0n, targetNext: 0n });
      return;
    }
    if (tail.end.targetNext > targetEnd) {
      if (tail.floor(targetEnd) === undefined) tail.replace(this.map.runs);
      tail.truncateTo(targetEnd);
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
        this.map.save(rival.copier);
        this.fetch(rival);
        this.send(rival);
        this.deliver(rival);
        this.answer(rival);
      }
      const done = this.rivals.every(
        ({ copier }) => copier.quiet && copier.acked.sourceNext === this.source.end,
      );
      if (done) return;
    }
    throw new Error(
      `stands still: ${this.rivals.map(({ copier }) => `${copier.state} ${copier.acked.sourceNext}`).join(', ')} of ${this.source.end}`,
    );
  }

  check(): void {
    assert.deepEqual(
      this.target.values,
      this.source.visible.map((offset) => `${offset}`),
    );
    const { values } = this.target;
    for (const run of this.map.runs) {
      for (let index = 0n; index < run.length; index += 1n) {
        assert.equal(values[Number(run.targetStart + index)], `${run.sourceStart + index}`);
      }
    }
    for (const { bytesHeld } of this.rivals) assert.equal(bytesHeld, 0);
  }
}

describe('PartitionCopier against a model of a broker', () => {
  const first = seedFor('simulations of PartitionCopier');

  it(`copies once and in order in ${SIMULATIONS} random histories of faults and rivals`, () => {
    for (let seed = first; seed < first + SIMULATIONS; seed += 1) {
      const world = new World(seed);
      try {
        for (let step = 0; step < STEPS; step += 1) world.step();
        world.source.grow();
        world.drain();
        world.check();
        world.loseWhileQuiet();
        world.drain();
        world.check();
      } catch (cause) {
        throw new Error(`SEED=${seed}: ${String(cause)}`, { cause });
      }
    }
  });
});

describe('PartitionCopier', () => {
  function running(): { world: World; rival: Rival; states: CopierState[] } {
    const world = new World(1);
    world.source.grow();
    const rival = world.rivals[0]!;
    world.recover(rival);
    world.map.save(rival.copier);
    assert.equal(rival.copier.state, 'running');
    return { world, rival, states: [] };
  }

  it('appends nothing before its first position is durable', () => {
    const world = new World(1);
    world.source.grow();
    const rival = world.rivals[0]!;
    world.recover(rival);
    assert.equal(rival.copier.state, 'starting');
    assert.equal(rival.copier.wantsFetch, false);
    assert.equal(rival.copier.take(), undefined);
  });

  it('holds no bytes once it is halted, and keeps the reason', () => {
    const { world, rival } = running();
    world.fetch(rival);
    assert.ok(rival.bytesHeld > 0);
    rival.copier.haltWith(new HaltError('topic-deleted', 'gone'));
    assert.equal(rival.bytesHeld, 0);
    assert.equal(rival.copier.state, 'halted');
    assert.equal(rival.copier.halt?.haltCode, 'topic-deleted');
  });

  it('stops only when what is in flight was settled', async () => {
    const { world, rival } = running();
    world.fetch(rival);
    world.send(rival);
    const stopped = rival.copier.stop();
    assert.equal(rival.copier.state, 'stopping');
    world.deliver(rival);
    world.answer(rival);
    await stopped;
    assert.equal(rival.copier.state, 'stopped');
    assert.equal(rival.copier.acked.targetNext, BigInt(world.target.end));
  });

  it('is fenced for good by a newer producer epoch', () => {
    const { world, rival } = running();
    world.target.epoch = 1;
    world.fetch(rival);
    world.send(rival);
    world.deliver(rival);
    world.answer(rival);
    assert.equal(rival.copier.state, 'fenced');
    rival.copier.restart();
    assert.equal(rival.copier.state, 'fenced');
  });

  it('looks at the target, and sends nothing, when a batch lands elsewhere than it was meant to', () => {
    const { world, rival } = running();
    world.fetch(rival);
    const append = rival.copier.take()!;
    const before = rival.copier.tail.end;
    rival.copier.appended(append, append.targetBase + 1n);
    assert.equal(rival.copier.state, 'recovering');
    assert.equal(rival.copier.landed?.haltCode, 'target-diverged');
    assert.deepEqual(rival.copier.tail.end, before);
  });

  it('sends one batch alone until the target has taken one where it was meant to go', () => {
    // A broker that does not know the producer takes any sequence: were the first batch refused, the
    // second would become the first record of the partition.
    const { world, rival } = running();
    while (world.source.visible.length < 20) world.source.grow();
    world.fetch(rival);
    world.fetch(rival);
    world.fetch(rival);
    world.send(rival);
    assert.equal(rival.copier.take(), undefined);
    world.deliver(rival);
    world.answer(rival);
    assert.notEqual(rival.copier.take(), undefined);
  });

  it('heeds that a batch landed elsewhere even while it waits for others to settle', () => {
    const { world, rival } = running();
    while (world.source.visible.length < 40) world.source.grow();
    for (let round = 0; round < 4; round += 1) world.fetch(rival);
    const first = rival.copier.take()!;
    rival.copier.appended(first, first.targetBase);
    for (let round = 0; round < 4; round += 1) world.fetch(rival);
    const second = rival.copier.take()!;
    while (world.source.visible.length < 200) world.source.grow();
    for (let round = 0; round < 4; round += 1) world.fetch(rival);
    const third = rival.copier.take()!;
    rival.copier.appendFailed(second, UNKNOWN);
    assert.equal(rival.copier.state, 'settling');
    rival.copier.appended(third, second.targetBase);
    assert.equal(rival.copier.landed?.haltCode, 'target-diverged');
  });

  // Where only aborted records follow the loss, no append would ever tell.
  it('notices that the target lost its tail though there is nothing to append', () => {
    const { world, rival } = running();
    while (world.target.values.length < world.source.visible.length || world.target.end < 10) {
      if (world.target.values.length === world.source.visible.length) world.source.grow();
      world.fetch(rival);
      world.send(rival);
      world.deliver(rival);
      world.answer(rival);
    }
    const { end } = world.target;
    world.target.loseBatches(1);
    assert.ok(world.target.end < end);
    assert.ok(rival.copier.quiet);
    world.look(rival);
    assert.equal(rival.copier.state, 'recovering');
    world.drain();
    world.check();
  });

  it('takes it for a mistake of the program when an append is settled twice', () => {
    const { world, rival } = running();
    world.fetch(rival);
    const append = rival.copier.take()!;
    rival.copier.appendFailed(append, UNKNOWN);
    assert.throws(() => rival.copier.appendFailed(append, UNKNOWN), /settled once/);
  });
});
