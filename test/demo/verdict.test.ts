import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HistoryRecord } from '../kit/history-checker.js';
import { judge, type Evidence, type SentRecord, type TopicCounts } from './verdict.js';

const TOPIC = 'orders';

function sentRecord(number: number, acknowledged = true): SentRecord {
  return {
    topic: TOPIC,
    partition: 0,
    id: `order-${number}`,
    key: 'customer-1',
    value: `{"id":"order-${number}"}`,
    timestampMs: 1_000 + number,
    acknowledgedAtMs: acknowledged ? number : undefined,
  };
}

function mirrorOf(record: SentRecord, offset: number): HistoryRecord {
  return {
    partition: record.partition,
    offset: BigInt(offset),
    timestamp: BigInt(record.timestampMs),
    key: Buffer.from(record.key),
    value: Buffer.from(record.value),
    headers: [{ key: 'id', value: Buffer.from(record.id) }],
  };
}

const SENT = [1, 2, 3, 4].map((number) => sentRecord(number));
const IDS = SENT.map(({ id }) => id);

interface Change {
  readonly sent?: readonly SentRecord[];
  readonly mirrored?: readonly HistoryRecord[];
  readonly readOnSource?: readonly string[];
  readonly readOnTarget?: readonly string[];
  readonly reported?: number;
}

/** Four records, all mirrored; two read on each side; then what a test changes. */
function evidence(change: Change = {}): Evidence {
  return {
    sent: change.sent ?? SENT,
    mirrored: new Map([[TOPIC, change.mirrored ?? SENT.map(mirrorOf)]]),
    readOnSource: change.readOnSource ?? IDS.slice(0, 2),
    readOnTarget: change.readOnTarget ?? IDS.slice(2),
    reported: new Map([[TOPIC, change.reported ?? 0]]),
  };
}

function countsOf(change: Change): TopicCounts {
  const [counts] = judge(evidence(change)).topics;
  assert.ok(counts);
  return counts;
}

function faultsOf(change: Change): string {
  return judge(evidence(change)).faults.join('; ');
}

describe('judge', () => {
  it('finds no fault where everything is mirrored once and read once', () => {
    const { faults, lost, topics } = judge(evidence());
    assert.deepEqual([faults, lost], [[], []]);
    assert.deepEqual(
      topics.map(({ written, mirroredOnce, readOnce }) => [written, mirroredOnce, readOnce]),
      [[4, 4, 4]],
    );
  });

  it('accepts a lost end within what was reported, and no more', () => {
    const mirrored = SENT.slice(0, 3).map(mirrorOf);
    const change = { mirrored, readOnTarget: ['order-3'] };
    assert.equal(faultsOf({ ...change, reported: 1 }), '');
    assert.match(faultsOf(change), /1 records lost beyond what the plan reported/);
    assert.deepEqual(judge(evidence(change)).lost, [SENT[3]]);
  });

  it('never accepts a hole, whatever was reported', () => {
    const mirrored = [SENT[0]!, SENT[2]!, SENT[3]!].map(mirrorOf);
    assert.match(faultsOf({ mirrored, reported: 9 }), /1 records missing between records/);
  });

  it('does not count as lost what was never acknowledged', () => {
    const sent = [...SENT, sentRecord(5, false)];
    assert.equal(faultsOf({ sent }), '');
    assert.equal(countsOf({ sent }).lost, 0);
  });

  it('does not take a mirrored record for invented because its answer was lost', () => {
    const sent = [...SENT, sentRecord(5, false)];
    const change = {
      sent,
      mirrored: sent.map(mirrorOf),
      readOnTarget: [...IDS.slice(2), 'order-5'],
    };
    assert.equal(faultsOf(change), '');
    assert.equal(countsOf(change).unacknowledged, 1);
  });

  it('finds a record mirrored twice', () => {
    const mirrored = [...SENT, SENT[1]!].map(mirrorOf);
    assert.match(faultsOf({ mirrored }), /1 records mirrored more than once/);
    assert.equal(countsOf({ mirrored }).mirroredOnce, 3);
  });

  it('finds invented, reordered and changed records', () => {
    const invented = [...SENT, sentRecord(9)].map(mirrorOf);
    assert.match(faultsOf({ mirrored: invented }), /1 records on the target but never written/);
    const reordered = [SENT[0]!, SENT[2]!, SENT[1]!, SENT[3]!].map(mirrorOf);
    assert.match(faultsOf({ mirrored: reordered }), /1 records out of order/);
    const changed = SENT.map(mirrorOf).map((record) => ({ ...record, timestamp: 0n }));
    assert.match(faultsOf({ mirrored: changed }), /4 records changed in content/);
  });

  it('finds a record that the group skipped', () => {
    assert.match(faultsOf({ readOnTarget: ['order-4'] }), /1 records skipped by the group/);
  });

  it('finds a record that the group read on both sides, or twice on one', () => {
    assert.match(faultsOf({ readOnTarget: IDS.slice(1) }), /1 records read more than once/);
    const twice = ['order-3', 'order-4', 'order-4'];
    assert.match(faultsOf({ readOnTarget: twice }), /1 records read more than once/);
  });

  it('finds a record that the group read and nobody wrote', () => {
    assert.match(faultsOf({ readOnTarget: [...IDS.slice(2), 'order-9'] }), /never written/);
  });

  it('is not satisfied with nothing at all', () => {
    assert.match(faultsOf({ sent: [], mirrored: [] }), /nothing was mirrored/);
    assert.match(
      faultsOf({ readOnSource: [], readOnTarget: IDS }),
      /nothing was read on the source/,
    );
  });
});
