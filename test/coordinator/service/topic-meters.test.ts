import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { ProgressReport } from '../../../coordinator/service/messages.js';
import { TopicMeters } from '../../../coordinator/service/topic-meters.js';

const LOOKS_MAX = 8;

interface Said {
  readonly partition: number;
  readonly copied: bigint;
  readonly ahead: bigint;
  readonly waitMs: number;
}

function report({ copied, ahead }: Said): ProgressReport {
  return {
    lease: { item: 'f/partition/t/0', leaseEpoch: 1n },
    ...{ copier: 'running', halt: undefined, runs: [], truncatedTo: undefined },
    ...{ sourceEpoch: undefined, mapRestarted: false, sequenceBase: 0n, trouble: '' },
    ...{
      sourceNext: copied,
      targetNext: copied + 1n,
      sourceEnd: copied + ahead,
      sourceEndAgeMs: 0,
    },
    ...{ records: copied, bytes: 2n * copied, lastTimestampMs: -1, standing: false },
  };
}

/** What was said of one partition, as a plain list of looks. */
class Listed {
  copied = 0n;
  looks: { atMs: number; end: bigint }[] = [];

  take({ copied, ahead }: Said, atMs: number): void {
    this.copied = copied;
    const end = copied + ahead;
    if (this.looks.at(-1)?.end === end) this.looks.pop();
    this.looks.push({ atMs, end });
    while (this.looks.length > 1 && this.looks[1]!.end <= copied) this.looks.shift();
    if (this.looks.length > LOOKS_MAX) this.looks.splice(1, 1);
  }

  lagMs(nowMs: number): number | undefined {
    const last = this.looks.at(-1)!;
    if (last.end <= this.copied) return 0;
    const oldest = this.looks[0]!;
    return oldest.end <= this.copied ? nowMs - oldest.atMs : undefined;
  }
}

describe('TopicMeters', () => {
  it('knows only partitions that were reported', () => {
    const meters = new TopicMeters();
    meters.of(4_000_000_000).report(report({ partition: 0, copied: 5n, ahead: 1n, waitMs: 0 }), 10);
    assert.equal(meters.get(0), undefined);
    assert.equal(meters.get(4_000_000_000)?.sourceNext, 5n);
    assert.deepEqual([...meters.partitions()], [4_000_000_000]);
    assert.equal(meters.of(0).sourceNext, undefined, 'it has reported nothing yet');
    assert.equal(meters.of(0).lagMs(10), undefined);
  });

  it('says of each partition what a list of its own looks would say', () => {
    const said = fc.record({
      partition: fc.nat({ max: 6 }),
      copied: fc.bigInt({ min: 0n, max: 20n }),
      ahead: fc.bigInt({ min: 0n, max: 20n }),
      waitMs: fc.integer({ min: 1, max: 900 }),
    });
    const property = fc.property(fc.array(said, { maxLength: 120 }), (all) => {
      const meters = new TopicMeters();
      const listed = new Map<number, Listed>();
      let nowMs = 0;
      for (const each of all) {
        nowMs += each.waitMs;
        const of = listed.get(each.partition) ?? new Listed();
        listed.set(each.partition, of);
        of.take(each, nowMs);
        meters.of(each.partition).report(report(each), nowMs);
        for (const [partition, like] of listed) {
          const { copied, looks } = like;
          const meter = meters.get(partition)!;
          assert.equal(meter.sourceNext, copied);
          assert.equal(meter.targetNext, copied + 1n);
          assert.equal(meter.sourceEnd, looks.at(-1)!.end);
          assert.equal(meter.sourceEndAgeMs(nowMs), nowMs - looks.at(-1)!.atMs);
          const late = nowMs - looks.at(-1)!.atMs > 10_000 && like.lagMs(nowMs) === 0;
          if (!late) assert.equal(meter.lagMs(nowMs), like.lagMs(nowMs));
        }
      }
    });
    fc.assert(property, { numRuns: 300 }); // prints its seed when it fails
  });
});
