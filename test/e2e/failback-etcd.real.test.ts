import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { eventually } from '../kit/eventually.js';
import { assertMirrored } from '../kit/history-checker.js';
import { readTopic } from '../kit/read-topic.js';
import { runMirrorctl } from '../kit/run-mirrorctl.js';
import { startEtcd } from '../kit/start-etcd.js';
import { startKafka } from '../kit/start-kafka.js';
import { startProcess } from '../kit/start-process.js';
import { temporaryFolder } from '../kit/temporary-folder.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

it('fails back with a coordinator and an agent, where topics keep their names', async (t) => {
  const [east, west, etcd] = await Promise.all([
    startKafka({ name: 'e' }),
    startKafka({ name: 'w' }),
    startEtcd({}),
  ]);
  t.after(() => Promise.all([east.stop(), west.stop(), etcd.stop()]));
  const folder = temporaryFolder('failback-etcd');
  const c = join(folder, 'c.properties');
  writeFileSync(
    c,
    `clusters = A, B
A.bootstrap.servers = ${east.bootstrapServers}
B.bootstrap.servers = ${west.bootstrapServers}
A->B.enabled = true
A->B.topics = orders
replication.policy.class = org.apache.kafka.connect.mirror.IdentityReplicationPolicy
replication.factor = 1
checkpoints.topic.replication.factor = 1
heartbeats.topic.replication.factor = 1
offset-syncs.topic.replication.factor = 1
coordinator.etcd.endpoints = ${etcd.endpoints.join(',')}
coordinator.listen = 127.0.0.1:0
coordinator.http.listen = 127.0.0.1:0
`,
  );
  const coordinator = await startProcess({ name: 'coordinator', args: ['coordinator/main.js', c] });
  t.after(() => coordinator.stop());
  const grpc = String(coordinator.readyLine['grpc']);
  const a = join(folder, 'a.properties');
  writeFileSync(
    a,
    `agent.id = one
agent.clusters = A, B
agent.coordinators = ${grpc}
agent.http.listen = 127.0.0.1:0
`,
  );
  await createTopics(east, [{ topic: 'orders', partitions: 1 }]);
  await writeUnique(east, { topic: 'orders', producer: 'p', count: 100 });
  const agent = await startProcess({ name: 'agent', args: ['agent/main.js', a] });
  t.after(() => agent.stop());
  const ctl = (...args: string[]) => runMirrorctl(args, { MIRRORCTL_COORDINATOR: grpc });
  const count = async (s: typeof east) => (await readTopic(s, 'orders').catch(() => [])).length;
  await eventually(
    async () => (await count(west)) === 100,
    () => '',
    60_000,
  );
  const p = await ctl('promote', 'A:B', '--yes');
  assert.equal(p.code, 0, p.err);
  await writeUnique(west, { topic: 'orders', producer: 'w', count: 30 });
  const f = await ctl('failback', 'A:B', '--yes', '--quarantine-dir', folder);
  assert.equal(f.code, 0, f.err);
  assert.equal(await count(east), 130);
  await writeUnique(east, { topic: 'orders', producer: 'b', count: 20 });
  await eventually(
    async () => (await count(west)) === 150,
    () => '',
    60_000,
  );
  assertMirrored(await readTopic(east, 'orders'), await readTopic(west, 'orders'));
});
