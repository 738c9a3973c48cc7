import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import type { CopierAssignment } from '../../agent/replication/copier-assignment.js';
import { eventually } from '../kit/eventually.js';
import { startKafka, type KafkaServers } from '../kit/start-kafka.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';
import { caughtUp, checkMirrored, FlowBench, haltCodeOf, type FlowProducer } from './flow-bench.js';

const TOPIC = 'epochs';
const FIRST = 60;
const ALL = 100;

/**
 * A source whose first sixty records have an older leader epoch than the others. To a copier that
 * remembers the older one for record 79, the log was cut at sixty, and is longer again.
 */
describe('a source that was cut by an unclean election while nobody copied', () => {
  let source: KafkaServers;
  let target: KafkaServers;
  let bench: FlowBench;
  let producer: FlowProducer;
  let assignment: CopierAssignment;
  let firstEpoch: number;

  before(async () => {
    [source, target] = await Promise.all([
      startKafka({ name: 'epochs-source' }),
      startKafka({ name: 'epochs-target' }),
    ]);
    bench = new FlowBench({ source, target });
    producer = await bench.producer('mirror.epochs');
    await createTopics(source, [{ topic: TOPIC }]);
    await createTopics(target, [{ topic: `a.${TOPIC}` }]);
    await writeUnique(source, { topic: TOPIC, count: FIRST });
    const first = bench.start();
    const [before] = await first.copy({ topic: TOPIC, targetTopic: `a.${TOPIC}`, producer });
    await caughtUp([before!], BigInt(FIRST));
    firstEpoch = before!.epochs.newest!.epoch;
    await first.close();

    await source.brokers[0]!.kill('SIGTERM');
    await source.brokers[0]!.start(); // its partitions get a new leader epoch with it
    await eventually(async () => {
      await writeUnique(source, { topic: TOPIC, count: ALL - FIRST, from: FIRST });
      return true;
    });
    const second = bench.start();
    const [copier] = await second.copy({ topic: TOPIC, targetTopic: `a.${TOPIC}`, producer });
    await caughtUp([copier!], BigInt(ALL));
    assert.ok(copier!.epochs.newest!.epoch > firstEpoch, 'the epoch is the same as before');
    ({ assignment } = copier!);
    await second.close();
  });

  after(async () => {
    await bench.close();
    await Promise.all([source.stop(), target.stop()]);
  });

  /** As a new process would, which knows what is durable and nothing else. */
  async function resume(offset: number, epoch: number) {
    const flow = bench.start();
    await flow.source.metadata([TOPIC]);
    const mapTail = bench.runs.tail(`${TOPIC}-0`);
    const sourceEpoch = { offset: BigInt(offset), epoch };
    return { flow, copier: flow.flow.add({ ...assignment, mapTail, sourceEpoch }) };
  }

  it('goes on where the epochs are as they were', async () => {
    const { flow, copier } = await resume(FIRST, firstEpoch);
    await caughtUp([copier], BigInt(ALL));
    assert.equal(copier.state, 'running');
    await checkMirrored({ source, target, topic: TOPIC, targetTopic: `a.${TOPIC}` });
    await flow.close();
  });

  it('halts and names the range where the position is known', async () => {
    const { flow, copier } = await resume(ALL, firstEpoch);
    assert.equal(await haltCodeOf(copier), 'source-truncated');
    assert.match(copier.halt?.message ?? '', /offsets 60 to 99/);
    await flow.close();
  });

  it('halts before it counts where the position is not known', async () => {
    bench.runs.forgetAllButStarts();
    const { flow, copier } = await resume(80, firstEpoch);
    assert.equal(await haltCodeOf(copier), 'source-truncated');
    assert.match(copier.halt?.message ?? '', /offsets 60 to 79/);
    await flow.close();
  });

  it('goes on at the end of what is the same once an operator accepts that', async () => {
    const flow = bench.start();
    await flow.source.metadata([TOPIC]);
    const sourceEpoch = { offset: BigInt(80), epoch: firstEpoch };
    const mapTail = bench.runs.tail(`${TOPIC}-0`);
    const accept = 'source-truncated';
    const copier = flow.flow.add({ ...assignment, mapTail, sourceEpoch, accept });
    await caughtUp([copier], BigInt(ALL));
    assert.equal(copier.acked.targetNext, BigInt(ALL + ALL - FIRST));
    await flow.close();
  });
});
