import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { coveredMs } from '../kit/standstills.js';

describe('coveredMs', () => {
  const within = { fromMs: 10, untilMs: 20 };
  const table = [
    { name: 'nothing', stretches: [], covered: 0 },
    { name: 'what lies beside it', stretches: [[0, 10], [20, 30]], covered: 0 }, // prettier-ignore
    { name: 'what reaches over both ends', stretches: [[0, 30]], covered: 10 },
    { name: 'parts of it', stretches: [[15, 17], [0, 12], [19, 40]], covered: 5 }, // prettier-ignore
    { name: 'overlaps once', stretches: [[11, 15], [12, 13], [14, 16]], covered: 5 }, // prettier-ignore
  ] as const;
  for (const { name, stretches, covered } of table) {
    it(`counts ${name}`, () => {
      const found = stretches.map(([fromMs, untilMs]) => ({ fromMs, untilMs }));
      assert.equal(coveredMs(found, within), covered);
    });
  }
});
