import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { ScriptedBroker } from '../kafka/client/scripted-broker.js';
import { eventually } from '../kit/eventually.js';
import { freePorts } from '../kit/free-port.js';
import { assertMirrored } from '../kit/history-checker.js';
import { readTopic } from '../kit/read-topic.js';
import { runMirrorctl } from '../kit/run-mirrorctl.js';
import { startKafka, type KafkaServers } from '../kit/start-kafka.js';
import { startProcess, type RunningProcess } from '../kit/start-process.js';
import { temporaryFolder } from '../kit/temporary-folder.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

/** Aliases at the edge of what is allowed, beside clusters that cannot be used. */
const GOOD = 'east-1_x.y';

/** Legal on the source, and with the alias too long for the target. */
const TOO_LONG = `orders-${'y'.repeat(249 - GOOD.length - 7)}`;

describe('clusters that cannot be used at the start', () => {
  let east: KafkaServers;
  let west: KafkaServers;
  let web: Server;
  let odd: ScriptedBroker;
  let maker: RunningProcess;
  let text: string;
  const file = join(temporaryFolder('bad-clusters'), 'mm2.properties');

  before(async () => {
    [east, west] = await Promise.all([startKafka({ name: 'east' }), startKafka({ name: 'west' })]);
    web = createServer().listen(0, '127.0.0.1');
    await once(web, 'listening');
    odd = await ScriptedBroker.listen();
    const [closed = 0] = await freePorts(1);
    text = `
clusters = ${GOOD}, west, gone, website, odd, locked
${GOOD}.bootstrap.servers = ${east.bootstrapServers}
west.bootstrap.servers = ${west.bootstrapServers}
gone.bootstrap.servers = 127.0.0.1:${closed}
website.bootstrap.servers = 127.0.0.1:${(web.address() as AddressInfo).port}
odd.bootstrap.servers = 127.0.0.1:${odd.port}
locked.bootstrap.servers = ${east.bootstrapServers}
locked.security.protocol = SSL
locked.ssl.truststore.location = /nowhere/truststore.jks
${GOOD}->west.enabled = true
gone->west.enabled = true
website->west.enabled = true
locked->west.enabled = true
west->gone.enabled = true
west->odd.enabled = true
topics = orders.*
topics.exclude = (a+)+$, ((a|aa)*)*b
replication.factor = 1
checkpoints.topic.replication.factor = 1
heartbeats.topic.replication.factor = 1
offset-syncs.topic.replication.factor = 1
coordinator.listen = 127.0.0.1:0
coordinator.http.listen = 127.0.0.1:0
`;
    writeFileSync(file, text);
    // 249 characters are the most: with the prefix no other name would fit on the target.
    const longest = `orders-${'x'.repeat(249 - GOOD.length - 1 - 7)}`;
    await createTopics(
      east,
      [{ topic: 'orders' }, { topic: longest }, { topic: TOO_LONG }].map((t) => ({
        ...t,
        partitions: 1,
      })),
    );
    await writeUnique(east, { topic: 'orders', count: 200 });
    await writeUnique(east, { topic: longest, count: 200 });
    maker = await startProcess({ name: 'mirror-maker', args: ['mirror-maker/main.js', file] });
  });

  after(async () => {
    await maker.stop();
    web.closeAllConnections();
    web.close();
    await Promise.all([east.stop(), west.stop(), odd.close()]);
  });

  const status = () =>
    runMirrorctl(['--json', 'status'], { MIRRORCTL_COORDINATOR: String(maker.readyLine['grpc']) });

  async function flows(): Promise<Map<string, { state: string; problem: string }>> {
    const { out } = await status();
    const document = JSON.parse(out) as {
      flows: { flow: string; state: string; problem: string }[];
    };
    return new Map(document.flows.map((each) => [each.flow, each]));
  }

  it('copy nothing and say why, while the others copy', async () => {
    const wanted: readonly [string, RegExp][] = [
      ['gone->west', /source cannot be looked at: .*(ECONNREFUSED|cannot connect)/],
      ['website->west', /source cannot be looked at: /],
      [
        'locked->west',
        /source cannot be looked at: locked\.ssl\.truststore\.location: .*\/nowhere\/truststore\.jks/,
      ],
      ['west->gone', /(ECONNREFUSED|cannot connect)/],
      ['west->odd', /./],
    ];
    for (const [flow, problem] of wanted) {
      await eventually(
        async () => {
          const found = (await flows()).get(flow);
          return found?.state === 'blocked' && problem.test(found.problem);
        },
        () => `${flow} is blocked for ${String(problem)}`,
        60_000,
      );
    }
    const source = `${GOOD}.orders`;
    await eventually(
      async () => (await readTopic(west, source).catch(() => [])).length >= 200,
      () => 'the sound flow copies',
      60_000,
    );
    assertMirrored(await readTopic(east, 'orders'), await readTopic(west, source));
    await eventually(async () => (await flows()).get(`${GOOD}->west`)?.state === 'running', flows);
    const environment = { MIRRORCTL_COORDINATOR: String(maker.readyLine['grpc']) };
    const one = () => runMirrorctl(['status', `${GOOD}:west`], environment);
    await eventually(
      async () =>
        /y-0 topic-refused: .* 250 characters .* 249 are the most/.test((await one()).out),
      one,
      60_000,
    );
    assert.equal((await status()).code, 3);
    assert.ok(maker.running);
  });

  it('copies a topic whose name on the target has 249 characters', async () => {
    const long = `${GOOD}.orders-${'x'.repeat(249 - GOOD.length - 1 - 7)}`;
    assert.equal(long.length, 249);
    await eventually(
      async () => (await readTopic(west, long).catch(() => [])).length >= 200,
      () => 'the long name is copied',
      60_000,
    );
  });

  it('copy as soon as the file is mended, without a restart', async () => {
    const mended = text
      .replace(/gone\.bootstrap.*\n/, `gone.bootstrap.servers = ${east.bootstrapServers}\n`)
      .replace(/(website|locked|west->odd|west->gone|odd)\S*\.enabled = true\n/g, '');
    writeFileSync(file, mended);
    await eventually(
      async () => (await readTopic(west, 'gone.orders').catch(() => [])).length >= 200,
      () => 'the mended flow copies',
      60_000,
    );
  });
});
