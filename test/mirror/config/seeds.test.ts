import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { brief, load, problemsOf } from './load.js';
import {
  ACTIVE_ACTIVE_FRAGMENT,
  ACTIVE_PASSIVE_FRAGMENT,
  AGGREGATION_EXAMPLE,
  FULL_EXAMPLE,
  ONE_LINE_EXAMPLE,
} from './seed-examples.js';

const CLUSTERS = FULL_EXAMPLE.split('\n').slice(0, 5).join('\n');

describe('examples that people start from', () => {
  it('load the full one as it stands', () => {
    const config = load(FULL_EXAMPLE);
    const [flow, reverse] = config.flows;
    assert.equal(config.flows.length, 2);
    assert.deepEqual([flow?.id, flow?.enabled], ['us-east->us-west', true]);
    assert.deepEqual([reverse?.id, reverse?.enabled], ['us-west->us-east', false]);
    assert.deepEqual(config.clusters.get('us-west')?.bootstrapServers, [
      'kafka-west-1:9092',
      'kafka-west-2:9092',
      'kafka-west-3:9092',
    ]);
    assert.equal(flow?.topicFilter.accepts('orders-eu'), true);
    assert.equal(flow?.topicFilter.accepts('orders.internal'), false);
    assert.equal(flow?.topicFilter.accepts('customers'), false);
    assert.equal(flow?.groupFilter.accepts('payment-consumer-group'), true);
    assert.equal(flow?.groupFilter.accepts('other'), false);
    assert.equal(flow?.syncGroupOffsetsEnabled, true);
    assert.equal(flow?.syncGroupOffsetsIntervalMs, 60_000);
    assert.equal(flow?.emitHeartbeatsIntervalMs, 5_000);
    assert.equal(flow?.replicationFactor, 3);
    assert.equal(flow?.policy.name, 'default');
    assert.equal(flow?.connectOffsetsTopic, 'mm2-offsets');
  });

  it('warn of the inline remark and of the topics of Connect, and of nothing else', () => {
    const warnings = brief(load(FULL_EXAMPLE).warnings);
    assert.equal(warnings.length, 2);
    assert.match(
      warnings[0] ?? '',
      /^warning 8 dropped the remark `# Disable for Active-Passive` from/,
    );
    assert.match(
      warnings[1] ?? '',
      /`config\.storage\.topic`, .* and 2 more have no meaning here, because/,
    );
  });

  it('load the fragments beside the clusters of the full one', () => {
    const enabledOf = (fragment: string) =>
      load(CLUSTERS, fragment).flows.map((flow) => [flow.id, flow.enabled]);
    assert.deepEqual(enabledOf(ACTIVE_PASSIVE_FRAGMENT), [
      ['us-east->us-west', true],
      ['us-west->us-east', false],
    ]);
    assert.deepEqual(enabledOf(ACTIVE_ACTIVE_FRAGMENT), [
      ['us-east->us-west', true],
      ['us-west->us-east', true],
    ]);
    assert.deepEqual(problemsOf(CLUSTERS, ACTIVE_ACTIVE_FRAGMENT), []);
  });

  it('load the aggregation of three factories without a warning', () => {
    const config = load(AGGREGATION_EXAMPLE);
    const enabled = config.flows.filter((flow) => flow.enabled);
    assert.deepEqual(
      enabled.map((flow) => flow.id),
      ['factory-a->central', 'factory-b->central', 'factory-c->central'],
    );
    assert.ok(enabled.every((flow) => flow.topicFilter.accepts('sensor-data')));
    assert.ok(enabled.every((flow) => !flow.topicFilter.accepts('orders')));
    assert.deepEqual(config.warnings, []);
  });

  it('load the one that lost its line breaks, once it has them back', () => {
    // A line begins with a remark, with `clusters`, or with a key of a cluster or a flow.
    const start = / (?=# )| (?=(?:clusters|[a-z>-]+(?:\.[a-z-]+)+) = )/;
    const remark = /^# [A-Z]/;
    const lines = ONE_LINE_EXAMPLE.split(start);
    assert.ok(lines.filter((line) => remark.test(line)).length >= 6);
    const config = load(...lines);
    const [flow, reverse] = config.flows;
    assert.deepEqual([flow?.id, flow?.enabled], ['primary->backup', true]);
    assert.deepEqual([reverse?.id, reverse?.enabled], ['backup->primary', false]);
    assert.equal(flow?.topicFilter.accepts('orders-eu'), true);
    assert.equal(flow?.topicFilter.accepts('customers'), true);
    assert.equal(flow?.syncTopicConfigsEnabled, true);
    assert.equal(flow?.syncTopicAclsEnabled, true);
    assert.equal(flow?.emitHeartbeatsEnabled, true);
    assert.equal(flow?.emitCheckpointsEnabled, true);
    assert.equal(flow?.syncGroupOffsetsIntervalMs, 10_000);
    assert.equal(flow?.checkpointsTopicReplicationFactor, 3);
    assert.deepEqual(config.warnings, []);
  });

  it('complain of the one line as printed: all of it is a remark', () => {
    assert.deepEqual(brief(problemsOf(ONE_LINE_EXAMPLE)), [
      'error 0 the key `clusters` is missing',
    ]);
  });
});
