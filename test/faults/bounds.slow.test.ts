import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { MemoryBudget } from '../../agent/replication/memory-budget.js';
import { eventually } from '../kit/eventually.js';
import { startKafka, type KafkaServers } from '../kit/start-kafka.js';
import { createAssigned, createTopics, writeUnique } from '../kit/write-unique.js';
import { caughtUp, checkMirrored, describeCopiers, FlowBench } from './flow-bench.js';

const MIB = 1024 * 1024;
const BUDGET_BYTES = 16 * MIB;

/** Two answers of a source broker at most besides the budget, and what sockets have read ahead. */
const BUFFERS_BASE_BYTES = 48 * MIB;

const ASLEEP_MS = 6_000;

const pause = (ms: number): Promise<void> => new Promise((done) => void setTimeout(done, ms));

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Bytes in buffers that something still refers to. */
function liveBufferBytes(): number {
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}

describe('bounds', () => {
  const started: KafkaServers[] = [];

  async function start(...options: Parameters<typeof startKafka>): Promise<KafkaServers> {
    const servers = await startKafka(...options);
    started.push(servers);
    return servers;
  }

  after(async () => {
    for (const servers of started) await servers.stop();
  });

  it('keeps its memory and the other partitions going while one target broker sleeps', async () => {
    const [source, target] = await Promise.all([
      start({ name: 'bounds-source' }),
      start({ name: 'bounds-target', brokers: 2 }),
    ]);
    const awake = { bootstrapServers: `127.0.0.1:${target.brokers[0]!.port}` };
    await createTopics(source, [{ topic: 'busy', partitions: 4 }]);
    await createAssigned(target, 'a.busy', [2, 1, 1, 1]);
    const bench = new FlowBench({ source, target: awake, requestTimeoutMs: 10_000 });
    const producer = await bench.producer('mirror.busy');
    const memory = new MemoryBudget(BUDGET_BYTES);
    const flow = bench.start({ memory });
    const copiers = await flow.copy({
      topic: 'busy',
      targetTopic: 'a.busy',
      partitions: 4,
      producer,
    });
    await writeUnique(source, { topic: 'busy', partitions: [0, 1, 2, 3], count: 100 });
    await caughtUp(copiers, 100n);
    await target.brokers[1]!.kill('SIGSTOP');
    const before = liveBufferBytes();
    const trickle = new AbortController();
    // A little for the partition that cannot send, in every answer with much for the others.
    const slow = writeUnique(source, {
      topic: 'busy',
      partitions: [0],
      producer: 'trickle',
      batchRecords: 1,
      pauseMs: 2,
      signal: trickle.signal,
    });
    await writeUnique(source, {
      topic: 'busy',
      partitions: [1, 2, 3],
      producer: 'heavy',
      count: 40_000,
      batchRecords: 500,
      valueBytes: 1_000,
    });
    await caughtUp(copiers.slice(1), 40_100n, 20_000);
    trickle.abort();
    const { next } = await slow;
    const pinned = liveBufferBytes() - before - flow.source.frames.keptBytes;
    console.log(`# ${memory.heldBytes} bytes wait, ${pinned} are kept alive`);
    assert.ok(pinned < memory.heldBytes * 8 + 16 * MIB, `${pinned} bytes are kept alive`);
    await target.brokers[1]!.kill('SIGCONT');
    await caughtUp(copiers, [BigInt(100 + next), 40_100n, 40_100n, 40_100n]);
    await checkMirrored({ source, target, topic: 'busy', targetTopic: 'a.busy' });
    await bench.close();
  });

  it('holds no more than its budget while the whole target sleeps, and catches up', async () => {
    const [source, target] = await Promise.all([
      start({ name: 'asleep-source' }),
      start({ name: 'asleep-target' }),
    ]);
    await createTopics(source, [{ topic: 'piled', partitions: 8 }]);
    await createTopics(target, [{ topic: 'a.piled', partitions: 8 }]);
    const partitions = [0, 1, 2, 3, 4, 5, 6, 7];
    await writeUnique(source, {
      topic: 'piled',
      partitions,
      count: 12_000,
      batchRecords: 500,
      valueBytes: 1_000,
    });
    const bench = new FlowBench({ source, target });
    const producer = await bench.producer('mirror.piled');
    const memory = new MemoryBudget(BUDGET_BYTES);
    const before = liveBufferBytes();
    const flow = bench.start({ memory });
    const copiers = await flow.copy({
      topic: 'piled',
      targetTopic: 'a.piled',
      partitions: 8,
      producer,
    });
    await eventually(() => copiers.some(({ records }) => records > 0));
    await target.brokers[0]!.kill('SIGSTOP');
    await pause(ASLEEP_MS);
    assert.ok(memory.heldBytes <= BUDGET_BYTES + 16 * MIB, `${memory.heldBytes} bytes held`);
    const live = liveBufferBytes() - before;
    console.log(`# ${memory.heldBytes} bytes wait, ${live} are alive`);
    assert.ok(live < BUDGET_BYTES + BUFFERS_BASE_BYTES, `${live} bytes are alive`);
    await target.brokers[0]!.kill('SIGCONT');
    await caughtUp(copiers, 12_000n);
    await checkMirrored({ source, target, topic: 'piled', targetTopic: 'a.piled' });
    assert.equal(memory.heldBytes, 0, JSON.stringify(describeCopiers(copiers), String));
    await bench.close();
  });
});
