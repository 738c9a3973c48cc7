import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { HaltError } from '../../../agent/replication/halt.js';
import type { CopierState } from '../../../agent/replication/partition-copier.js';
import { seedFor } from '../../kit/seeded-random.js';
import { UNKNOWN, World, type Rival } from './model-world.js';

/** More of them look longer: SIMULATIONS=100000. */
const SIMULATIONS = Number(process.env['SIMULATIONS'] ?? 3_000);
const STEPS = 150;

describe('PartitionCopier against a model of a broker', () => {
  const first = seedFor('simulations of PartitionCopier');

  it(`copies once and in order, with a map of all of it, in ${SIMULATIONS} random histories of faults and rivals`, () => {
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
    world.coordinator.save(rival.copier);
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
