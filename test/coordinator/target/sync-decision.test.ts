import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import {
  applicationMetadata,
  decideSync,
  formatStamp,
  isTakenBack,
  type SyncInput,
} from '../../../coordinator/target/sync-decision.js';
import type { SyncAttempt } from '../../../mirror/records/offset-map-record.js';

const base: SyncInput = {
  ...{ sourceOffset: 100n, metadata: '', live: true, targetOffset: 90n },
  ...{ current: undefined, attempts: [], targetTopicId: 'now' },
};
const decide = (change: Partial<SyncInput>) => {
  const decision = decideSync({ ...base, ...change });
  return decision.kind === 'keep' ? decision.reason : decision.attempt.targetOffset;
};
const attempt = (
  targetOffset: bigint,
  sourceOffset: bigint,
  { targetTopicId = 'now', metadata = formatStamp({ sourceOffset, targetTopicId }) } = {},
): SyncAttempt => ({ sourceOffset, targetOffset, targetTopicId, metadata });
const landed = ({ targetOffset, metadata }: SyncAttempt) => ({ offset: targetOffset, metadata });
/** What is on the target is what was written down, and nothing else was. */
const ours = (each: SyncAttempt) => ({ current: landed(each), attempts: [each] });
const foreign = (offset: bigint, metadata = '') => ({ offset, metadata });

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
    assert.equal(decide(ours(attempt(80n, 85n))), 90n);
    assert.equal(decide({ current: foreign(90n) }), 'same');
  });

  it('never takes back what a consumer on the target has read', () => {
    assert.equal(decide({ current: foreign(95n) }), 'ahead');
    assert.equal(decide({ current: foreign(120n), attempts: [attempt(120n, 130n)] }), 'ahead');
    assert.equal(decide({ current: foreign(121n), attempts: [attempt(120n, 130n)] }), 'ahead');
  });

  it('follows a source that went back, if what is there was its own', () => {
    assert.equal(decide(ours(attempt(120n, 130n))), 90n);
  });

  it('follows a source that went back where the application has metadata of its own', () => {
    const mine = attempt(120n, 130n, { metadata: 'AgAAAZ' });
    assert.equal(decide({ ...ours(mine), metadata: 'AgAAAZ' }), 90n);
    const theirs = foreign(120n, 'AgAAAY');
    assert.equal(decide({ current: theirs, attempts: [mine], metadata: 'AgAAAZ' }), 'ahead');
  });

  it('does not take a position from before a restart for a source that went back', () => {
    assert.equal(decide({ ...ours(attempt(120n, 130n)), live: false }), 'ahead');
  });

  it('does not go back because the map knows less than before', () => {
    assert.equal(decide(ours(attempt(120n, 100n))), 'ahead');
  });

  it('goes back from what it committed for a topic that is gone', () => {
    const then = attempt(120n, 100n, { targetTopicId: 'then' });
    assert.equal(decide(ours(then)), 90n);
    assert.equal(decide({ ...ours(then), live: false }), 90n);
    assert.equal(decide(ours(attempt(120n, 100n, { targetTopicId: '' }))), 'ahead');
    assert.equal(decide({ attempts: [then], current: foreign(120n) }), 'ahead');
  });

  it('takes no commit for its own because of a stamp that another flow left on it', () => {
    const metadata = formatStamp({ sourceOffset: 130n, targetTopicId: 'elsewhere' });
    assert.equal(decide({ current: foreign(120n, metadata) }), 'ahead');
    assert.equal(decide({ current: foreign(80n, metadata) }), 90n);
  });

  it('keeps the metadata of the application, and leaves a stamp where there is none', () => {
    const metadataOf = (metadata: string): string => {
      const decision = decideSync({ ...base, metadata });
      assert.equal(decision.kind, 'commit');
      return decision.kind === 'commit' ? decision.attempt.metadata : '';
    };
    assert.equal(metadataOf('AgAAAZ'), 'AgAAAZ');
    assert.equal(metadataOf(''), 'mirrorctl source=100 topic=now');
  });

  it('remembers what is committed, and what may be on its way still, within a limit', () => {
    const [first, second] = [attempt(120n, 130n), attempt(60n, 70n)];
    const after = (attempts: readonly SyncAttempt[], current: SyncAttempt) => {
      const decision = decideSync({ ...base, attempts, current: landed(current) });
      return decision.kind === 'commit' ? decision.attempts : undefined;
    };
    const now = attempt(90n, 100n);
    assert.deepEqual(after([first, second], first), [first, second, now]);
    assert.deepEqual(after([first, now], first), [first, now], 'once, however often it fails');
    const many = [first, ...[1n, 2n, 3n].map((each) => attempt(each, each))];
    assert.deepEqual(after(many, first), [first, ...many.slice(2), now]);
    assert.deepEqual(after(many, attempt(10n, 10n)), [...many.slice(2), now]);
  });

  it('knows an older commit that came late for its own', () => {
    const [late, newer] = [attempt(300n, 400n), attempt(50n, 60n)];
    const input = { attempts: [late, newer], sourceOffset: 60n, targetOffset: 50n };
    assert.equal(decide({ ...input, current: landed(late) }), 50n);
    assert.ok(isTakenBack({ ...base, ...input, current: landed(late) }));
  });
});

describe('applicationMetadata', () => {
  it('is empty where a flow has left its stamp', () => {
    const stamps = [
      formatStamp({ sourceOffset: 3n, targetTopicId: '' }),
      formatStamp({ sourceOffset: 3n, targetTopicId: 'Bq-4_5AAQmS1lTxTmDbf3A' }),
      'mirrorctl writer=65537 source=3 topic=Bq-4_5AAQmS1lTxTmDbf3A', // of earlier versions
    ];
    for (const stamp of stamps) assert.equal(applicationMetadata(stamp), '');
  });

  it('is what it is anywhere else', () => {
    for (const text of ['', 'AgAAAZ', 'mirrorctl writer=1', 'x mirrorctl source=2', '{}']) {
      assert.equal(applicationMetadata(text), text);
    }
  });
});
