import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatProperties } from '../../../common/config/properties.js';
import { loadAgentConfig } from '../../../mirror/config/agent-config.js';
import { loadMirrorConfig, nonSecretProperties } from '../../../mirror/config/mm2-config.js';
import { isSecretKey, redact, redactProperties, REDACTED } from '../../../mirror/config/secrets.js';
import { brief, load, ONE_FLOW, problemsOf } from './load.js';
import { FULL_EXAMPLE } from './seed-examples.js';

describe('isSecretKey', () => {
  const secret = [
    'east.sasl.jaas.config',
    'east.ssl.keystore.password',
    'ssl.key.password',
    'west.ssl.truststore.password',
    'west.consumer.ssl.keystore.key',
    'sasl.oauthbearer.client.credentials.client.secret',
    'sasl.oauthbearer.assertion.private.key.passphrase',
    'sasl.oauthbearer.assertion.private.key.file',
    'coordinator.etcd.password',
    'basic.auth.user.info',
    'east.SASL.JAAS.CONFIG',
  ];
  const open = [
    'east.security.protocol',
    'east.sasl.mechanism',
    'east.ssl.keystore.type',
    'east.ssl.truststore.location',
    'sasl.oauthbearer.token.endpoint.url',
    'key.converter',
    'topics',
    'clusters',
  ];
  for (const key of secret) it(`covers ${key}`, () => assert.equal(redact(key, 'x'), REDACTED));
  for (const key of open) it(`shows ${key}`, () => assert.equal(isSecretKey(key), false));

  it('covers a user and password inside an address', () => {
    assert.equal(
      redact('a', 'http://me:pw@etcd:2379,http://b:1'),
      `http://${REDACTED}@etcd:2379,http://b:1`,
    );
  });

  it('covers the secrets of all properties', () => {
    const shown = redactProperties(load(ONE_FLOW, 'east.sasl.jaas.config = hush').properties);
    assert.equal(shown.get('east.sasl.jaas.config')?.value, REDACTED);
    assert.equal(shown.get('clusters')?.value, 'east, west');
  });
});

describe('nonSecretProperties', () => {
  const SECRETS = [
    'east.security.protocol = SASL_SSL',
    'east.sasl.mechanism = PLAIN',
    'east.sasl.jaas.config = o.a.k.PlainLoginModule required username="u" password="hush";',
    'east.consumer.ssl.keystore.password = hush',
    'east->west.source.consumer.ssl.keystore.key = hush',
    'ssl.truststore.location = /hush/here',
    'east.sasl.jaas.confg = hush', // misspelt: unknown, so not sent either
    'pasword = hush',
    'coordinator.etcd.password = hush',
    'coordinator.etcd.endpoints = http://me:hush@etcd:2379',
    'coordinator.tls.cert = /hush/cert',
    'coordinator.tls.key = /hush/key',
    'agent.tls.key = /hush/key',
    'west.client.id = ${env:hush}',
    'config.providers = env',
    'config.providers.env.class = org.apache.kafka.common.config.provider.EnvVarConfigProvider',
  ];

  it('has no secret, no unknown key, no local path and nothing about the coordinator', () => {
    const shipped = nonSecretProperties(load(ONE_FLOW, ...SECRETS));
    assert.deepEqual(
      [...shipped.keys()],
      [
        'clusters',
        'east.bootstrap.servers',
        'west.bootstrap.servers',
        'east->west.enabled',
        'east.security.protocol',
        'east.sasl.mechanism',
      ],
    );
    assert.ok(!formatProperties(shipped).includes('hush'));
  });

  it('never appears in a problem', () => {
    const problems = problemsOf(
      ONE_FLOW,
      ...SECRETS,
      'east.sasl.jaas.config = hush # hush',
      'east.ssl.key.password = hush ',
      'coordinator.etcd.endpoints = http://me:hush@etcd',
    );
    assert.ok(problems.length > 3);
    const text = brief(problems).join() + problems.map((problem) => problem.hint).join();
    assert.ok(!text.replaceAll('/hush/', '').includes('hush'), text);
  });

  it('lets an agent rebuild the flows, and complete them with what it alone knows', () => {
    const text = formatProperties(nonSecretProperties(load(FULL_EXAMPLE)));
    const agent = loadAgentConfig({
      path: 'agent.properties',
      hostname: 'h',
      text: [
        'agent.coordinators = c:7700',
        'us-east.bootstrap.servers = local:9092',
        'us-east.sasl.jaas.config = mine; # kept',
        'us-east.consumer.fetch.max.bytes = 7',
      ].join('\n'),
    });
    const { overrides } = agent;
    const rebuilt = loadMirrorConfig({
      path: 'c:7700',
      text,
      overrides,
      requireSourceBootstrap: false,
    });
    const original = load(FULL_EXAMPLE);
    assert.deepEqual(rebuilt.clusters.get('us-east')?.bootstrapServers, ['local:9092']);
    assert.deepEqual(rebuilt.clusters.get('us-east')?.client, {
      'sasl.jaas.config': 'mine; # kept',
    });
    const [flow] = rebuilt.flows;
    const [expected] = original.flows;
    const security = { 'sasl.jaas.config': 'mine; # kept' };
    assert.deepEqual(
      { ...flow, sourceConsumer: {} },
      { ...expected, sourceConsumer: {}, sourceAdmin: security },
    );
    assert.deepEqual(flow?.topicFilter.exclude.patterns, expected?.topicFilter.exclude.patterns);
    assert.deepEqual(flow?.sourceConsumer, { ...security, 'fetch.max.bytes': '7' });
  });
});
