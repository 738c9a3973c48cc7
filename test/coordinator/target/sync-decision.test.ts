import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import {
  decideSync,
  formatStamp,
  parseStamp,
  writerNumber,
  type SyncInput,
} from '../../../coordinator/target/sync-decision.js';

const base: SyncInput = {
  ...{ sourceOffset: 100n, metadata: '', live: true, targetOffset: 90n },
  ...{ current: undefined, writer: 7n, last: undefined },
  targetTopicId: 'now',
};
const decide = (change: Partial<SyncInput>) => {
  const decision = decideSync({ ...base, ...change });
  return decision.kind === 'keep' ? decision.reason : decision.offset;
};
const stamped = (offset: bigint, writer: bigint, sourceOffset: bigint, targetTopicId = 'now') => ({
  offset,
  metadata: formatStamp({ writer, sourceOffset, targetTopicId }),
});
const foreign = (offset: bigint) => ({ offset, metadata: '' });

describe('decideSync', () => {
  it('commits nothing where the map does not know', () => {
    assert.equal(decide({ targetOffset: undefined }), 'unknown');
  });

  it('commits where nothing is committed, zero as well', () => {
    assert.equal(decide({}), 90n);
    assert.equal(decide({ targetOffset: 0n, sourceOffset: 0n }), 0n);
  });

  it('goes forward, whoever committed what is there', () => {
    assert.equal(decide({ current: foreign(80n) }), 90n);
    assert.equal(decide({ current: stamped(80n, 7n, 85n) }), 90n);
    assert.equal(decide({ current: foreign(90n) }), 'same');
  });

  it('never takes back what a consumer on the target has read', () => {
    assert.equal(decide({ current: foreign(95n) }), 'ahead');
  });

  it('follows a source that went back, if what is there was its own', () => {
    assert.equal(decide({ current: stamped(120n, 7n, 130n) }), 90n);
    assert.equal(decide({ current: stamped(120n, 6n, 130n) }), 90n);
  });

  it('does not take a position from before a restart for a source that went back', () => {
    assert.equal(decide({ current: stamped(120n, 6n, 130n), live: false }), 'ahead');
  });

  it('does not go back because the map knows less than before', () => {
    assert.equal(decide({ current: stamped(120n, 7n, 100n) }), 'ahead');
  });

  it('goes back from what it committed for a topic that is gone', () => {
    assert.equal(decide({ current: stamped(120n, 7n, 100n, 'then') }), 90n);
    assert.equal(decide({ current: stamped(120n, 6n, 100n, 'then'), live: false }), 90n);
    assert.equal(decide({ current: stamped(120n, 7n, 100n, '') }), 'ahead');
    const last = { sourceOffset: 100n, targetOffset: 120n, targetTopicId: 'then' };
    assert.equal(decide({ current: foreign(120n), last }), 90n);
    assert.equal(decide({ current: foreign(121n), last }), 'ahead');
  });

  it('leaves alone what a newer coordinator committed, be it ahead or behind', () => {
    assert.equal(decide({ current: stamped(50n, 8n, 60n) }), 'newer');
    assert.equal(decide({ current: stamped(120n, 8n, 130n) }), 'newer');
  });

  it('keeps the metadata of the application, and then knows its own by memory', () => {
    const metadata = 'AgAAAZ';
    const decision = decideSync({ ...base, metadata });
    assert.deepEqual(decision, { kind: 'commit', offset: 90n, metadata });
    const current = { offset: 120n, metadata };
    assert.equal(decide({ metadata, current }), 'ahead');
    assert.equal(
      decide({
        metadata,
        current,
        last: { sourceOffset: 130n, targetOffset: 120n, targetTopicId: 'now' },
      }),
      90n,
    );
    assert.equal(
      decide({
        metadata,
        current,
        last: { sourceOffset: 130n, targetOffset: 119n, targetTopicId: 'now' },
      }),
      'ahead',
    );
  });

  it('reads its own stamp and no other metadata', () => {
    for (const targetTopicId of ['', 'Bq-4_5AAQmS1lTxTmDbf3A']) {
      const stamp = { writer: 65_537n, sourceOffset: 3n, targetTopicId };
      assert.deepEqual(parseStamp(formatStamp(stamp)), stamp);
    }
    for (const text of ['', 'mirrorctl writer=1', 'x mirrorctl writer=1 source=2', '{}']) {
      assert.equal(parseStamp(text), undefined);
    }
  });

  it('counts a later epoch and a later producer as newer', () => {
    const first = writerNumber({ producerId: 4n, producerEpoch: 32_767 });
    const second = writerNumber({ producerId: 5n, producerEpoch: 0 });
    assert.ok(second > first);
    assert.ok(first > writerNumber({ producerId: 4n, producerEpoch: 32_766 }));
  });
});
