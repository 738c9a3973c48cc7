import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import type {
  Backend,
  Change,
  Compare,
  Entry,
  Operation,
  Transaction,
} from '../../../coordinator/store/backend.js';
import { EtcdBackend } from '../../../coordinator/store/etcd-backend.js';
import { LeaseGoneError, listAll, newLeaseId } from '../../../coordinator/store/backend.js';
import { StoreUnavailableError } from '../../../coordinator/store/errors.js';
import { MemoryBackend } from '../../../coordinator/store/memory-backend.js';
import { MemoryKeyValue } from '../../../coordinator/store/memory-key-value.js';
import { compactEtcd } from '../../kit/compact-etcd.js';
import { startEtcd, type EtcdServers } from '../../kit/start-etcd.js';
import { EventLog } from './event-log.js';
import { ManualClock } from '../../kit/manual-clock.js';

const PREFIX = '/diff/';
const PAGE = { pageEntriesMax: 2 }; // small, so that lists have several pages
const LONG_MS = 600_000;

/** Everything the two stores say, with revisions counted from where the run began. */
class Probe {
  readonly said: unknown[] = [];
  readonly #backend: Backend;
  readonly #base: bigint;

  private constructor(backend: Backend, base: bigint) {
    this.#backend = backend;
    this.#base = base;
  }

  static async on(backend: Backend): Promise<Probe> {
    const { entries } = await listAll(backend, PREFIX, PAGE);
    for (const { key } of entries) await write(backend, { kind: 'delete', key });
    return new Probe(backend, (await listAll(backend, PREFIX, PAGE)).revision);
  }

  async run(step: Step): Promise<void> {
    const backend = this.#backend;
    if (step.kind === 'transact') await this.#transact(step.transaction);
    else if (step.kind === 'grant') await backend.grantLease(step.leaseId, LONG_MS);
    else if (step.kind === 'revoke') await backend.revokeLease(step.leaseId);
    else this.said.push(await backend.keepLeaseAlive(step.leaseId));
    const { revision, entries } = await listAll(backend, PREFIX, PAGE);
    this.said.push([revision - this.#base, entries.map((entry) => this.#plain(entry))]);
  }

  async #transact(transaction: Transaction): Promise<void> {
    const outcome = await this.#backend
      .transact(this.#shifted(transaction))
      .catch((error: unknown) => error);
    if (outcome instanceof LeaseGoneError) this.said.push('lease gone');
    else
      this.said.push(
        JSON.parse(JSON.stringify(outcome, (key, value) => this.#replace(key, value))),
      );
  }

  #replace(key: string, value: unknown): unknown {
    if (typeof value !== 'bigint') return value;
    return key.endsWith('evision') ? String(value - this.#base) : String(value);
  }

  #plain(entry: Entry): unknown {
    const { key, value, leaseId } = entry;
    return [key, value, leaseId, entry.createRevision - this.#base, entry.modRevision - this.#base];
  }

  /** Compares of the script are relative to the beginning, but 0n means "does not exist". */
  #shifted(transaction: Transaction): Transaction {
    const shift = (compare: Compare): Compare => ({
      ...compare,
      revision: compare.revision === 0n ? 0n : compare.revision + this.#base,
    });
    const nested = (operation: Operation): Operation =>
      operation.kind === 'transaction'
        ? { kind: 'transaction', transaction: this.#shifted(operation.transaction) }
        : operation;
    return {
      compares: transaction.compares.map(shift),
      success: transaction.success.map(nested),
      failure: transaction.failure.map(nested),
    };
  }
}

type Step =
  | { kind: 'grant' | 'revoke' | 'renew'; leaseId: string }
  | { kind: 'transact'; transaction: Transaction };

async function write(backend: Backend, operation: Operation): Promise<bigint> {
  const all = { compares: [], success: [operation], failure: [] };
  return (await backend.transact(all)).revision;
}

function steps(leases: readonly string[]): fc.Arbitrary<Step[]> {
  const names = ['a', 'b', 'c', 'd', 'e'].map((name) => PREFIX + name);
  const leaseId = fc.constantFrom(...leases);
  const compare = fc.record<Compare>({
    key: fc.constantFrom(...names),
    target: fc.constantFrom('create', 'mod'),
    is: fc.constantFrom('equal', 'not-equal'),
    revision: fc.bigInt(0n, 6n),
  });
  const operation = (key: string): fc.Arbitrary<Operation> =>
    fc.oneof(
      fc.constant<Operation>({ kind: 'get', key }),
      fc.constant<Operation>({ kind: 'delete', key }),
      fc.string().map((value): Operation => ({ kind: 'put', key, value })),
      leaseId.map((id): Operation => ({ kind: 'put', key, value: 'leased', leaseId: id })),
    );
  // Each key once in a transaction: etcd refuses more, and the store never asks for it.
  const flat = fc
    .shuffledSubarray(names, { minLength: 1, maxLength: 3 })
    .chain((keys) => fc.tuple(...keys.map(operation)));
  const inner = fc.record<Transaction>({
    compares: fc.array(compare, { maxLength: 2 }),
    success: flat,
    failure: flat,
  });
  const nested = inner.map((transaction): Transaction => ({
    compares: [],
    success: [{ kind: 'transaction', transaction }],
    failure: [],
  }));
  const transact = fc
    .oneof(inner, nested)
    .map((transaction): Step => ({ kind: 'transact', transaction }));
  const kind = fc.constantFrom('grant', 'revoke', 'renew');
  const onLease = fc.record({ kind, leaseId }) as fc.Arbitrary<Step>;
  return fc.array(fc.oneof({ arbitrary: transact, weight: 3 }, onLease), { maxLength: 25 });
}

describe('EtcdBackend', () => {
  let servers: EtcdServers;
  let etcd: EtcdBackend;
  before(async () => {
    servers = await startEtcd();
    etcd = new EtcdBackend({ endpoints: servers.endpoints });
  });
  after(async () => {
    await etcd.close();
    await servers.stop();
  });

  it('is what the store in memory says it is', async () => {
    const leases = [newLeaseId(), newLeaseId()];
    const property = fc.asyncProperty(steps(leases), async (script) => {
      for (const leaseId of leases) await etcd.revokeLease(leaseId); // of an earlier run
      const memory = new MemoryBackend(new MemoryKeyValue(new ManualClock()));
      const probes = await Promise.all([Probe.on(etcd), Probe.on(memory)]);
      for (const step of script) {
        for (const probe of probes) await probe.run(step);
        assert.deepEqual(probes[0].said, probes[1].said);
      }
    });
    await fc.assert(property, { numRuns: 60 }); // prints its seed when it fails
  });

  it('breaks a watch of a compacted revision', async () => {
    const first = await write(etcd, { kind: 'put', key: '/compact/a', value: '1' });
    await compactEtcd(servers.endpoints[0] ?? '', 10_000);
    const signal = new AbortController().signal;
    const watch = { prefix: '/compact/', fromRevision: first, onChange: () => {}, signal };
    await assert.rejects(etcd.watch(watch), StoreUnavailableError);
  });

  it('delivers changes from the given revision on, in order, until aborted', async () => {
    const first = await write(etcd, { kind: 'put', key: '/watch/a', value: '1' });
    const changes = new EventLog<Change>();
    const stop = new AbortController();
    const done = etcd.watch({
      prefix: '/watch/',
      fromRevision: first,
      onChange: changes.add,
      signal: stop.signal,
    });
    await write(etcd, { kind: 'put', key: '/watch/b', value: '2' });
    await write(etcd, { kind: 'put', key: '/watched', value: 'another prefix' });
    await write(etcd, { kind: 'delete', key: '/watch/a' });
    await changes.next(({ kind }) => kind === 'delete');
    stop.abort();
    await done;
    const told = changes.all.map((change) =>
      change.kind === 'put' ? change.entry.key : `-${change.key}`,
    );
    assert.deepEqual(told, ['/watch/a', '/watch/b', '-/watch/a']);
  });

  it('rounds a time to live up to whole seconds', async () => {
    const leaseId = newLeaseId();
    await etcd.grantLease(leaseId, 4_001);
    const body = JSON.stringify({ ID: leaseId });
    const url = `${servers.endpoints[0]}/v3/lease/timetolive`;
    const answer = await (await fetch(url, { method: 'POST', body })).json();
    assert.equal((answer as { grantedTTL: string }).grantedTTL, '5');
  });
});
