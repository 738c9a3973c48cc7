import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { targetAcls } from '../../../coordinator/target/acl-rules.js';
import {
  AclOperation,
  AclPatternType,
  AclPermission,
  AclResourceType,
  type AclBinding,
} from '../../../kafka/admin/acl-admin.js';
import { flowOf } from '../../mirror/config/load.js';
import { Seeded, seedFor } from '../../kit/seeded-random.js';

/** Not all of them selected: copies that the flow has left, and groups that it does not follow. */
const TOPICS = ['orders', 'orders-secret', 'check', 'checkout', 'left'];
const GROUPS = ['app', 'app-secret', 'connect-pay'];
const NAMES = [...TOPICS, ...GROUPS, '*', 'o', 'orders', 'check', 'app', 'c'];
const PRINCIPALS = ['User:alice', 'User:bob', 'User:*'];
const OPERATIONS = [
  AclOperation.all,
  AclOperation.read,
  AclOperation.write,
  AclOperation.describe,
] as const;

const FILTERS = ['topics = orders, check.*, orders-.*', 'topics.exclude = orders-secret, left'];
const FLOWS = ['Default', 'Identity'].flatMap((policy) =>
  ['all', 'literal'].map((scope) =>
    flowOf(
      ...FILTERS,
      'groups = app.*',
      'groups.exclude = app-secret, connect-.*',
      `replication.policy.class = ${policy}ReplicationPolicy`,
      `sync.topic.acls.scope = ${scope}`,
    ),
  ),
);

interface Request {
  readonly principal: string;
  readonly operation: number;
  readonly resourceType: number;
  readonly name: string;
}

/** What Kafka's StandardAuthorizer answers: a DENY wins, and what nobody allows is refused. */
function isAllowed(acls: readonly AclBinding[], request: Request): boolean {
  const { all, read, write, describe } = AclOperation;
  const about = acls.filter((acl) => isAbout(acl, request));
  const has = (permission: number, operations: readonly number[]): boolean =>
    about.some((acl) => acl.permission === permission && operations.includes(acl.operation));
  if (has(AclPermission.deny, [all, request.operation])) return false;
  const implied = request.operation === describe ? [read, write] : [];
  return has(AclPermission.allow, [all, request.operation, ...implied]);
}

function isAbout(acl: AclBinding, { resourceType, name, principal }: Request): boolean {
  if (acl.resourceType !== resourceType) return false;
  if (acl.principal !== principal && acl.principal !== 'User:*') return false;
  if (acl.patternType === AclPatternType.prefixed) return name.startsWith(acl.resourceName);
  return acl.resourceName === name || acl.resourceName === '*';
}

function randomAcl(random: Seeded): AclBinding {
  const resourceName = random.pick(NAMES);
  const isPrefixed = resourceName !== '*' && random.chance(0.4);
  return {
    resourceType: random.pick([AclResourceType.topic, AclResourceType.group]),
    resourceName,
    patternType: isPrefixed ? AclPatternType.prefixed : AclPatternType.literal,
    principal: random.pick(PRINCIPALS),
    host: '*',
    operation: random.pick(OPERATIONS),
    permission: random.pick([AclPermission.allow, AclPermission.deny]),
  };
}

describe('targetAcls', () => {
  it('never allow on the target what the source does not allow', () => {
    const random = new Seeded(seedFor('ACLs'));
    let allowed = 0;
    for (let run = 0; run < 3_000; run += 1) {
      const flow = random.pick(FLOWS);
      const source = Array.from({ length: 1 + random.below(7) }, () => randomAcl(random));
      const target = [...targetAcls(source, flow, TOPICS).values()];
      const resources = [
        ...TOPICS.map((name) => [AclResourceType.topic, name] as const),
        ...GROUPS.map((name) => [AclResourceType.group, name] as const),
      ];
      for (const [resourceType, name] of resources) {
        const isTopic = resourceType === AclResourceType.topic;
        const there = isTopic ? flow.policy.formatRemoteTopic(flow.source, name) : name;
        for (const principal of ['User:alice', 'User:bob', 'User:carol']) {
          for (const operation of OPERATIONS.slice(1)) {
            const request = { principal, operation, resourceType };
            if (!isAllowed(target, { ...request, name: there })) continue;
            allowed += 1;
            const shown = () => JSON.stringify({ request, name, source, target }, null, 1);
            assert.ok(isAllowed(source, { ...request, name }), shown());
          }
        }
      }
    }
    assert.ok(allowed > 3_000, `${allowed} of the requests were allowed`);
  });
});
