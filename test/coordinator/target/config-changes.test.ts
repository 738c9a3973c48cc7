import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { configDrift } from '../../../coordinator/target/config-changes.js';
import type { TopicConfigFacts } from '../../../coordinator/target/source-facts.js';
import type { TopicConfigEntry } from '../../../kafka/admin/topic-admin.js';

function entry(name: string, value: string, isOverride: boolean): TopicConfigEntry {
  const flags = { readOnly: false, isSensitive: false, isStaticBroker: false };
  return { name, value, isOverride, isDefault: !isOverride, ...flags };
}

const WANTED: TopicConfigFacts = {
  values: new Map([
    ['retention.ms', '7'],
    ['cleanup.policy', 'compact'],
    ['newer.option', 'x'],
  ]),
  names: new Set(['retention.ms', 'cleanup.policy', 'newer.option', 'segment.ms', 'flush.ms']),
  kept: new Set(['flush.ms']),
  problem: undefined,
};

describe('configDrift', () => {
  it('sets what differs or is only inherited, and resets what the source has no value for', () => {
    const { changes, unknown } = configDrift(WANTED, [
      entry('retention.ms', '8', true),
      entry('cleanup.policy', 'compact', false),
      entry('segment.ms', '1', true),
      entry('flush.ms', '1', true),
      entry('only.here', '1', true),
    ]);
    assert.deepEqual(changes, {
      'retention.ms': '7',
      'cleanup.policy': 'compact',
      'segment.ms': null,
    });
    assert.deepEqual(unknown, ['newer.option']);
  });

  it('changes nothing that is as it should be', () => {
    const { changes } = configDrift(WANTED, [
      entry('retention.ms', '7', true),
      entry('cleanup.policy', 'compact', true),
      entry('segment.ms', '1', false),
    ]);
    assert.deepEqual(changes, {});
  });
});
