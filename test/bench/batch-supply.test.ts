import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { keyedSupply, pooledSupply } from '../../bench/batch-supply.js';
import { WORKLOADS, type CopyWorkload } from '../../bench/workloads.js';
import { readBatch } from '../../kafka/records/build-batch.js';
import { verifyBatchCrc } from '../../kafka/records/crc32c.js';

function workload(name: string): CopyWorkload {
  const found = WORKLOADS.find((each) => each.name === name);
  assert.ok(found?.kind === 'copy');
  return found;
}

const START = { recordsPerPartition: 1_000, startMs: 1_700_000_000_000 };

describe('pooledSupply', () => {
  it('makes batches of the workload, the same in every run', () => {
    const options = { workload: workload('small-lz4'), ...START };
    const supply = pooledSupply(options);
    assert.equal(supply.batchCount, 100);
    const batch = supply.batch(2, 99);
    assert.ok(verifyBatchCrc(batch));
    const records = readBatch(batch);
    assert.equal(records.length, 10);
    assert.equal(records[0]?.value?.length, 200);
    assert.ok(pooledSupply(options).batch(2, 99).equals(batch));
  });
});

describe('keyedSupply', () => {
  it('repeats keys over a whole partition, so that compaction leaves gaps', () => {
    const supply = keyedSupply({ workload: workload('compacted'), ...START });
    const keys = new Set<string>();
    let records = 0;
    for (let index = 0; index < supply.batchCount; index++) {
      for (const { key } of readBatch(supply.batch(0, index))) {
        keys.add(String(key));
        records += 1;
      }
    }
    assert.equal(records, 1_000);
    assert.ok(keys.size > 300 && keys.size < 700, `${keys.size} distinct keys`);
  });
});
