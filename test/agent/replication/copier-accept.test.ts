import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { HaltError } from '../../../agent/replication/halt.js';
import type { PartitionCopier } from '../../../agent/replication/partition-copier.js';
import { quietCopier } from './quiet-copier.js';

function copierWith(accept: string): PartitionCopier {
  return quietCopier({ accept, mapTail: [{ sourceStart: 0n, targetStart: 0n, length: 100n }] });
}

const lost = (): HaltError =>
  new HaltError('source-data-lost', 'it is gone', { wayOut: { kind: 'go-on', sourceNext: 150n } });

describe('what an operator accepted', () => {
  it('is gone past before the copy has caught up', () => {
    const copier = copierWith('source-data-lost');
    copier.resumeAt({ sourceNext: 100n, targetNext: 100n });
    copier.noteSourceEnd(200n, 0);
    copier.haltWith(lost());
    assert.equal(copier.state, 'recovering');
    assert.deepEqual(copier.wayOut, { kind: 'go-on', sourceNext: 150n });
  });

  // Months later, it may be: the copier lives as long as its lease.
  it('does not count for a halt that comes after the copy has caught up', () => {
    const copier = copierWith('source-data-lost');
    copier.resumeAt({ sourceNext: 100n, targetNext: 100n });
    copier.noteSourceEnd(100n, 0);
    copier.haltWith(lost());
    assert.equal(copier.state, 'halted');
  });
});

describe('an acknowledgement of the map', () => {
  it('is not heeded when the target has lost what it speaks of', () => {
    const copier = copierWith('');
    copier.resumeAt({ sourceNext: 100n, targetNext: 100n });
    copier.restart();
    copier.tail.truncateTo(50n); // as its recovery does, which goes on to ask the source
    copier.truncatedTo = 50n;
    copier.acknowledgeMap({ sourceNext: 100n, targetNext: 100n });
    assert.equal(copier.truncatedTo, 50n);
    copier.resumeAt({ sourceNext: 50n, targetNext: 50n });
    copier.tail.extend({ sourceStart: 60n, targetStart: 50n, length: 10n });
    assert.deepEqual(copier.tail.unacknowledged(), [
      { sourceStart: 60n, targetStart: 50n, length: 10n },
    ]);
  });
});
