import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sourceConfigs } from '../../../agent/site/source-configs.js';
import type { TopicConfigEntry } from '../../../kafka/admin/topic-admin.js';
import { flowOf } from '../../mirror/config/load.js';

// test/e2e/mm2-rules.real.test.ts has MM2's own classes judge the whole table.

const PLAIN: TopicConfigEntry = {
  ...{ name: 'retention.ms', value: '7', readOnly: false, isSensitive: false },
  ...{ isOverride: false, isStaticBroker: false, isDefault: false },
};

const CASES: readonly [string, Partial<TopicConfigEntry>, string[], 'set' | 'default' | 'kept'][] =
  [
    ['an override', { isOverride: true }, [], 'set'],
    ['a dynamic value of the brokers', {}, [], 'set'],
    ['a default', { isDefault: true }, [], 'default'],
    ['a default of the source', { isDefault: true }, ['use.defaults.from = source'], 'set'],
    ['a value of a properties file', { isStaticBroker: true }, [], 'kept'],
    ['what is read-only', { isOverride: true, readOnly: true }, [], 'kept'],
    ['what is secret', { isOverride: true, isSensitive: true }, [], 'kept'],
    ['what the broker does not tell', { isOverride: true, value: null }, [], 'kept'],
    ['what MM2 excludes', { isOverride: true, name: 'min.insync.replicas' }, [], 'kept'],
    ['what is excluded', { isOverride: true }, ['config.properties.exclude = ret.*'], 'kept'],
  ];

describe('sourceConfigs', () => {
  for (const [what, change, lines, expected] of CASES) {
    it(`has ${what} ${expected === 'default' ? 'reset' : expected}`, () => {
      const { values, defaults, kept } = sourceConfigs(flowOf(...lines), [{ ...PLAIN, ...change }]);
      assert.equal(values.size, expected === 'set' ? 1 : 0);
      assert.equal(defaults.length, expected === 'default' ? 1 : 0);
      assert.equal(kept.length, expected === 'kept' ? 1 : 0);
    });
  }
});
