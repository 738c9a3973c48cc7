import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { appendFailureOf, unanswered } from '../../../agent/replication/append-outcome.js';
import type { PartitionCopier } from '../../../agent/replication/partition-copier.js';
import { prepareFetched } from '../../../agent/replication/prepared-batch.js';
import { ErrorCode } from '../../../kafka/messages/error-codes.js';
import { buildBatch } from '../../../kafka/records/build-batch.js';
import { quietCopier } from './quiet-copier.js';

const START = { sourceNext: 0n, targetNext: 0n };

function running(): PartitionCopier {
  const copier = quietCopier({ mapTail: [{ sourceStart: 0n, targetStart: 0n, length: 0n }] });
  copier.resumeAt(START);
  return copier;
}

function fetched(copier: PartitionCopier): void {
  const records = [{ key: null, value: Buffer.from('one'), timestamp: 1n }];
  const batch = buildBatch({ records, baseOffset: 0n });
  copier.accept(
    prepareFetched({ records: batch, abortedTransactions: [], fetchOffset: 0n, endOffset: 1n }),
  );
}

describe('what a copier says of its trouble', () => {
  // Its position is found each time, so that nothing else would tell why it stands.
  it('names what the target says to each append, until one is taken', () => {
    const copier = running();
    const seen: string[] = [];
    for (let attempt = 0; attempt < 10; attempt += 1) {
      fetched(copier);
      const append = copier.take()!;
      const code = ErrorCode.NOT_ENOUGH_REPLICAS;
      copier.appendFailed(append, appendFailureOf(append, code, null));
      assert.equal(copier.state, 'recovering');
      seen.push(copier.trouble);
      copier.resumeAt(START);
    }
    assert.equal(seen[0], ''); // a leader that moves is no trouble
    assert.equal(seen.at(-1), 'the target takes nothing for a.orders: NOT_ENOUGH_REPLICAS');
    fetched(copier);
    copier.appended(copier.take()!, 0n);
    copier.restart('the source does not answer');
    assert.equal(copier.trouble, '');
  });

  it('names a target that does not answer, and a source that cannot be read', () => {
    const copier = running();
    for (let attempt = 0; attempt < 4; attempt += 1) {
      fetched(copier);
      const append = copier.take()!;
      copier.appendFailed(append, unanswered(append));
      if (attempt < 3) copier.resumeAt(START);
    }
    assert.equal(copier.trouble, 'the target takes nothing for a.orders: no answer');
    copier.resumeAt(START);
    copier.restart('fetch at node 1: timed out');
    assert.equal(copier.trouble, 'fetch at node 1: timed out');
  });
});
