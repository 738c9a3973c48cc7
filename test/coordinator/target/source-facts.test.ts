import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SourceFacts } from '../../../coordinator/target/source-facts.js';
import {
  AclOperation,
  AclPatternType,
  AclPermission,
  AclResourceType,
  type AclBinding,
} from '../../../kafka/admin/acl-admin.js';

const readBy = (principal: string): AclBinding => ({
  ...{ resourceType: AclResourceType.topic, patternType: AclPatternType.literal },
  ...{ resourceName: 'orders', principal, host: '*' },
  ...{ operation: AclOperation.read, permission: AclPermission.allow },
});

describe('ACLs of a source that come in parts', () => {
  it('count when the last one is there', () => {
    const facts = new SourceFacts();
    facts.takeAcls([], false);
    facts.takeAcls([readBy('User:a')], false);
    assert.equal(facts.acls.state, 'unavailable');
    facts.takeAcls([readBy('User:b')], true);
    assert.deepEqual(facts.acls.bindings, [readBy('User:a'), readBy('User:b')]);
  });

  it('are forgotten when an agent begins anew that took over from one that died on the way', () => {
    const facts = new SourceFacts();
    facts.takeAcls([], false);
    facts.takeAcls([readBy('User:revoked')], false);
    facts.takeAcls([], false);
    facts.takeAcls([readBy('User:a')], false);
    facts.takeAcls([readBy('User:b')], true);
    assert.deepEqual(facts.acls.bindings, [readBy('User:a'), readBy('User:b')]);
  });
});

it('degrades a flow whose groups are not followed, and says when that changes', () => {
  const facts = new SourceFacts();
  assert.equal(facts.takeGroups(''), false);
  assert.equal(facts.takeGroups('partition 3 cannot be read'), true);
  assert.equal(facts.takeGroups('partition 4 cannot be read'), false);
  const message = 'what groups commit on the source is not followed: partition 4 cannot be read';
  const code = 'source-groups-unknown';
  assert.deepEqual(facts.notices, [{ topic: '', code, message, degraded: true }]);
  assert.equal(facts.takeGroups(''), true);
  assert.deepEqual(facts.notices, []);
});
