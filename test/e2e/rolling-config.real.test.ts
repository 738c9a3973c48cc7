import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { eventually } from '../kit/eventually.js';
import { freePorts } from '../kit/free-port.js';
import { assertMirrored } from '../kit/history-checker.js';
import { readTopic } from '../kit/read-topic.js';
import { runMirrorctl } from '../kit/run-mirrorctl.js';
import { startEtcd, type EtcdServers } from '../kit/start-etcd.js';
import { startKafka, type KafkaServers } from '../kit/start-kafka.js';
import { startProcess, type LogLine, type RunningProcess } from '../kit/start-process.js';
import { temporaryFolder } from '../kit/temporary-folder.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const PARTITIONS = [0, 1, 2, 3];

/** What is held up for some seconds is not to lose its leadership, or its work, by that. */
const LEASE_TTL_MS = 10_000;

// KAFKA-15372: a rolling change of the configuration of MirrorMaker 2, with a change of its leader,
// could leave workers with the old one.
describe('a configuration that changes on coordinators and agents of their own', () => {
  const folder = temporaryFolder('rolling-config');
  let east: KafkaServers;
  let west: KafkaServers;
  let etcd: EtcdServers;
  let coordinators: RunningProcess[] = [];
  let agents: RunningProcess[] = [];

  const fileOf = (index: number): string => join(folder, `coordinator-${index}.properties`);
  let ports: number[];

  function write(...lines: string[]): void {
    for (const index of [0, 1])
      writeFileSync(
        fileOf(index),
        `
clusters = east, west
east.bootstrap.servers = ${east.bootstrapServers}
west.bootstrap.servers = ${west.bootstrapServers}
east->west.enabled = true
replication.factor = 1
checkpoints.topic.replication.factor = 1
heartbeats.topic.replication.factor = 1
offset-syncs.topic.replication.factor = 1
coordinator.id = c${index}
coordinator.listen = 127.0.0.1:${ports[index]}
coordinator.http.listen = 127.0.0.1:0
coordinator.lease.ttl.ms = ${LEASE_TTL_MS}
coordinator.etcd.endpoints = ${etcd.endpoints.join(',')}
${lines.join('\n')}
`,
      );
  }

  const startCoordinator = (index: number): Promise<RunningProcess> =>
    startProcess({ name: `coordinator-${index}`, args: ['coordinator/main.js', fileOf(index)] });

  function startAgent(index: number): Promise<RunningProcess> {
    const file = join(folder, `agent-${index}.properties`);
    const addresses = ports.map((port) => `127.0.0.1:${port}`).join(',');
    writeFileSync(
      file,
      `agent.id = a${index}\nagent.clusters = east, west\nagent.coordinators = ${addresses}\n` +
        'agent.http.listen = 127.0.0.1:0\n',
    );
    return startProcess({ name: `agent-${index}`, args: ['agent/main.js', file] });
  }

  async function metrics(process: RunningProcess): Promise<string> {
    return (await fetch(`http://${String(process.readyLine['http'])}/metrics`)).text();
  }

  async function leader(): Promise<RunningProcess> {
    let found: RunningProcess | undefined;
    const look = async (): Promise<boolean> => {
      for (const each of coordinators)
        if (each.running && / 1$/m.test(leads(await metrics(each)))) found = each;
      return found !== undefined;
    };
    await eventually(look, () => 'nobody leads');
    return found!;
  }

  const leads = (text: string): string =>
    /^mirror_coordinator_is_leader .*$/m.exec(text)?.[0] ?? '';

  async function mirrored(topic: string, count: number): Promise<void> {
    await eventually(
      async () => (await readTopic(west, topic).catch(() => [])).length >= count,
      () => `${count} records in ${topic}`,
      90_000,
    );
  }

  const copies = async (agent: RunningProcess, topic: string): Promise<boolean> =>
    (await metrics(agent)).includes(
      `mirror_agent_records_total{flow="east->west",topic="${topic}"`,
    );

  before(async () => {
    [east, west, etcd] = await Promise.all([
      startKafka({ name: 'east' }),
      startKafka({ name: 'west' }),
      startEtcd(),
    ]);
    ports = await freePorts(2);
    const topics = ['orders', 'secret'].map((topic) => ({ topic, partitions: PARTITIONS.length }));
    await createTopics(east, topics);
    write();
    coordinators = await Promise.all([0, 1].map(startCoordinator));
    agents = await Promise.all([0, 1].map(startAgent));
    for (const topic of ['orders', 'secret'])
      await writeUnique(east, { topic, partitions: PARTITIONS, count: 100 });
    await mirrored('east.orders', 400);
    await mirrored('east.secret', 400);
  });

  after(async () => {
    await Promise.all([...agents, ...coordinators].map((each) => each.stop()));
    await Promise.all([east.stop(), west.stop(), etcd.stop()]);
  });

  it('reaches every agent though the leader dies at that moment', async () => {
    const old = await leader();
    const index = coordinators.indexOf(old);
    write('topics.exclude = secret');
    await old.kill('SIGKILL');
    for (const agent of agents)
      await eventually(
        async () => !(await copies(agent, 'secret')),
        () => `${agent.name} lets go of the topic`,
        90_000,
      );
    const held = (await readTopic(west, 'east.secret')).length;
    await writeUnique(east, { topic: 'secret', partitions: PARTITIONS, count: 50, from: 100 });
    await writeUnique(east, { topic: 'orders', partitions: PARTITIONS, count: 50, from: 100 });
    await mirrored('east.orders', 600);
    assert.equal((await readTopic(west, 'east.secret')).length, held);
    coordinators[index] = await startCoordinator(index);
  });

  it('is not reported as applied while an agent that is cut off may still copy', async () => {
    write();
    await mirrored('east.secret', 600);
    const leading = await leader();
    const told = leading.lines.length;
    const found = (message: RegExp): LogLine | undefined =>
      leading.lines.slice(told).find(({ msg }) => message.test(String(msg)));
    // Both may have a share of it, and one of them has.
    const frozen = (await copies(agents[0]!, 'secret')) ? agents[0]! : agents[1]!;
    const frozenId = `a${agents.indexOf(frozen)}`;
    assert.ok(await copies(frozen, 'secret'));
    process.kill(frozen.pid, 'SIGSTOP');
    write('topics.exclude = secret');
    await eventually(
      () => found(/have not confirmed/) !== undefined,
      () => 'the agent is named',
      90_000,
    );
    assert.deepEqual(Object.keys(found(/have not confirmed/)?.['agents'] ?? {}), [frozenId]);
    const shown = await runMirrorctl(['status'], {
      MIRRORCTL_COORDINATOR: String(leading.readyLine['grpc']),
    });
    assert.equal(shown.code, 3);
    const named = new RegExp(
      `! agent ${frozenId}: may still copy east->west \\S+-\\d.*not confirmed`,
    );
    assert.match(shown.out, named);
    assert.equal(found(/^configuration applied/), undefined);
    process.kill(frozen.pid, 'SIGCONT');
    await eventually(
      () => found(/^configuration applied/) !== undefined,
      () => 'it confirms',
      90_000,
    );
    const held = (await readTopic(west, 'east.secret')).length;
    await writeUnique(east, { topic: 'secret', partitions: PARTITIONS, count: 50, from: 150 });
    await writeUnique(east, { topic: 'orders', partitions: PARTITIONS, count: 50, from: 150 });
    await mirrored('east.orders', 800);
    assert.equal((await readTopic(west, 'east.secret')).length, held);
    assertMirrored(await readTopic(east, 'orders'), await readTopic(west, 'east.orders'));
  });
});
