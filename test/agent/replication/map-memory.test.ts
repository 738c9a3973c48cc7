import assert from 'node:assert/strict';
import { it } from 'node:test';

import { FlowCopier } from '../../../agent/replication/flow-copier.js';
import { MemoryBudget } from '../../../agent/replication/memory-budget.js';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { clusterOf } from '../../kafka/records/on-broker.js';

const GAPS = 1_000;

it('counts an offset map that no coordinator takes as memory, until one does', async () => {
  const memory = new MemoryBudget(100_000);
  const nowhere = clusterOf('127.0.0.1:1');
  const flow = new FlowCopier({
    ...{ flow: 'a->b', source: nowhere, target: nowhere, start: 'earliest', memory },
    ...{ clock: systemClock, log: silentLogger, lanesPerBroker: 1 },
    findMapEntry: () => Promise.resolve([]),
    onSettled: () => undefined,
    onStateChanged: () => undefined,
  });
  const copier = flow.add({
    ...{ topic: 't', partition: 0, targetTopic: 'a.t', sourceTopicId: '', targetTopicId: '' },
    ...{ producerId: 1n, producerEpoch: 0, sequenceBase: 0n, mapTail: [], accept: '' },
  });
  const { tail } = copier;
  tail.start({ sourceNext: 0n, targetNext: 0n });
  for (let n = 0n; n < GAPS; n += 1n)
    tail.extend({ sourceStart: 2n * n, targetStart: n, length: 1n });
  assert.ok(memory.exhausted, `${GAPS} runs are ${memory.heldBytes} bytes`);
  let woken = 0;
  memory.onFree(() => (woken += 1));
  tail.acknowledge({ sourceNext: 2n * BigInt(GAPS) - 1n, targetNext: BigInt(GAPS) });
  assert.deepEqual([memory.heldBytes, woken], [0, 1]);

  for (let n = BigInt(GAPS); n < 2 * GAPS; n += 1n)
    tail.extend({ sourceStart: 2n * n, targetStart: n, length: 1n });
  assert.ok(memory.heldBytes > 0);
  await flow.remove(copier);
  assert.equal(memory.heldBytes, 0);
  await flow.close();
  await nowhere.close();
});
