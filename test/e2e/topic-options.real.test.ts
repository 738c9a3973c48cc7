import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { eventually } from '../kit/eventually.js';
import { assertMirrored } from '../kit/history-checker.js';
import { readTopic } from '../kit/read-topic.js';
import { runMirrorctl } from '../kit/run-mirrorctl.js';
import { startKafka, type KafkaServers } from '../kit/start-kafka.js';
import { startProcess, type RunningProcess } from '../kit/start-process.js';
import { temporaryFolder } from '../kit/temporary-folder.js';
import { withAdmin } from '../kit/with-admin.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const LIMIT_MS = 60_000;
const SOURCE_DEFAULT_SEGMENT_BYTES = '1073741824';

/** One source under two aliases, so that one target has its topics by both rules. */
describe('topics on the target by other rules than the default ones', () => {
  let source: KafkaServers;
  let target: KafkaServers;
  let maker: RunningProcess;

  before(async () => {
    [source, target] = await Promise.all([
      startKafka({ name: 'options-source', config: { 'log.flush.interval.ms': '123456' } }),
      startKafka({ name: 'options-target', config: { 'log.segment.bytes': '99999999' } }),
    ]);
    const config = join(temporaryFolder('topic-options'), 'mm2.properties');
    writeFileSync(
      config,
      `
clusters = follows, free, b
follows.bootstrap.servers = ${source.bootstrapServers}
free.bootstrap.servers = ${source.bootstrapServers}
b.bootstrap.servers = ${target.bootstrapServers}
follows->b.enabled = true
follows->b.use.defaults.from = source
free->b.enabled = true
free->b.sync.topic.configs.enabled = false
topics = orders, brief
replication.factor = 1
offset-syncs.topic.replication.factor = 1
checkpoints.topic.replication.factor = 1
heartbeats.topic.replication.factor = 1
emit.heartbeats.enabled = false
emit.offset-syncs.enabled = false
sync.topic.configs.interval.seconds = 1
coordinator.listen = 127.0.0.1:0
coordinator.http.listen = 127.0.0.1:0
`,
    );
    const retention = { 'retention.ms': '86400000', 'message.timestamp.type': 'LogAppendTime' };
    await createTopics(source, [{ topic: 'orders', config: retention }, { topic: 'brief' }]);
    for (const topic of ['orders', 'brief']) await writeUnique(source, { topic, count: 20 });
    maker = await startProcess({ name: 'mirror-maker', args: ['mirror-maker/main.js', config] });
    for (const alias of ['follows', 'free'])
      for (const topic of ['orders', 'brief'])
        await eventually(
          async () => (await readTopic(target, `${alias}.${topic}`).catch(() => [])).length >= 20,
          status,
          LIMIT_MS,
        );
  });

  after(async () => {
    await maker?.stop();
    await Promise.all([source?.stop(), target?.stop()]);
  });

  const status = () =>
    runMirrorctl(['status', 'free:b'], { MIRRORCTL_COORDINATOR: String(maker.readyLine['grpc']) });

  async function configsOf(topic: string): Promise<Map<string, { value: string; own: boolean }>> {
    const entries = await withAdmin(target, (admin) => admin.describeTopicConfigs(topic));
    return new Map(
      entries.map(({ name, value, isOverride }) => [name, { value: value ?? '', own: isOverride }]),
    );
  }

  const retentionOf = async (topic: string): Promise<string | undefined> =>
    (await configsOf(topic)).get('retention.ms')?.value;

  const alter = (servers: KafkaServers, topic: string, changes: Record<string, string>) =>
    withAdmin(servers, (admin) => admin.alterTopicConfigs(topic, changes));

  it("copies the source's defaults with use.defaults.from=source, and its exclusions hold", async () => {
    const followed = await configsOf('follows.orders');
    assert.deepEqual(followed.get('segment.bytes'), {
      value: SOURCE_DEFAULT_SEGMENT_BYTES,
      own: true,
    });
    assert.deepEqual(followed.get('retention.ms'), { value: '86400000', own: true });
    assert.equal(followed.get('message.timestamp.type')?.own, false);
    // What comes from a source broker's own file is that broker's business.
    assert.equal(followed.get('flush.ms')?.own, false);
    const free = await configsOf('free.orders');
    assert.deepEqual(free.get('segment.bytes'), { value: '99999999', own: false });
    assert.deepEqual(free.get('retention.ms'), { value: '86400000', own: true });
  });

  it('leaves a copy as it was created with sync.topic.configs.enabled=false', async () => {
    await alter(target, 'free.orders', { 'segment.ms': '7777777' });
    for (const value of ['90000000', '95000000']) {
      await alter(source, 'orders', { 'retention.ms': value });
      // The other flow's looks come as often: once it has followed twice, this one would have, too.
      await eventually(
        async () => (await retentionOf('follows.orders')) === value,
        () => retentionOf('follows.orders'),
        LIMIT_MS,
      );
    }
    const free = await configsOf('free.orders');
    assert.equal(free.get('retention.ms')?.value, '86400000');
    assert.equal(free.get('segment.ms')?.value, '7777777');
  });

  it('keeps the copy of a deleted topic by default, and says that it does', async () => {
    const had = await readTopic(source, 'brief');
    await withAdmin(source, (admin) => admin.deleteTopic('brief'));
    await eventually(
      async () => /source-topic-deleted: topic brief was deleted/.test((await status()).out),
      status,
      LIMIT_MS,
    );
    assert.match(
      (await status()).out,
      /brief was deleted on free, .*; its copy is kept \(topic\.deletion\.policy=keep\)/,
    );
    for (const alias of ['follows', 'free'])
      assertMirrored(had, await readTopic(target, `${alias}.brief`));
    await writeUnique(source, { topic: 'orders', count: 20, from: 20 });
    await eventually(
      async () => (await readTopic(target, 'free.orders')).length >= 40,
      status,
      LIMIT_MS,
    );
    const orders = await readTopic(source, 'orders');
    // The source stamps the records, and the target keeps those stamps.
    assertMirrored(orders, await readTopic(target, 'free.orders'));
  });

  it('appends nothing of a new topic of that name to the copy', async () => {
    await createTopics(source, [{ topic: 'brief' }]);
    await writeUnique(source, { topic: 'brief', count: 5, producer: 'again' });
    await eventually(
      async () => /brief-0 topic-recreated/.test((await status()).out),
      status,
      LIMIT_MS,
    );
    assert.equal((await readTopic(target, 'free.brief')).length, 20);
  });
});
