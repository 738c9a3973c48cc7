import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { systemClock } from '../../common/clock.js';
import { connectKafkajs } from '../kit/kafkajs-client.js';
import { eventually } from '../kit/eventually.js';
import { checkFence } from '../kit/history-checker.js';
import { readTopic } from '../kit/read-topic.js';
import { runMirrorctl } from '../kit/run-mirrorctl.js';
import { seededRandom } from '../kit/seeded-random.js';
import { startKafka, type KafkaServers } from '../kit/start-kafka.js';
import { startProcess, type RunningProcess } from '../kit/start-process.js';
import { temporaryFolder } from '../kit/temporary-folder.js';
import { createTopics } from '../kit/write-unique.js';

const ROUNDS = 3;
const FLOW = 'us-east:us-west';

const seed = Number(process.env['TEST_SEED'] ?? Date.now() % 1_000_000);

/** Writes one record after the other, and commits for the group what it has "read", until the source dies. */
class Load {
  /** Acknowledged records: the offset of each is its number. */
  written = 0;
  /** The group's commits: the last acknowledged one, and the last that was sent. */
  committed = 0;
  attempted = 0;
  #stopped = false;

  async run(east: KafkaServers): Promise<void> {
    const kafka = connectKafkajs(east);
    const [producer, admin] = [kafka.producer({ idempotent: true }), kafka.admin()];
    await Promise.all([producer.connect(), admin.connect()]);
    try {
      while (!this.#stopped) {
        const messages = Array.from({ length: 20 }, (_, at) => ({
          value: `n${this.written + at}`,
        }));
        await producer.send({ topic: 'orders', messages });
        this.written += messages.length;
        this.attempted = Math.floor(this.written * 0.8);
        const partitions = [{ partition: 0, offset: String(this.attempted) }];
        await admin.setOffsets({ groupId: 'billing', topic: 'orders', partitions });
        this.committed = this.attempted;
      }
    } catch {
      // The source was killed; what is counted was acknowledged.
    }
    await Promise.allSettled([producer.disconnect(), admin.disconnect()]);
  }

  stop(): void {
    this.#stopped = true;
  }
}

describe(`failover under load, killed at random (TEST_SEED=${seed})`, () => {
  const random = seededRandom(seed);
  for (let round = 1; round <= ROUNDS; round += 1) {
    it(`skips nothing and goes on at the first unread record, round ${round}`, async () => {
      const [east, west] = await Promise.all([
        startKafka({ name: `east-${round}` }),
        startKafka({ name: `west-${round}` }),
      ]);
      const config = join(temporaryFolder('kills'), 'mm2.properties');
      writeFileSync(config, properties(east, west));
      const start = (): Promise<RunningProcess> =>
        startProcess({ name: 'mirror-maker', args: ['mirror-maker/main.js', config] });
      let maker = await start();
      const mirrorctl = (...args: string[]): ReturnType<typeof runMirrorctl> =>
        runMirrorctl(args, { MIRRORCTL_COORDINATOR: String(maker.readyLine['grpc']) });
      const load = new Load();
      try {
        await createTopics(east, [{ topic: 'orders', partitions: 1 }]);
        const running = load.run(east);
        const seen = () => mirrorctl('status', FLOW);
        await eventually(async () => /billing +orders/.test((await seen()).out), seen, 60_000);
        await systemClock.sleep(500 + random() * 2_000);
        const committedBefore = load.committed;
        const translated = () => mirrorctl('--json', 'translate', FLOW, '--group', 'billing');
        const isKnown = async (): Promise<boolean> => {
          const { out } = await translated();
          if (!out.startsWith('{')) return false;
          const { offsets } = JSON.parse(out) as { offsets: { sourceOffset?: number }[] };
          return offsets.some(({ sourceOffset = -1 }) => sourceOffset >= committedBefore);
        };
        await eventually(isKnown, translated, 60_000);
        await Promise.all(east.brokers.map((broker) => broker.kill()));
        load.stop();

        const first = mirrorctl('promote', FLOW, '--yes', '--unplanned');
        await systemClock.sleep(random() * 2_500);
        await maker.kill('SIGKILL');
        await first;
        maker = await start();
        const promote = () => mirrorctl('promote', FLOW, '--yes');
        await eventually(async () => (await promote()).code === 0, promote, 60_000);
        await running;

        const copied = await readTopic(west, 'us-east.orders');
        const values = copied.map(({ value }) => value?.toString());
        assert.deepEqual(
          values,
          values.map((_, n) => `n${n}`),
        ); // a prefix, in order, each once
        const admin = connectKafkajs(west).admin();
        await admin.connect();
        const [offsets] = await admin.fetchOffsets({
          groupId: 'billing',
          topics: ['us-east.orders'],
        });
        await admin.disconnect();
        const position = Number(offsets?.partitions[0]?.offset);
        assert.ok(position <= Math.max(load.attempted, load.committed), `skips: ${position}`);
        assert.ok(position >= Math.min(committedBefore, copied.length), `re-reads: ${position}`);
        assert.deepEqual(checkFence(copied, await readTopic(west, 'us-east.orders')), []);
      } finally {
        await maker.stop();
        await Promise.all([east.stop(), west.stop()]);
      }
    });
  }
});

function properties(east: KafkaServers, west: KafkaServers): string {
  return `
clusters = us-east, us-west
us-east.bootstrap.servers = ${east.bootstrapServers}
us-west.bootstrap.servers = ${west.bootstrapServers}
us-east->us-west.enabled = true
us-east->us-west.topics = orders
us-east->us-west.groups = billing
replication.factor = 1
checkpoints.topic.replication.factor = 1
heartbeats.topic.replication.factor = 1
offset-syncs.topic.replication.factor = 1
coordinator.listen = 127.0.0.1:0
coordinator.http.listen = 127.0.0.1:0
`;
}
