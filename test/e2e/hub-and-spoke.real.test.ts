import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { eventually } from '../kit/eventually.js';
import { freePorts } from '../kit/free-port.js';
import { assertMirrored } from '../kit/history-checker.js';
import { readTopic } from '../kit/read-topic.js';
import { startEtcd, type EtcdServers } from '../kit/start-etcd.js';
import { startKafka, type KafkaServers } from '../kit/start-kafka.js';
import { startProcess, type LogLine, type RunningProcess } from '../kit/start-process.js';
import { temporaryFolder } from '../kit/temporary-folder.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const SITES = ['factory-a', 'factory-b', 'factory-c'] as const;
type Site = (typeof SITES)[number];

const ARRIVED_MS_MAX = 90_000;
const PLAIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required';

const passwordOf = (site: Site, cluster: 'site' | 'hub'): string => `${site}-secret-at-${cluster}`;

/** A cluster where only these users get in; the test itself uses another listener. */
function startLocked(name: string, users: Readonly<Record<string, string>>): Promise<KafkaServers> {
  const known = Object.entries(users).map(([user, password]) => `user_${user}="${password}"`);
  return startKafka({
    name,
    listeners: { SASL: 'SASL_PLAINTEXT' },
    config: {
      'sasl.enabled.mechanisms': 'PLAIN',
      'listener.name.sasl.plain.sasl.jaas.config': `${PLAIN} ${known.join(' ')};`,
    },
  });
}

function clientLines(alias: string, cluster: KafkaServers, as: [string, string]): string[] {
  return [
    `${alias}.bootstrap.servers = ${cluster.bootstrapServersOf('SASL')}`,
    `${alias}.security.protocol = SASL_PLAINTEXT`,
    `${alias}.sasl.mechanism = PLAIN`,
    `${alias}.sasl.jaas.config = ${PLAIN} username="${as[0]}" password="${as[1]}";`,
  ];
}

// The coordinator knows the hub alone, and each agent its own factory and the hub.
describe('three factories and a hub, one agent at each factory', () => {
  const folder = temporaryFolder('hub-and-spoke');
  const coordinatorFile = join(folder, 'coordinator.properties');
  const factories = new Map<Site, KafkaServers>();
  const agents = new Map<Site, RunningProcess>();
  let hub: KafkaServers;
  let etcd: EtcdServers;
  let address: string;
  let coordinator: RunningProcess;

  before(async () => {
    const users = Object.fromEntries(SITES.map((site) => [site, passwordOf(site, 'hub')]));
    const locked = SITES.map(async (site) => {
      factories.set(site, await startLocked(site, { mirror: passwordOf(site, 'site') }));
    });
    [hub, etcd] = await Promise.all([
      startLocked('hub', { ...users, coordinator: 'of-the-hub' }),
      startEtcd(),
      ...locked,
    ]);
    for (const site of SITES) {
      const topics = ['sensor-data', 'personal'].map((topic) => ({ topic, partitions: 2 }));
      await createTopics(factories.get(site)!, topics);
    }
    address = `127.0.0.1:${(await freePorts(1))[0]}`;
    writeConfiguration();
    coordinator = await startProcess({
      name: 'coordinator',
      args: ['coordinator/main.js', coordinatorFile],
    });
    await Promise.all(SITES.map(startAgent));
  });

  after(async () => {
    await Promise.all([...agents.values(), coordinator].map((each) => each?.stop()));
    await Promise.all([hub, etcd, ...factories.values()].map((each) => each?.stop()));
  });

  function writeConfiguration(...lines: string[]): void {
    const text = [
      `clusters = ${SITES.join(', ')}, hub`,
      ...clientLines('hub', hub, ['coordinator', 'of-the-hub']),
      ...SITES.map((site) => `${site}->hub.enabled = true`),
      ...['replication.factor', 'checkpoints.topic.replication.factor'].map((key) => `${key} = 1`),
      ...['heartbeats', 'offset-syncs'].map((name) => `${name}.topic.replication.factor = 1`),
      `coordinator.listen = ${address}`,
      'coordinator.http.listen = 127.0.0.1:0',
      'coordinator.lease.ttl.ms = 10000', // whoever is held up for some seconds keeps what it has
      `coordinator.etcd.endpoints = ${etcd.endpoints.join(',')}`,
      ...lines,
    ];
    writeFileSync(coordinatorFile, `${text.join('\n')}\n`);
  }

  async function startAgent(site: Site): Promise<void> {
    const file = join(folder, `${site}.properties`);
    const lines = [
      `agent.id = agent-at-${site}`,
      `agent.site = ${site}`,
      `agent.coordinators = ${address}`,
      'agent.http.listen = 127.0.0.1:0',
      ...clientLines(site, factories.get(site)!, ['mirror', passwordOf(site, 'site')]),
      ...clientLines('hub', hub, [site, passwordOf(site, 'hub')]),
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    agents.set(site, await startProcess({ name: site, args: ['agent/main.js', file] }));
  }

  /** The new file, once it is in force. */
  async function reconfigure(...lines: string[]): Promise<void> {
    const told = coordinator.lines.length;
    writeConfiguration(...lines);
    const outcome = (): LogLine | undefined =>
      coordinator.lines.slice(told).find(({ msg }) => /^configuration applied$/.test(String(msg)));
    await eventually(
      () => outcome() !== undefined,
      () => coordinator.lines.slice(told),
      ARRIVED_MS_MAX,
    );
  }

  const held = async (site: Site, topic: string): Promise<number> =>
    (await readTopic(hub, `${site}.${topic}`).catch(() => [])).length;

  async function assertCopied(site: Site, topic: string): Promise<void> {
    const source = await readTopic(factories.get(site)!, topic);
    assert.ok(source.length > 0);
    await eventually(
      async () => (await held(site, topic)) >= source.length,
      async () => `${await held(site, topic)} of ${source.length} records of ${site}'s ${topic}`,
      ARRIVED_MS_MAX,
    );
    assertMirrored(source, await readTopic(hub, `${site}.${topic}`));
  }

  async function flowsOf(site: Site): Promise<string[]> {
    const response = await fetch(`http://${String(agents.get(site)!.readyLine['http'])}/metrics`);
    const found = (await response.text()).matchAll(/^mirror_agent_records_total\{flow="([^"]+)"/gm);
    return [...new Set([...found].map(([, flow]) => flow!))];
  }

  const write = (site: Site, topic: string, range: { from?: number; count: number }) =>
    writeUnique(factories.get(site)!, { topic, partitions: [0, 1], ...range });

  it('gathers the same topic of each factory, copied by the agent that is there', async () => {
    for (const site of SITES) await write(site, 'sensor-data', { count: 1_000 });
    for (const site of SITES) {
      await assertCopied(site, 'sensor-data');
      assert.deepEqual(await flowsOf(site), [`${site}->hub`]);
    }
  });

  it('goes on with the others while one factory is cut off, and catches it up', async () => {
    await agents.get('factory-b')!.kill('SIGKILL');
    for (const site of SITES) await write(site, 'sensor-data', { from: 1_000, count: 500 });
    await assertCopied('factory-a', 'sensor-data');
    await assertCopied('factory-c', 'sensor-data');
    assert.ok((await held('factory-b', 'sensor-data')) <= 2_000);
    await startAgent('factory-b');
    await assertCopied('factory-b', 'sensor-data');
  });

  it('lets nothing out that is excluded, however often that changes under load', async () => {
    const stop = new AbortController();
    const writing = SITES.map((site) =>
      writeUnique(factories.get(site)!, {
        ...{ topic: 'personal', partitions: [0, 1], batchRecords: 20, pauseMs: 20 },
        signal: stop.signal,
      }),
    );
    for (let round = 0; round < 3; round++) {
      const before = await held('factory-b', 'personal');
      await reconfigure(`refresh.groups.interval.seconds = ${30 + round}`);
      await eventually(
        async () => (await held('factory-b', 'personal')) > before,
        () => 'it is copied while it may be',
        ARRIVED_MS_MAX,
      );
      await reconfigure('factory-b->hub.topics.exclude = personal');
      const leftAt = await held('factory-b', 'personal');
      const elsewhere = await held('factory-a', 'personal');
      await eventually(
        async () => (await held('factory-a', 'personal')) > elsewhere + 200,
        () => "the other factory's records go on",
        ARRIVED_MS_MAX,
      );
      assert.equal(await held('factory-b', 'personal'), leftAt);
    }
    stop.abort();
    await Promise.all(writing);
    for (const site of ['factory-a', 'factory-c'] as const) await assertCopied(site, 'personal');
    await reconfigure();
    await assertCopied('factory-b', 'personal');
  });
});
