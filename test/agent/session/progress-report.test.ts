import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { HaltError } from '../../../agent/replication/halt.js';
import { OPEN_TRANSACTION_MS } from '../../../agent/replication/limits.js';
import { inMessages, ProgressReport, type News } from '../../../agent/session/progress-report.js';
import type { Clock } from '../../../common/clock.js';
import { Progress } from '../../../proto/gen/mirror/v1/agent.js';
import { PartitionState } from '../../../proto/gen/mirror/v1/common.js';
import { quietCopier } from '../replication/quiet-copier.js';

function setup() {
  const clock = { ms: 0, nowMs: () => clock.ms } as unknown as Clock & { ms: number };
  const copier = quietCopier({
    topic: 't',
    partition: 0,
    mapTail: [{ sourceStart: 10n, targetStart: 0n, length: 5n }],
  });
  const report = new ProgressReport(clock);
  const partition = { flow: 'a->b', leaseEpoch: 7n, copier };
  return {
    clock,
    copier,
    report,
    partition,
    collect: () => report.collect(() => [partition]).partitions,
  };
}

describe('ProgressReport', () => {
  it('says everything once, and nothing again without news', () => {
    const { collect } = setup();
    const [first] = collect();
    assert.equal(first?.leaseEpoch, 7n);
    assert.equal(first.state, PartitionState.RECOVERING);
    assert.deepEqual(collect(), []);
  });

  it('repeats itself after a second, so that the age is known', () => {
    const { clock, collect } = setup();
    collect();
    clock.ms = 999;
    assert.equal(collect().length, 0);
    clock.ms = 1_000;
    assert.equal(collect().length, 1);
  });

  it('tells of a change of state, of position and of the source’s end', () => {
    const { copier, collect } = setup();
    collect();
    copier.resumeAt({ sourceNext: 15n, targetNext: 5n });
    assert.equal(collect()[0]?.state, PartitionState.RUNNING);
    copier.noteSourceEnd(40n, 0);
    assert.equal(collect()[0]?.sourceEnd, 40n);
    assert.deepEqual(collect(), []);
  });

  it('tells of a transaction that stays open, though the partition stands, until it ends', () => {
    const { clock, copier, report, collect } = setup();
    report.begin(true);
    copier.resumeAt({ sourceNext: 15n, targetNext: 5n });
    copier.acknowledgeMap({ sourceNext: 15n, targetNext: 5n });
    const look = (highWatermark: bigint): string | undefined => {
      copier.noteSourceEnd(15n, clock.ms);
      copier.openTransaction.note(15n, highWatermark, clock.ms);
      return collect()[0]?.trouble;
    };
    assert.equal(look(20n), '');
    clock.ms = OPEN_TRANSACTION_MS - 1_000;
    look(20n);
    clock.ms = OPEN_TRANSACTION_MS;
    assert.match(look(20n) ?? '', /^a transaction has been open on the source/);
    assert.equal(collect()[0], undefined, 'it is no news');
    clock.ms += 1_000;
    assert.equal(look(15n), '');
  });

  it('tells which leader epoch the source had where the map ends', () => {
    const { copier, collect } = setup();
    copier.epochs.know({ offset: 15n, epoch: 4 });
    copier.resumeAt({ sourceNext: 15n, targetNext: 5n });
    assert.deepEqual(collect()[0]?.sourceEpoch, { offset: 15n, epoch: 4 });
    copier.epochs.forgetFrom(15n);
    copier.noteSourceEnd(40n, 0);
    assert.equal(collect()[0]?.sourceEpoch, undefined);
  });

  it('tells why a partition halted', () => {
    const { copier, collect } = setup();
    copier.haltWith(new HaltError('topic-deleted', 'it is gone'));
    const [news] = collect();
    assert.equal(news?.state, PartitionState.HALTED);
    assert.deepEqual(news.halt, { code: 'topic-deleted', message: 'it is gone' });
  });

  it('does not know the age of a source’s end that was never told', () => {
    assert.equal(setup().collect()[0]?.sourceEndAgeMs, -1n);
  });

  it('says everything again to a new session', () => {
    const { report, collect } = setup();
    collect();
    report.begin(false);
    assert.equal(collect().length, 1);
  });

  it('lets one that stands be spoken of with the others of its flow', () => {
    const { clock, copier, report, partition } = setup();
    report.begin(true);
    copier.resumeAt({ sourceNext: 15n, targetNext: 5n });
    copier.tail.acknowledge({ sourceNext: 15n, targetNext: 5n });
    const passMs = (ms: number) => {
      clock.ms += ms;
      copier.noteSourceEnd(15n, clock.ms - 400);
      return report.collect(() => [partition]);
    };
    passMs(400);
    assert.deepEqual(passMs(29_000).partitions[0]?.standing, false);
    const stands = passMs(1_000);
    assert.equal(stands.partitions[0]?.standing, true);
    assert.deepEqual(stands.standing, [{ flow: 'a->b', sourceEndAgeMs: 400n }]);
    assert.deepEqual(passMs(900), { partitions: [], standing: [] });
    assert.deepEqual(passMs(250).standing, [{ flow: 'a->b', sourceEndAgeMs: 400n }]);
    for (let second = 2; second < 60; second += 1) assert.deepEqual(passMs(1_000).partitions, []);
    assert.equal(passMs(1_000).partitions[0]?.standing, true, 'once a minute');

    copier.noteSourceEnd(16n, clock.ms);
    report.wake(copier);
    const { partitions, standing } = report.collect(() => [partition]);
    assert.equal(partitions[0]?.standing, false);
    assert.deepEqual(standing, []);
  });

  it('speaks of one by itself of which the source says nothing any more', () => {
    const { clock, copier, report, partition } = setup();
    report.begin(true);
    copier.resumeAt({ sourceNext: 15n, targetNext: 5n });
    copier.tail.acknowledge({ sourceNext: 15n, targetNext: 5n });
    copier.noteSourceEnd(15n, 0);
    report.collect(() => [partition]);
    clock.ms = 31_000;
    copier.noteSourceEnd(15n, 31_000);
    assert.equal(report.collect(() => [partition]).standing.length, 1);
    clock.ms = 36_001;
    const { partitions, standing } = report.collect(() => [partition]);
    assert.deepEqual([partitions[0]?.standing, partitions[0]?.sourceEndAgeMs], [false, 5_001n]);
    assert.deepEqual(standing, []);
  });

  it('looks at one that stands when it is woken, and at all of them a few times a second', () => {
    const { clock, copier, report, partition } = setup();
    report.begin(true);
    copier.resumeAt({ sourceNext: 15n, targetNext: 5n });
    copier.tail.acknowledge({ sourceNext: 15n, targetNext: 5n });
    report.collect(() => [partition]);
    for (clock.ms = 1_000; clock.ms <= 31_000; clock.ms += 1_000) {
      copier.noteSourceEnd(15n, clock.ms);
      report.collect(() => [partition]);
    }
    clock.ms = 31_025;
    assert.equal(report.awake, 0);
    copier.noteSourceEnd(16n, clock.ms);
    assert.deepEqual(report.collect(() => [partition]).partitions, [], 'nobody said so');
    report.wake(copier);
    assert.equal(report.collect(() => [partition]).partitions[0]?.sourceEnd, 16n);
    assert.equal(report.awake, 1);
    report.begin(true);
    assert.equal(report.collect(() => [partition]).partitions.length, 1);
    copier.noteSourceEnd(17n, clock.ms);
    clock.ms += 250;
    assert.equal(report.collect(() => [partition]).partitions[0]?.sourceEnd, 17n);
  });

  // As many as a source with transactions has in minutes during which no coordinator is there.
  it('tells of very many runs a part at a time, as fast as they are acknowledged', () => {
    const { copier, collect } = setup();
    const count = 30_000n;
    for (let index = 0n; index < count; index += 1n)
      copier.tail.extend({ sourceStart: 20n + 2n * index, targetStart: 5n + index, length: 1n });
    copier.resumeAt(copier.tail.end!);
    let told = 0n;
    for (let turn = 0; told < count; turn += 1) {
      const [news] = collect();
      assert.ok(news !== undefined, `after ${told}`);
      assert.ok(news.runs.length <= 5_000, `${news.runs.length} at once`);
      assert.deepEqual(collect(), []); // until that is acknowledged
      told += BigInt(news.runs.length);
      assert.ok(turn < 100);
      copier.acknowledgeMap({ sourceNext: 19n + 2n * told, targetNext: 5n + told });
    }
    assert.deepEqual(collect(), []);
    assert.ok(copier.tail.isAcknowledged);
  });

  it('says it in messages that gRPC takes', () => {
    const { report, partition, copier } = setup();
    for (let index = 0n; index < 20_000n; index += 1n)
      copier.tail.extend({ sourceStart: 20n + 2n * index, targetStart: 5n + index, length: 1n });
    const partitions = Array.from({ length: 30 }, () => report.report(partition));
    const standing = [{ flow: 'a->b', sourceEndAgeMs: 0n }];
    const messages: News[] = [...inMessages({ partitions, standing })];
    assert.deepEqual(
      messages.flatMap((message) => message.partitions),
      partitions,
    );
    assert.deepEqual(
      messages.map((message) => message.standing.length),
      [0, 0, 1],
    );
    for (const message of messages)
      assert.ok(Progress.encode(message).finish().length < 4 * 1024 * 1024);
    assert.deepEqual([...inMessages({ partitions: [], standing: [] })], []);
  });
});
