import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { readJavaKeyStore } from '../../kafka/key-stores/java-key-store.js';
import { toPem } from '../../kafka/key-stores/pem.js';
import { eventually } from '../kit/eventually.js';
import { assertMirrored } from '../kit/history-checker.js';
import { KEY_PASSWORD, makeStores, STORE_PASSWORD } from '../kit/make-stores.js';
import { readTopic } from '../kit/read-topic.js';
import { startKafka, type KafkaServers } from '../kit/start-kafka.js';
import { startProcess, type RunningProcess } from '../kit/start-process.js';
import { temporaryFolder } from '../kit/temporary-folder.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const LIMIT_MS = 60_000;

// The stores that configurations of MirrorMaker 2 have: Java's own, PKCS12 and PEM, trust and keys.
describe('a broker that asks for certificates', () => {
  const folder = temporaryFolder('tls-stores');
  const stores = makeStores();
  let kafka: KafkaServers;
  let maker: RunningProcess;

  before(async () => {
    kafka = await startKafka({
      name: 'tls-stores',
      listeners: { TLS: 'SSL' },
      config: {
        'listener.name.tls.ssl.client.auth': 'required',
        'listener.name.tls.ssl.keystore.location': stores.broker,
        'listener.name.tls.ssl.keystore.type': 'JKS',
        'listener.name.tls.ssl.keystore.password': STORE_PASSWORD,
        'listener.name.tls.ssl.key.password': KEY_PASSWORD,
        'listener.name.tls.ssl.truststore.location': stores.brokerTrust,
        'listener.name.tls.ssl.truststore.type': 'JKS',
        'listener.name.tls.ssl.truststore.password': STORE_PASSWORD,
      },
    });
    await createTopics(kafka, [{ topic: 'orders' }]);
    await writeUnique(kafka, { topic: 'orders', count: 50 });
    const file = join(folder, 'mm2.properties');
    writeFileSync(file, properties());
    maker = await startProcess({ name: 'mirror-maker', args: ['mirror-maker/main.js', file] });
  });

  after(async () => {
    await maker?.stop();
    await kafka?.stop();
  });

  /** The same broker under one alias for each kind of store. */
  function properties(): string {
    const { key, chain } = readJavaKeyStore(readFileSync(stores.client), {
      ...{ store: STORE_PASSWORD, key: KEY_PASSWORD },
    });
    const keysInPem = join(folder, 'client-keys.pem');
    writeFileSync(keysInPem, `${key}${toPem(chain)}`);
    const oneLine = (pem: string): string => pem.trim().replace(/\s+/g, ' ');
    const settings: Readonly<Record<string, Readonly<Record<string, string>>>> = {
      jks: {
        'ssl.truststore.location': stores.clientTrust.JKS,
        'ssl.truststore.password': STORE_PASSWORD,
        'ssl.keystore.location': stores.client,
        'ssl.keystore.password': STORE_PASSWORD,
        'ssl.key.password': KEY_PASSWORD,
      },
      p12: {
        'ssl.truststore.location': stores.clientTrust.PKCS12,
        'ssl.truststore.type': 'PKCS12',
        'ssl.truststore.password': STORE_PASSWORD,
        'ssl.keystore.location': stores.clientPkcs12,
        'ssl.keystore.password': STORE_PASSWORD,
      },
      pem: {
        'ssl.truststore.location': stores.clientTrust.PEM,
        'ssl.truststore.type': 'PEM',
        'ssl.keystore.location': keysInPem,
        'ssl.keystore.type': 'PEM',
      },
      inline: {
        'ssl.truststore.certificates': oneLine(readFileSync(stores.clientTrust.PEM, 'utf8')),
        'ssl.truststore.type': 'PEM',
        'ssl.keystore.certificate.chain': oneLine(toPem(chain)),
        'ssl.keystore.key': oneLine(key!),
        'ssl.keystore.type': 'PEM',
      },
    };
    const aliases = Object.keys(settings);
    const clusters = aliases.flatMap((alias) => [
      `${alias}.bootstrap.servers = ${kafka.bootstrapServersOf('TLS')}`,
      `${alias}.security.protocol = SSL`,
      ...Object.entries(settings[alias]!).map(([name, value]) => `${alias}.${name} = ${value}`),
    ]);
    const flows = [
      ['jks', 'pem'],
      ['p12', 'inline'],
      ['pem', 'jks'],
      ['inline', 'p12'],
    ].map(([source, target]) => `${source}->${target}.enabled = true`);
    return `
clusters = ${aliases.join(', ')}
${[...clusters, ...flows].join('\n')}
topics = orders
replication.factor = 1
offset-syncs.topic.replication.factor = 1
checkpoints.topic.replication.factor = 1
heartbeats.topic.replication.factor = 1
emit.heartbeats.enabled = false
coordinator.listen = 127.0.0.1:0
coordinator.http.listen = 127.0.0.1:0
`;
  }

  for (const alias of ['jks', 'p12', 'pem', 'inline'])
    it(`is read and written with stores of kind ${alias}`, async () => {
      const copy = () => readTopic(kafka, `${alias}.orders`).catch(() => []);
      await eventually(
        async () => (await copy()).length >= 50,
        () => maker.lines.filter(({ level }) => level === 'warn' || level === 'error'),
        LIMIT_MS,
      );
      assertMirrored(await readTopic(kafka, 'orders'), await copy());
    });
});
