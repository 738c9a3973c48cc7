import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { SourceEpochs } from '../../../agent/replication/source-epochs.js';
import { seedFor } from '../../kit/seeded-random.js';

describe('SourceEpochs', () => {
  it('knows nothing of positions that it never saw', () => {
    const epochs = new SourceEpochs();
    epochs.fetched(10n, 20n, 3);
    assert.equal(epochs.before(10n), -1);
    assert.equal(epochs.before(21n), -1);
    assert.equal(epochs.before(20n), 3);
  });

  it('knows every position between two that have the same epoch', () => {
    const epochs = new SourceEpochs();
    epochs.fetched(0n, 20n, 3);
    epochs.fetched(20n, 40n, 3);
    assert.equal(epochs.before(31n), 3);
    assert.equal(epochs.before(19n), -1); // the batches of the first answer may have had others
  });

  it('does not guess where among the batches of one answer the epoch changed', () => {
    const epochs = new SourceEpochs();
    epochs.fetched(0n, 20n, 3);
    epochs.fetched(20n, 40n, 4);
    assert.equal(epochs.before(20n), 3);
    assert.equal(epochs.before(30n), -1);
    assert.equal(epochs.before(40n), 4);
  });

  it('never tells another epoch than the record before the position has', () => {
    // A log as the epochs of its records; answers that read it in pieces, some again.
    const log = fc.array(fc.nat(1), { minLength: 1, maxLength: 60 });
    const cuts = fc.array(fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 10 })), { maxLength: 30 });
    const property = fc.property(log, cuts, (steps, reads) => {
      let epoch = 0;
      const epochOf = steps.map((step) => (epoch += step));
      const epochs = new SourceEpochs();
      for (const [start, length] of reads) {
        const from = start % epochOf.length;
        const to = Math.min(epochOf.length, from + length);
        epochs.fetched(BigInt(from), BigInt(to), epochOf[to - 1]!);
      }
      for (let position = 1; position <= epochOf.length; position += 1) {
        const told = epochs.before(BigInt(position));
        if (told >= 0) assert.equal(told, epochOf[position - 1]);
      }
    });
    fc.assert(property, { seed: seedFor('SourceEpochs'), numRuns: 500 });
  });

  it('goes on from what was durable', () => {
    const epochs = new SourceEpochs();
    epochs.know(undefined);
    assert.equal(epochs.newest, undefined);
    epochs.know({ offset: 20n, epoch: 3 });
    assert.deepEqual(epochs.newest, { offset: 20n, epoch: 3 });
    assert.equal(epochs.before(19n), -1);
    epochs.fetched(20n, 30n, 3);
    assert.deepEqual(epochs.at(31n, 25n), { offset: 25n, epoch: 3 });
    assert.equal(epochs.at(31n), undefined);
  });

  it('forgets what is another log now', () => {
    const epochs = new SourceEpochs();
    epochs.know({ offset: 20n, epoch: 3 });
    epochs.fetched(20n, 30n, 4);
    epochs.forgetFrom(25n);
    assert.deepEqual(epochs.newest, { offset: 20n, epoch: 3 });
    epochs.forgetFrom(20n);
    assert.equal(epochs.newest, undefined);
  });
});
