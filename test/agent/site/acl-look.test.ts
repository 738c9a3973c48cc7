import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AclLook } from '../../../agent/site/acl-look.js';
import { silentLogger } from '../../../common/log.js';
import type { AdminClient } from '../../../kafka/admin/admin-client.js';
import { AclLook as Look, type SourceAcls } from '../../../proto/gen/mirror/v1/agent.js';
import { ManualClock } from '../../kit/manual-clock.js';
import { flowOf } from '../../mirror/config/load.js';

async function looksOf(count: number): Promise<[Look, number][]> {
  const binding = { resourceType: 2, patternType: 3, principal: 'User:a', host: '*' };
  const bindings = Array.from({ length: count }, (_, index) => ({
    ...{ ...binding, resourceName: `t${index}`, operation: 3, permission: 3 },
  }));
  const sent: SourceAcls[] = [];
  const look = new AclLook({
    flow: flowOf(),
    admin: { listAcls: () => Promise.resolve(bindings) } as unknown as AdminClient,
    clock: new ManualClock(),
    log: silentLogger,
    send: (acls) => sent.push(acls) > 0,
  });
  await look.look(new AbortController().signal);
  return sent.map((acls) => [acls.look, acls.bindings.length]);
}

describe('a look at the ACLs of a source', () => {
  it('is told in one message, also when there are none', async () => {
    assert.deepEqual(await looksOf(0), [[Look.DONE, 0]]);
    assert.deepEqual(await looksOf(5_000), [[Look.DONE, 5_000]]);
  });

  it('begins with an empty part where there are more, so that no earlier part stays', async () => {
    assert.deepEqual(await looksOf(5_001), [
      [Look.PART, 0],
      [Look.PART, 5_000],
      [Look.DONE, 1],
    ]);
  });
});
