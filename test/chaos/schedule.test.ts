import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { seededRandom } from '../kit/seeded-random.js';
import { describeFault, scheduleFaults, type Fault } from './schedule.js';
import { makeTopology, nodesOf, pairsOf } from './topology.js';

const DURATION_MS = 600_000;
const topology = makeTopology(3);
const options = { durationMs: DURATION_MS, topology };
const SEEDS = Array.from({ length: 50 }, (_, seed) => seed);

describe('scheduleFaults', () => {
  it('makes the same list of a seed, and another of another', () => {
    const first = scheduleFaults({ ...options, seed: 1 });
    assert.deepEqual(first, scheduleFaults({ ...options, seed: 1 }));
    assert.notDeepEqual(first, scheduleFaults({ ...options, seed: 2 }));
  });

  it('draws the numbers that it has always drawn, so that an old seed stays worth something', () => {
    const random = seededRandom(42);
    const drawn = Array.from({ length: 3 }, () => Math.floor(random() * 1_000));
    assert.deepEqual(drawn, [601, 448, 852]);
  });

  it('puts faults closer together when told', () => {
    const close = scheduleFaults({ ...options, seed: 1, gapMsMax: 1_000 });
    assert.ok(close.length > 2 * scheduleFaults({ ...options, seed: 1 }).length);
  });

  it('undoes every fault before the end', () => {
    for (const seed of SEEDS) {
      for (const { atMs, forMs } of scheduleFaults({ ...options, seed, durationMs: 60_000 })) {
        assert.ok(atMs >= 0 && atMs + forMs < 60_000, `seed ${seed}: ${atMs} for ${forMs}`);
      }
    }
  });

  it('never signals a process that another fault has stopped', () => {
    const signals = ['kill', 'leave', 'freeze', 'quorum'];
    for (const seed of SEEDS) {
      const faults = scheduleFaults({ ...options, seed });
      const onProcess = faults.filter(({ kind }) => signals.includes(kind));
      for (const node of nodesOf(topology)) {
        const its = onProcess.filter(({ nodes }) => nodes.includes(node));
        for (const [index, fault] of its.slice(1).entries()) {
          const before = its[index] as Fault;
          assert.ok(fault.atMs > before.atMs + before.forMs, `seed ${seed}: ${node}`);
        }
      }
    }
  });

  it('comes to every kind of fault, every node and each pair that talks', () => {
    const all = SEEDS.flatMap((seed) => scheduleFaults({ ...options, seed }));
    assert.equal(new Set(all.map(({ kind }) => kind)).size, 10);
    assert.deepEqual(
      [...new Set(all.flatMap(({ nodes }) => nodes))].sort(),
      nodesOf(topology).sort(),
    );
    const cut = new Set(
      all
        .filter(({ kind }) => kind === 'isolate' || kind === 'one-way')
        .flatMap(({ kind, nodes }) => `${kind} ${nodes.join()}`),
    );
    for (const [a, b] of pairsOf(topology)) {
      for (const wanted of [`isolate ${a},${b}`, `one-way ${a},${b}`, `one-way ${b},${a}`])
        assert.ok(cut.has(wanted), wanted);
    }
  });

  it('takes enough members for the quorum to be gone', () => {
    for (const members of [1, 3]) {
      const quorum = SEEDS.flatMap((seed) =>
        scheduleFaults({ ...options, seed, topology: makeTopology(members) }),
      ).filter(({ kind }) => kind === 'quorum');
      assert.ok(quorum.length > 0);
      for (const { nodes } of quorum) assert.equal(new Set(nodes).size, members === 1 ? 1 : 2);
    }
  });

  it('is printed a line a fault', () => {
    const fault: Fault = { atMs: 1_200, forMs: 500, kind: 'one-way', nodes: ['agent-1', 'source'] };
    assert.equal(describeFault(fault), '   1.2 s  one-way agent-1 -> source for 0.5 s');
  });
});
