import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { checkHistory, checkWholeMap } from '../kit/history-checker.js';
import { readTopic } from '../kit/read-topic.js';
import { startKafka, type KafkaServers } from '../kit/start-kafka.js';
import { startProcess, type RunningProcess } from '../kit/start-process.js';
import { temporaryFolder } from '../kit/temporary-folder.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';
import { eventually } from '../kit/eventually.js';
import type { CrashCopierPlan, CrashPoint } from './crash-copier.js';
import { EndOffsets } from './end-offsets.js';
import { checkMirrored, FlowBench, type CopyOptions, type FlowProducer } from './flow-bench.js';
import { writeTransactions } from './write-transactions.js';

const POINTS: readonly CrashPoint[] = ['fetched', 'sent', 'acked', 'reported'];
const MOMENTS = [1, 3];
const RECORDS = 24_000;

describe('a copier that dies at an exactly named moment', () => {
  let source: KafkaServers;
  let target: KafkaServers;
  let ends: EndOffsets;

  before(async () => {
    [source, target] = await Promise.all([
      startKafka({ name: 'crash-source' }),
      startKafka({ name: 'crash-target' }),
    ]);
    ends = await EndOffsets.open(target);
  });

  after(async () => {
    await ends.close();
    await Promise.all([source.stop(), target.stop()]);
  });

  function start(
    copies: readonly CopyOptions[],
    rest: Pick<CrashCopierPlan, 'mapFile' | 'crash' | 'at'>,
  ): Promise<RunningProcess> {
    const plan: CrashCopierPlan = {
      source: source.bootstrapServers,
      target: target.bootstrapServers,
      copies: copies.map(({ producer, ...copy }) => ({
        ...copy,
        producerId: String(producer.producerId),
        producerEpoch: producer.producerEpoch,
      })),
      ...rest,
    };
    return startProcess({
      name: `copier-${rest.crash}-${rest.at}`,
      args: ['test/faults/crash-copier.js', JSON.stringify(plan)],
    });
  }

  /** So far as it goes, the copy must be exact at every moment: nothing but a loss of the rest. */
  async function assertPrefix(topic: string): Promise<number> {
    const [original, copy] = await Promise.all([
      readTopic(source, topic),
      readTopic(target, `a.${topic}`),
    ]);
    for (const partition of new Set(original.map((record) => record.partition))) {
      const copied = copy.filter((record) => record.partition === partition);
      const wanted = original.filter((record) => record.partition === partition);
      assert.deepEqual(checkHistory(wanted.slice(0, copied.length), copied), []);
    }
    return copy.length;
  }

  /** What outlives them all is exact, and leaves out no record. */
  async function assertMapped(topic: string, mapFile: string): Promise<void> {
    const [original, copy] = await Promise.all([
      readTopic(source, topic),
      readTopic(target, `a.${topic}`),
    ]);
    let wrong: string[] = [];
    const look = (): boolean => {
      const { runs } = new FlowBench({ source, target, mapFile });
      wrong = checkWholeMap(original, copy, (partition) => runs.tail(`${topic}-${partition}`));
      return wrong.length === 0;
    };
    await eventually(look, () => wrong.slice(0, 20));
  }

  async function killAtEachPoint(topic: string, producer: FlowProducer): Promise<void> {
    const mapFile = join(temporaryFolder('map'), 'runs');
    const copy = { topic, targetTopic: `a.${topic}`, partitions: 2, producer };
    const wanted = (await readTopic(source, topic)).length;
    const finished = async (): Promise<boolean> => (await ends.total(`a.${topic}`)) >= wanted;
    let reached = 0;
    for (const at of MOMENTS) {
      for (const crash of POINTS) {
        const process = await start([copy], { mapFile, crash, at });
        await eventually(async () => !process.running || (await finished()));
        if (await finished()) {
          await process.kill(); // all was copied before it came to that moment
          continue;
        }
        assert.equal((await process.exit()).signal, 'SIGKILL');
        reached += 1;
        await assertPrefix(topic);
      }
    }
    assert.ok(reached >= POINTS.length, `only ${reached} moments were reached`);
    const last = await start([copy], { mapFile, crash: 'none', at: 0 });
    await eventually(finished);
    await checkMirrored({ source, target, topic, targetTopic: `a.${topic}` });
    await assertMapped(topic, mapFile);
    await last.kill();
  }

  it('leaves an exact copy behind: plain records', async () => {
    await createTopics(source, [{ topic: 'dense', partitions: 2 }]);
    await createTopics(target, [{ topic: 'a.dense', partitions: 2 }]);
    await writeUnique(source, {
      topic: 'dense',
      partitions: [0, 1],
      count: RECORDS,
      batchRecords: 200,
      valueBytes: 400,
    });
    const bench = new FlowBench({ source, target });
    await killAtEachPoint('dense', await bench.producer('mirror.dense'));
  });

  it('leaves an exact copy behind: transactions, every third aborted', async () => {
    await createTopics(source, [{ topic: 'transactional', partitions: 2 }]);
    await createTopics(target, [{ topic: 'a.transactional', partitions: 2 }]);
    await writeTransactions(source, {
      topic: 'transactional',
      partitions: 2,
      transactions: 120,
      records: 100,
      transactionalId: 'writer',
    });
    const bench = new FlowBench({ source, target });
    await killAtEachPoint('transactional', await bench.producer('mirror.transactional'));
  });
});
