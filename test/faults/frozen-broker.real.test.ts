import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';

import { MemoryBudget } from '../../agent/replication/memory-budget.js';
import { eventually } from '../kit/eventually.js';
import { startKafka, type KafkaServers } from '../kit/start-kafka.js';
import { createAssigned, createTopics, writeUnique } from '../kit/write-unique.js';
import { caughtUp, checkMirrored, FlowBench } from './flow-bench.js';

/** What four partitions near by may have under way: without shares they would use up all of it. */
const BUDGET_BYTES = 16 * 1024 * 1024;

describe('a target broker that is frozen', () => {
  const started: KafkaServers[] = [];

  after(async () => {
    for (const servers of started) await servers.stop();
  });

  it('holds up neither the copy nor the recovery of what goes to others', async () => {
    const [source, target] = await Promise.all([
      startKafka({ name: 'frozen-source' }),
      startKafka({
        name: 'frozen-target',
        brokers: 2,
        // It stays the leader: nobody says that its partitions are to be had elsewhere, or not at all.
        config: { 'broker.session.timeout.ms': '600000' },
      }),
    ]);
    started.push(source, target);
    await createTopics(source, [
      { topic: 'busy', partitions: 8 },
      { topic: 'late', partitions: 2 },
    ]);
    await createAssigned(target, 'a.busy', [2, 2, 2, 2, 1, 1, 1, 1]);
    await createAssigned(target, 'a.late', [2, 1]);
    const bench = new FlowBench({ source, target });
    const producer = await bench.producer('mirror.frozen');
    const memory = new MemoryBudget(BUDGET_BYTES);
    const flow = bench.start({ memory });
    const busy = await flow.copy({
      ...{ topic: 'busy', targetTopic: 'a.busy', partitions: 8, producer },
    });
    const all = [0, 1, 2, 3, 4, 5, 6, 7];
    await writeUnique(source, { topic: 'busy', partitions: all, count: 100 });
    await caughtUp(busy, 100n);

    await target.brokers[1]!.kill('SIGSTOP');
    const heavy = { producer: 'heavy', count: 6_000, batchRecords: 500, valueBytes: 1_000 };
    await writeUnique(source, { topic: 'busy', partitions: [0, 1, 2, 3], ...heavy });
    await writeUnique(source, { topic: 'busy', partitions: [4, 5, 6, 7], ...heavy });
    await caughtUp(busy.slice(4), 6_100n);
    const frozen = busy.slice(0, 4);
    assert.ok(frozen.every(({ acked }) => acked.sourceNext === 100n));
    console.log(`# ${memory.heldBytes} bytes wait for the frozen broker`);
    assert.ok(memory.heldBytes < BUDGET_BYTES, `${memory.heldBytes} bytes are held`);
    assert.ok(
      frozen.every(({ failures }) => failures === 0),
      'the others went on before any request had timed out',
    );

    await writeUnique(source, { topic: 'late', partitions: [0, 1], count: 100 });
    const late = await flow.copy({
      ...{ topic: 'late', targetTopic: 'a.late', partitions: 2, producer },
    });
    await caughtUp(late.slice(1), 100n);
    assert.equal(late[0]?.state, 'recovering');

    await target.brokers[1]!.kill('SIGCONT');
    await caughtUp(busy, 6_100n);
    await caughtUp(late, 100n);
    await checkMirrored({ source, target, topic: 'busy', targetTopic: 'a.busy' });
    await checkMirrored({ source, target, topic: 'late', targetTopic: 'a.late' });
    await eventually(
      () => memory.heldBytes === 0,
      () => memory.heldBytes,
    );
    await bench.close();
  });
});
