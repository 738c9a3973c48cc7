import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MappedEntries } from '../../../coordinator/target/mapped-entries.js';

/** As from a record: strings and numbers of its own each time. */
function base(at: { sequenceBase?: bigint; sourceTopicId?: string } = {}) {
  const { sequenceBase = 0n, sourceTopicId = 'source-1' } = at;
  return structuredClone({
    producerEpoch: 3,
    sequenceBase,
    sourceTopicId,
    targetTopicId: 'target-1',
  });
}

describe('MappedEntries', () => {
  it('keeps what the partitions of a topic have in common once', () => {
    const entries = new MappedEntries();
    const [one, two] = [entries.of('t', 0), entries.of(Buffer.from('t').toString(), 1)];
    entries.setBase(one, base());
    entries.setBase(two, base());
    assert.equal(one.base, two.base);
    assert.deepEqual(two.base, base());
  });

  it('lets a partition differ from the others', () => {
    const entries = new MappedEntries();
    const [one, fenced, recreated] = [0, 1, 2].map((partition) => entries.of('t', partition));
    entries.setBase(one!, base());
    entries.setBase(fenced!, base({ sequenceBase: 7n }));
    entries.setBase(recreated!, base({ sourceTopicId: 'source-2' }));
    assert.deepEqual(one!.base, base());
    assert.deepEqual(fenced!.base, base({ sequenceBase: 7n }));
    assert.deepEqual(recreated!.base, base({ sourceTopicId: 'source-2' }));
  });

  it('finds each by topic and partition, and forgets a topic with all of its own', () => {
    const entries = new MappedEntries();
    const kept = [entries.of('kept', 0), entries.of('kept', 7)];
    entries.of('removed', 0);
    assert.equal(entries.find('kept', 7), kept[1]);
    assert.equal(entries.find('kept', 1), undefined);
    entries.removeTopic('removed');
    assert.equal(entries.find('removed', 0), undefined);
    assert.deepEqual([...entries.all()], kept);
    assert.deepEqual([...entries.ofTopic('kept')], kept);
  });
});
