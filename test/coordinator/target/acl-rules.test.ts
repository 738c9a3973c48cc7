import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { aclChanges, aclKey, targetAcls } from '../../../coordinator/target/acl-rules.js';
import type { AclBinding } from '../../../kafka/admin/acl-admin.js';
import { flowOf } from '../../mirror/config/load.js';

const TYPES = { topic: 2, group: 3 };
const PATTERNS = { literal: 3, prefixed: 4 };
const OPERATIONS = { all: 2, read: 3, write: 4, describe: 8 };
const PERMISSIONS = { deny: 2, allow: 3 };

/** As in `allow read topic:orders`, with `*` at the end of a prefix, and `*` alone for all. */
function acl(text: string): AclBinding {
  const [permission, operation, resource] = text.split(' ');
  const [type, name] = resource!.split(':') as ['topic' | 'group', string];
  const isPrefix = name !== '*' && name.endsWith('*');
  return {
    resourceType: TYPES[type],
    resourceName: isPrefix ? name.slice(0, -1) : name,
    patternType: PATTERNS[isPrefix ? 'prefixed' : 'literal'],
    principal: 'User:alice',
    host: '*',
    operation: OPERATIONS[operation as keyof typeof OPERATIONS],
    permission: PERMISSIONS[permission as keyof typeof PERMISSIONS],
  };
}

function text(binding: AclBinding): string {
  const nameOf = (names: object, code: number): string =>
    Object.entries(names).find(([, each]) => each === code)![0];
  const { patternType, resourceName } = binding;
  const suffix = patternType === PATTERNS.prefixed ? '*' : '';
  const resource = `${nameOf(TYPES, binding.resourceType)}:${resourceName}${suffix}`;
  const operation = nameOf(OPERATIONS, binding.operation);
  return `${nameOf(PERMISSIONS, binding.permission)} ${operation} ${resource}`;
}

const IDENTITY =
  'replication.policy.class = org.apache.kafka.connect.mirror.IdentityReplicationPolicy';
const ALL = 'sync.topic.acls.scope = all';
const ORDERS = 'topics = orders.*';

interface Case {
  what: string;
  lines?: string[];
  source: string[];
  mirrored?: string[];
  target: string[];
}

const CASES: readonly Case[] = [
  { what: 'renames', source: ['allow read topic:a'], target: ['allow read topic:east.a'] },
  { what: 'drops ALLOW WRITE', source: ['allow write topic:a'], target: [] },
  {
    what: 'makes ALLOW ALL a READ',
    source: ['allow all topic:a'],
    target: ['allow read topic:east.a'],
  },
  {
    what: 'keeps DENY as it is',
    source: ['deny write topic:a', 'deny all topic:a'],
    target: ['deny write topic:east.a', 'deny all topic:east.a'],
  },
  { what: 'leaves out other topics', lines: [ORDERS], source: ['allow read topic:a'], target: [] },
  {
    what: 'leaves out prefixes, all topics and groups by default',
    source: ['allow read topic:a*', 'allow read topic:*', 'allow read group:g'],
    target: [],
  },
  {
    what: 'has a DENY on more topics hold for those with an ALLOW, whatever the scope',
    source: [
      'allow read topic:ab',
      'allow read topic:x',
      'deny read topic:a*',
      'deny write topic:*',
    ],
    target: [
      ...['allow read topic:east.ab', 'allow read topic:east.x', 'deny read topic:east.ab'],
      ...['deny write topic:east.ab', 'deny write topic:east.x'],
    ],
  },
  {
    what: 'puts a prefix behind the alias',
    lines: [ALL],
    source: [
      'allow read topic:a*',
      'allow all topic:*',
      'deny read topic:*',
      'allow write topic:b*',
    ],
    target: ['allow read topic:east.a*', 'allow read topic:east.*', 'deny read topic:east.*'],
  },
  {
    what: 'does not let a prefix cover the checkpoints of groups',
    lines: [ALL],
    source: ['allow read topic:ch*'],
    mirrored: ['chairs', 'tables'],
    target: ['allow read topic:east.chairs'],
  },
  {
    what: 'names each topic where names have no alias',
    lines: [ALL, IDENTITY],
    source: ['allow read topic:a*', 'deny read topic:*'],
    mirrored: ['ab', 'b'],
    target: ['allow read topic:ab', 'deny read topic:ab', 'deny read topic:b'],
  },
  {
    what: 'has a DENY on a prefix hold for a topic that is not copied yet',
    lines: [ALL, IDENTITY],
    source: ['allow read topic:ab', 'deny read topic:a*'],
    target: ['allow read topic:ab', 'deny read topic:ab'],
  },
  {
    what: 'takes groups that the flow selects, and their patterns',
    lines: [ALL, 'groups = app.*'],
    source: ['allow read group:app1', 'allow all group:other', 'allow all group:app*'],
    target: ['allow read group:app1', 'allow read group:app*'],
  },
  {
    what: 'keeps the DENY of what the flow does not select where a wider ALLOW covers it',
    lines: [ALL, ORDERS, 'topics.exclude = orders-secret', 'groups = app.*'],
    source: [
      ...['allow read topic:orders*', 'deny read topic:orders-secret', 'deny read topic:others'],
      ...['allow read group:*', 'deny read group:connect-pay'],
    ],
    mirrored: ['orders', 'orders-secret'],
    target: [
      ...['allow read topic:east.orders*', 'deny read topic:east.orders-secret'],
      ...['allow read group:*', 'deny read group:connect-pay'],
    ],
  },
  {
    what: 'allows nothing new on a copy that the flow has left',
    lines: [ALL, IDENTITY, ORDERS, 'topics.exclude = orders-secret'],
    source: ['allow read topic:orders*', 'deny read topic:orders-secret'],
    mirrored: ['orders', 'orders-secret'],
    target: ['allow read topic:orders'],
  },
];

describe('targetAcls', () => {
  for (const { what, lines = [], source, mirrored = [], target } of CASES) {
    it(what, () => {
      const wanted = targetAcls(source.map(acl), flowOf(...lines), mirrored);
      assert.deepEqual([...wanted.values()].map(text).sort(), [...target].sort());
    });
  }
});

describe('aclChanges', () => {
  const byKey = (...texts: string[]): Map<string, AclBinding> =>
    new Map(texts.map(acl).map((binding) => [aclKey(binding), binding]));

  it('adds what is missing, whoever removed it, and removes only what is ours', () => {
    const wanted = byKey('allow read topic:a', 'deny read topic:b', 'allow read topic:c');
    const owned = byKey('allow read topic:c', 'allow read topic:old', 'deny read topic:old');
    const onTarget = byKey(
      'allow read topic:a',
      'allow read topic:foreign',
      'allow read topic:old',
    );
    const changes = aclChanges(wanted, owned, new Set(onTarget.keys()));
    assert.deepEqual(changes.addDeny.map(text), ['deny read topic:b']);
    assert.deepEqual(changes.removeAllow.map(text), ['allow read topic:old']);
    assert.deepEqual(changes.addAllow.map(text), ['allow read topic:c']);
    assert.deepEqual(changes.removeDeny.map(text), ['deny read topic:old']);
  });
});
