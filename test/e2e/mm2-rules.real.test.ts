import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sourceConfigs, type SourceConfigs } from '../../agent/site/source-configs.js';
import { targetAcls } from '../../coordinator/target/acl-rules.js';
import type { TopicConfigEntry } from '../../kafka/admin/topic-admin.js';
import { PatternList } from '../../mirror/policy/name-filter.js';
import {
  DefaultReplicationPolicy,
  IdentityReplicationPolicy,
  type ReplicationPolicyOptions,
} from '../../mirror/policy/replication-policy.js';
import { JavaProgram } from '../kit/run-java.js';
import { flowOf } from '../mirror/config/load.js';

const SOURCES = [
  'DYNAMIC_TOPIC_CONFIG',
  'DYNAMIC_BROKER_CONFIG',
  'DYNAMIC_DEFAULT_BROKER_CONFIG',
  'STATIC_BROKER_CONFIG',
  'DEFAULT_CONFIG',
] as const;

const NAMES = ['retention.ms', 'min.insync.replicas', 'message.timestamp.type', 'my.own'];

interface Case {
  from: 'source' | 'target';
  exclude: string;
  name: string;
  source: (typeof SOURCES)[number];
  readOnly: boolean;
  isSensitive: boolean;
}

function allCases(): Case[] {
  const cases: Case[] = [];
  for (const from of ['source', 'target'] as const)
    for (const exclude of ['-', 'my\\..*,retention.ms'])
      for (const name of NAMES)
        for (const source of SOURCES)
          for (const flags of [0, 1, 2])
            cases.push({
              ...{ from, exclude, name, source },
              ...{ readOnly: flags === 1, isSensitive: flags === 2 },
            });
  return cases;
}

function ours(each: Case): string {
  const { from, exclude, name, source, readOnly, isSensitive } = each;
  const rules = {
    useDefaultsFrom: from,
    configPropertiesExclude:
      exclude === '-' ? flowOf().configPropertiesExclude : new PatternList(exclude.split(',')),
  };
  const entry: TopicConfigEntry = {
    ...{ name, value: '7', readOnly, isSensitive },
    isOverride: source === 'DYNAMIC_TOPIC_CONFIG',
    isStaticBroker: source === 'STATIC_BROKER_CONFIG',
    isDefault: source === 'DEFAULT_CONFIG',
  };
  return verdict(sourceConfigs(rules, [entry]), name);
}

function verdict({ values, defaults, kept }: SourceConfigs, name: string): string {
  if (values.get(name) === '7') return 'set';
  if (defaults.includes(name)) return 'default';
  return kept.includes(name) ? 'kept' : '?';
}

const OPERATIONS: Readonly<Record<string, number>> = {
  ...{ ALL: 2, READ: 3, WRITE: 4, CREATE: 5, DELETE: 6, ALTER: 7, DESCRIBE: 8 },
  ...{ DESCRIBE_CONFIGS: 10, ALTER_CONFIGS: 11 },
};
const TOPICS = ['orders', 'west.orders', 'orders.x', 'mm2-x.internal', 'payments', 'heartbeats'];

function ourAcl(policy: string, topic: string, words: [operation: string, permission: string]) {
  const [operation, permission] = words;
  const binding = {
    ...{ resourceType: 2, resourceName: topic, patternType: 3, principal: 'User:alice' },
    ...{ host: '*', operation: OPERATIONS[operation]!, permission: permission === 'DENY' ? 2 : 3 },
  };
  const policyClass =
    policy === 'identity' ? 'IdentityReplicationPolicy' : 'DefaultReplicationPolicy';
  const flow = flowOf(
    `replication.policy.class = org.apache.kafka.connect.mirror.${policyClass}`,
    'topics = orders.*',
  );
  const [target] = targetAcls([binding], flow, []).values();
  if (target === undefined) return 'dropped';
  const [name] = Object.entries(OPERATIONS).find(([, code]) => code === target.operation)!;
  return `${target.resourceName} ${name} ${target.permission === 2 ? 'DENY' : 'ALLOW'}`;
}

const SEPARATORS = ['.', '_', '-', '__', '.-.'];

/** Made of each separator: names of topics that are, or look like, those of mirroring. */
function namesWith(separator: string): string[] {
  const parts = ['src', 'checkpoints', 'internal', 'heartbeats', 'orders', 'mm2-configs', ''];
  const pairs = parts.flatMap((a) => parts.map((b) => `${a}${separator}${b}`));
  const threes = pairs.flatMap((pair) => ['internal', 'orders'].map((c) => pair + separator + c));
  return [...pairs, ...threes, 'mm2.x.internal', 'src.checkpoints.internal', '__x', 'heartbeats'];
}

function ourPolicy(policyClass: string, options: ReplicationPolicyOptions, topic: string): string {
  const policy =
    policyClass === 'identity'
      ? new IdentityReplicationPolicy(options)
      : new DefaultReplicationPolicy(options);
  return [
    policy.formatRemoteTopic('src', topic),
    policy.topicSource(topic) ?? 'null',
    policy.originalTopic(topic),
    policy.offsetSyncsTopic('src'),
    policy.checkpointsTopic('src'),
    policy.isHeartbeatsTopic(topic),
    policy.isCheckpointsTopic(topic),
    policy.isMM2InternalTopic(topic),
    policy.isInternalTopic(topic),
  ].join(' ');
}

describe('the rules of MirrorMaker 2, judged by its own classes', () => {
  const judge = new JavaProgram('SourceConnectorJudge', 'org.apache.kafka.connect.mirror');

  it('sets, resets and keeps configurations as its connector and filter decide', async () => {
    const questions = new Map(
      allCases().map((each) => {
        const { from, exclude, name, source, readOnly, isSensitive } = each;
        const words = ['config', from, exclude, name, source, readOnly, isSensitive];
        return [words.join(' '), each] as const;
      }),
    );
    const answers = await judge.ask(...questions.keys());
    assert.equal(answers.size, questions.size);
    for (const [question, each] of questions)
      assert.equal(ours(each), answers.get(question), question);
  });

  it('renames, downgrades and drops ACLs as its connector does', async () => {
    const questions = new Map<string, string>();
    for (const policy of ['default', 'identity'])
      for (const topic of TOPICS)
        for (const operation of Object.keys(OPERATIONS))
          for (const permission of ['ALLOW', 'DENY']) {
            const question = ['acl', policy, topic, operation, permission].join(' ');
            questions.set(question, ourAcl(policy, topic, [operation, permission]));
          }
    const answers = await judge.ask(...questions.keys());
    for (const [question, ours] of questions) assert.equal(ours, answers.get(question), question);
  });

  it('names topics as its policies do, with any separator, within internal names or not', async () => {
    const questions = new Map<string, string>();
    for (const policyClass of ['default', 'identity'])
      for (const separator of SEPARATORS)
        for (const internalTopicSeparatorEnabled of [true, false])
          for (const topic of namesWith(separator)) {
            const words = ['policy', policyClass, separator, internalTopicSeparatorEnabled, topic];
            const options = { separator, internalTopicSeparatorEnabled };
            questions.set(words.join(' '), ourPolicy(policyClass, options, topic));
          }
    const answers = await judge.ask(...questions.keys());
    for (const [question, ours] of questions) assert.equal(ours, answers.get(question), question);
  });
});
