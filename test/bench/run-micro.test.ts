import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runMicro } from '../../bench/micro/run-micro.js';
import { initCodecs } from '../../kafka/records/compression.js';

describe('the inner loops of the benchmark', () => {
  it('run again and again on what they change in place', async () => {
    await initCodecs();
    const lines = [...runMicro(true)];
    assert.equal(lines.length, 6);
    for (const line of lines) assert.match(line, / [1-9][\d,]* batches\/s$/);
  });
});
