import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { brief, ONE_FLOW, problemsOf } from './load.js';

const warnings = (...lines: string[]): string[] => brief(problemsOf(ONE_FLOW, ...lines));

describe('options of clients without an effect', () => {
  it('are reported once for each reason', () => {
    const told = warnings(
      'east.producer.acks = 1',
      'west.producer.linger.ms = 5',
      'east.consumer.fetch.min.bytes = 1',
      'east->west.source.consumer.max.poll.records = 10',
      'west.ssl.provider = x',
      'west.retries = 3',
    );
    assert.equal(told.length, 4);
    assert.match(
      told[0] ?? '',
      /`east\.producer\.acks`, `west\.producer\.linger\.ms` have no meaning/,
    );
    assert.match(told[1] ?? '', /fetch\.min\.bytes`, `east->west.*committed records only/);
    assert.match(
      told[2] ?? '',
      /`west\.ssl\.provider` has no meaning here, because TLS is that of/,
    );
    assert.match(told[3] ?? '', /`west\.retries` has no meaning here/);
  });

  it('are told where they belong, if they are written for one side of a flow', () => {
    const hints = (line: string): unknown[] =>
      problemsOf(ONE_FLOW, line).map(({ severity, hint }) => `${severity}: ${hint}`);
    for (const [key, hint] of [
      ['source.cluster.bootstrap.servers', 'write east.bootstrap.servers'],
      ['target.cluster.security.protocol', 'write west.security.protocol'],
      ['source.bootstrap.servers', 'write east.bootstrap.servers'],
      ['bootstrap.servers', 'write east.bootstrap.servers or west.bootstrap.servers'],
      ['source.cluster.alias', 'remove it'],
    ]) {
      assert.deepEqual(hints(`east->west.${key} = x`), [`warning: ${hint}`], key);
    }
    assert.match(warnings('east->west.group.id = x')[0] ?? '', /do not rebalance as a group/);
  });

  it('are not the group of a running MirrorMaker 2, which a takeover looks for', () => {
    assert.deepEqual(warnings('west.group.id = workers'), []);
    assert.match(warnings('west.consumer.group.id = x')[0] ?? '', /without a consumer group/);
  });

  it('are not those that are heeded', () => {
    const heeded = [
      'east.security.protocol = SASL_SSL',
      'east.sasl.mechanism = PLAIN',
      'east.sasl.jaas.config = x required username="u" password="p";',
      'west.ssl.truststore.type = PEM',
      'east.consumer.auto.offset.reset = latest',
      'east.client.id = me',
      'west.producer.request.timeout.ms = 5000',
    ];
    assert.deepEqual(warnings(...heeded), []);
  });

  it('take the names of metrics, and say that new ones are not served', () => {
    assert.deepEqual(warnings('metric.names.formats = legacy'), []);
    assert.match(warnings('metric.names.formats = legacy,new')[0] ?? '', /has no effect, because/);
    assert.match(warnings('metric.names.formats = x')[0] ?? '', /^error .*legacy, new, or both/);
  });

  it('take exactly.once.support as it is: every copy is exactly-once', () => {
    assert.deepEqual(warnings('exactly.once.support = required'), []);
  });
});
