import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { eventually } from '../kit/eventually.js';
import { startKafka, type KafkaServers } from '../kit/start-kafka.js';
import { startProcess, type RunningProcess } from '../kit/start-process.js';
import { temporaryFolder } from '../kit/temporary-folder.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';
import type { CrashCopierPlan } from './crash-copier.js';
import { EndOffsets } from './end-offsets.js';
import { checkMirrored, FlowBench, type CopyOptions } from './flow-bench.js';

const RECORDS = 24_000;

/** How often the one that works is put to sleep while the other goes on. */
const SLEEPS = 5;

describe('two processes that copy the same partitions', () => {
  let source: KafkaServers;
  let target: KafkaServers;
  let ends: EndOffsets;
  let bench: FlowBench;

  before(async () => {
    [source, target] = await Promise.all([
      startKafka({ name: 'rivals-source' }),
      startKafka({ name: 'rivals-target' }),
    ]);
    ends = await EndOffsets.open(target);
    bench = new FlowBench({ source, target });
  });

  after(async () => {
    await bench.close();
    await ends.close();
    await Promise.all([source.stop(), target.stop()]);
  });

  async function makeCopy(topic: string): Promise<CopyOptions> {
    await createTopics(source, [{ topic, partitions: 2 }]);
    await createTopics(target, [{ topic: `a.${topic}`, partitions: 2 }]);
    const producer = await bench.producer(`mirror.${topic}`);
    return { topic, targetTopic: `a.${topic}`, partitions: 2, producer };
  }

  function start(name: string, copy: CopyOptions, mapFile: string): Promise<RunningProcess> {
    const { producer, ...rest } = copy;
    const producerId = String(producer.producerId);
    const plan: CrashCopierPlan = {
      source: source.bootstrapServers,
      target: target.bootstrapServers,
      copies: [{ ...rest, producerId, producerEpoch: producer.producerEpoch }],
      mapFile,
      crash: 'none',
      at: 0,
    };
    return startProcess({ name, args: ['test/faults/crash-copier.js', JSON.stringify(plan)] });
  }

  const write = (topic: string) =>
    writeUnique(source, {
      topic,
      partitions: [0, 1],
      count: RECORDS / 2,
      batchRecords: 50,
      valueBytes: 300,
    });

  it('copies once and in order though the holder sleeps past its lease, again and again', async () => {
    const copy = await makeCopy('slept');
    const writing = write('slept');
    // The second knows what was durable when it started, as from a coordinator, and then only itself.
    const mapFile = join(temporaryFolder('map'), 'runs');
    const first = await start('first', copy, mapFile);
    await eventually(async () => (await ends.total('a.slept')) > 500);
    let asleep = first;
    let awake = await start('second', copy, mapFile);
    for (let sleep = 0; sleep < SLEEPS; sleep += 1) {
      await asleep.kill('SIGSTOP');
      const before = await ends.total('a.slept');
      await eventually(
        async () => (await ends.total('a.slept')) > before + 1_000 || before > RECORDS - 2_000,
      );
      await asleep.kill('SIGCONT'); // with requests that it believes are the next
      [asleep, awake] = [awake, asleep];
    }
    await writing;
    await eventually(async () => (await ends.total('a.slept')) >= RECORDS);
    assert.equal(
      await checkMirrored({ source, target, topic: 'slept', targetTopic: 'a.slept' }),
      RECORDS,
    );
    await Promise.all([first.kill(), awake.kill(), asleep.kill()]);
  });

  it('copies once and in order though both are awake all the time', async () => {
    const copy = await makeCopy('shared');
    const writing = write('shared');
    const mapFile = join(temporaryFolder('map'), 'runs');
    const first = await start('left', copy, mapFile);
    await eventually(async () => (await ends.total('a.shared')) > 500);
    const second = await start('right', copy, mapFile);
    await writing;
    await eventually(async () => (await ends.total('a.shared')) >= RECORDS);
    assert.equal(
      await checkMirrored({ source, target, topic: 'shared', targetTopic: 'a.shared' }),
      RECORDS,
    );
    await Promise.all([first.kill(), second.kill()]);
  });
});
