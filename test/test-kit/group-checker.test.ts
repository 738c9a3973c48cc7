import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import {
  checkCheckpoints,
  checkTranslations,
  type SeenCheckpoint,
  type TranslatedCommit,
} from '../kit/group-checker.js';
import type { HistoryRecord } from '../kit/history-checker.js';

/** The n-th record, at `offset`. */
function record(n: number, offset: number): HistoryRecord {
  const value = Buffer.from(`value ${n}`);
  return { partition: 0, offset: BigInt(offset), timestamp: 0n, key: null, value, headers: [] };
}

/** The source has markers and gaps at every third offset; the target is dense, from 100 on. */
const SOURCE = Array.from({ length: 30 }, (_, n) => record(n, n + Math.floor(n / 2)));
const TARGET = Array.from({ length: 30 }, (_, n) => record(n, 100 + n));

/** What a right translation of any offset is. */
function truth(sourceOffset: number): TranslatedCommit {
  const read = SOURCE.filter(({ offset }) => offset < BigInt(sourceOffset)).length;
  const targetOffset = BigInt(100 + read);
  const at = { sourceOffset: BigInt(sourceOffset), targetOffset, rereadMax: 0n };
  return { group: 'g', partition: 0, ...at };
}

const check = (commits: readonly TranslatedCommit[]) => checkTranslations(SOURCE, TARGET, commits);

describe('checkTranslations', () => {
  const all = Array.from({ length: 46 }, (_, offset) => truth(offset));

  it('finds nothing wrong with the truth', () => assert.deepEqual(check(all), []));

  it('catches every translation that is one too far', () => {
    for (const commit of all) {
      if (commit.targetOffset === 130n) continue; // behind the last record there is none to skip
      const mutant = { ...commit, targetOffset: commit.targetOffset + 1n };
      assert.match(String(check([mutant])), /skips 1 records/);
    }
  });

  it('catches every exact one that is one too early, and allows what is said to repeat', () => {
    for (const commit of all) {
      if (commit.targetOffset === 100n) continue;
      const mutant = { ...commit, targetOffset: commit.targetOffset - 1n };
      assert.match(String(check([mutant])), /repeats 1 records, not 0/);
      assert.deepEqual(check([{ ...mutant, rereadMax: 1n }]), []);
    }
  });

  it('catches the offset of the source taken over as it is', () => {
    assert.equal(check([{ ...truth(30), targetOffset: 130n }]).length, 1);
  });
});

describe('checkCheckpoints', () => {
  const bounds = () => ({ start: 0n, end: 50n });
  const seen = (upstream: number, downstream: number, group = 'g'): SeenCheckpoint => ({
    ...{ group, topic: 't', partition: 0 },
    upstreamOffset: BigInt(upstream),
    downstreamOffset: BigInt(downstream),
  });

  it('accepts what rises, other groups beside it, and a source that goes back', () => {
    const history = [seen(5, 3), seen(2, 1, 'h'), seen(5, 4), seen(9, 8), seen(4, 3), seen(70, 50)];
    assert.deepEqual(checkCheckpoints(history, bounds), []);
  });

  it('catches one that falls while the source rises', () => {
    assert.match(String(checkCheckpoints([seen(5, 5), seen(6, 4)], bounds)), /fell from 5\/5/);
    assert.match(String(checkCheckpoints([seen(5, 5), seen(5, 4)], bounds)), /fell from 5\/5/);
  });

  it('catches one outside of the log', () => {
    assert.match(String(checkCheckpoints([seen(60, 51)], bounds)), /outside of 0 to 50/);
    const trimmed = () => ({ start: 10n, end: 50n });
    assert.match(String(checkCheckpoints([seen(9, 9)], trimmed)), /outside of 10 to 50/);
  });
});
