import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../../common/clock.js';
import { StoreRefusedError } from '../../../coordinator/store/errors.js';
import { EtcdLeaseStore } from '../../../coordinator/store/etcd-lease-store.js';
import { startEtcd, type EtcdServers } from '../../kit/start-etcd.js';
import { EventLog } from './event-log.js';
import { candidate, LONG_TTL_MS, never } from './contract/contract-context.js';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

const ROLE = 'mirror';
const USER = { username: 'mirror', password: 'only-below-mirror' };

/** What docs/operations.md would have an operator do: one role, one prefix, one user. */
const SETUP: readonly (readonly [path: string, body: unknown])[] = [
  ['user/add', { name: 'root', password: 'root' }],
  ['user/grant', { user: 'root', role: 'root' }],
  ['role/add', { name: ROLE }],
  [
    'role/grant',
    {
      name: ROLE,
      perm: { permType: 'READWRITE', key: base64('/mirror/'), range_end: base64('/mirror0') },
    },
  ],
  ['user/add', { name: USER.username, password: USER.password }],
  ['user/grant', { user: USER.username, role: ROLE }],
  ['auth/enable', {}],
];

describe('EtcdLeaseStore with a user limited to a prefix', () => {
  let servers: EtcdServers;
  before(async () => {
    servers = await startEtcd();
    for (const [path, body] of [['role/add', { name: 'root' }] as const, ...SETUP]) {
      const url = `${servers.endpoints[0]}/v3/auth/${path.replace('auth/', '')}`;
      const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
      assert.equal(response.status, 200, `${path}: ${await response.text()}`);
    }
  });
  after(() => servers.stop());

  function open(prefix: string, auth: typeof USER | undefined): EtcdLeaseStore {
    const { endpoints } = servers;
    return new EtcdLeaseStore({
      endpoints,
      auth,
      prefix,
      clock: systemClock,
      leaderTtlMs: LONG_TTL_MS,
    });
  }

  it('does everything below that prefix', async () => {
    const store = open('/mirror', USER);
    const leadership = await store.campaign(candidate('a'), never);
    const sessionId = await leadership.openSession('agent', LONG_TTL_MS);
    const [grant] = await leadership.grant([{ item: 'x', sessionId, agentId: 'agent' }]);
    assert.equal(grant?.outcome, 'granted');
    await leadership.keepSessionAlive(sessionId);
    const events = new EventLog<string>();
    leadership.watchLeases(({ kind }) => events.add(kind), never);
    await events.next((kind) => kind === 'listed');
    await leadership.closeSession(sessionId);
    await events.next((kind) => kind === 'gone');
    await leadership.put('x', 'y');
    await leadership.resign();
    await store.close();
  });

  it('is refused elsewhere, without a user, and with a wrong password', async () => {
    const stores = [
      open('/mirror-other', USER),
      open('/mirror', undefined),
      open('/mirror', { ...USER, password: 'wrong' }),
    ];
    for (const store of stores) {
      await assert.rejects(store.campaign(candidate('a'), never), StoreRefusedError);
      await assert.rejects(store.leader(), StoreRefusedError);
      await store.close();
    }
  });
});
