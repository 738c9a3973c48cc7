import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { initCodecs } from '../../../kafka/records/compression.js';
import { DelayProxy } from '../../kit/delay-proxy.js';
import { eventually } from '../../kit/eventually.js';
import { startKafka, type KafkaServers } from '../../kit/start-kafka.js';
import { flowFrom, SOURCE_TOPIC_ID, TargetProcess } from './open-on-broker.js';

const SYNC = ['sync.group.offsets.enabled = true', 'sync.group.offsets.interval.seconds = 1'];

/** A coordinator behind a link that holds its commit until another one has taken over, and committed. */
describe('a group offset that comes to the target after that of a newer coordinator', () => {
  let kafka: KafkaServers;
  let link: DelayProxy;

  before(async () => {
    await initCodecs();
    link = await DelayProxy.start({ roundTripMs: 0 });
    kafka = await startKafka({
      ...{ name: 'late-commit', listeners: { LINK: 'PLAINTEXT' } },
      advertisedPorts: { LINK: [link.port] },
    });
    link.leadTo(kafka.brokers[0]!.ports['LINK']!);
  });

  after(async () => {
    await link.close();
    await kafka.stop();
  });

  for (const [name, metadata] of [
    ['bare', ''],
    ['streams', 'AgAAAZ'],
  ] as const)
    it(`is put right again, metadata '${metadata}'`, async () => {
      const flow = flowFrom(name, ...SYNC);
      await using older = new TargetProcess(kafka.bootstrapServersOf('LINK'));
      await using newer = new TargetProcess(kafka.bootstrapServers);
      const at = (offset: bigint) => ({
        ...{ group: name, topic: 'orders', partition: 0, offset, metadata },
      });
      const committed = async () => (await newer.realAdmin.groupOffsets([name])).get(name)?.[0];
      const comesTo = (offset: bigint) =>
        eventually(async () => (await committed())?.offset === offset, committed);
      const isSent = new Promise<void>((resolve) => {
        older.faults.commitGroupOffsets = (group, offsets) => {
          link.hold();
          resolve();
          // Without a limit of time: its process stands still, and only the system goes on sending.
          return older.realAdmin.commitGroupOffsets(group, offsets);
        };
      });
      const target = await older.open(flow);
      await target.ensureTopic({ name: 'orders', topicId: SOURCE_TOPIC_ID, partitionCount: 1 });
      const runs = [{ sourceStart: 100n, targetStart: 0n, length: 1_000n }];
      target.applyProgress({ topic: 'orders', partition: 0, runs });
      target.recordGroupOffsets([at(400n)]);
      await target.flush();
      await isSent;

      const successor = await newer.open(flow, { term: 2n });
      successor.recordGroupOffsets([at(150n)]); // the group went back
      await comesTo(50n);
      const deliver = link.strand();
      link.release();
      const rounds = countLooks(newer);
      assert.ok((await deliver()) > 0, 'nothing was late');
      const before = rounds.count;
      // The look that was under way may have missed it.
      await eventually(() => rounds.count >= before + 2);
      await comesTo(50n);
    });
});

function countLooks(process: TargetProcess): { count: number } {
  const looks = { count: 0 };
  process.faults.groupOffsets = (groups, options) => {
    looks.count += 1;
    return process.realAdmin.groupOffsets(groups, options);
  };
  return looks;
}
