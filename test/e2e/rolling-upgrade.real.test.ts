import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import type { Admin } from 'kafkajs';
import { eventually } from '../kit/eventually.js';
import { assertMirrored, type HistoryRecord } from '../kit/history-checker.js';
import { connectKafkajs } from '../kit/kafkajs-client.js';
import { MirroredPair } from '../kit/mirrored-pair.js';
import { assertMapped } from '../kit/read-offset-map.js';
import { readTopic } from '../kit/read-topic.js';
import { Standstills, type Probe, type Stretch } from '../kit/standstills.js';
import { createTopics, decodeUnique, writeUnique } from '../kit/write-unique.js';

const FLOW = 'us-east:us-west';
const PARTITIONS = [0, 1, 2, 3, 4, 5, 6, 7];
const AGENTS = ['agent-a', 'agent-b', 'agent-c'];

/**
 * To upgrade from an older version, and not from this one to itself: the compiled output (`dist`) of
 * that version.
 */
const OLDER = process.env['MIRROR_TEST_OLDER_DIST'];

/**
 * Nobody waits for a lease to run out in an upgrade: with leases this long, a partition that did
 * would stand still for longer than any busy machine makes it.
 */
const LEASE_TTL_MS = 30_000;

/**
 * How long a record may wait while everything runs: the second of the promise, on a machine whose processes
 * answer late, but do answer, at each of the steps of a move. What nobody copies waits for 15 s, or a lease.
 */
const WAIT_MS_MAX = 5_000;

/** Between two records of a partition: finer than what is measured. */
const WRITE_PAUSE_MS = 20;

/** Long enough that every partition is copied many times between two replacements. */
const SETTLE_RECORDS = 12;

interface Agent {
  agentId: string;
  partitions: number;
  problems: string[];
}

describe('a rolling upgrade of three agents and two coordinators, under load', () => {
  const stop = new AbortController();
  const phases: { readonly name: string; readonly fromMs: number }[] = [];
  let pair: MirroredPair;
  let writing: Promise<unknown>;
  let standstills: Standstills;
  let admins: Admin[];

  const begin = (name: string): number => phases.push({ name, fromMs: Date.now() });

  const agents = async (): Promise<Agent[]> => {
    const { out } = await pair.mirrorctl('--json', 'agents');
    return out.startsWith('{') ? (JSON.parse(out) as { agents: Agent[] }).agents : [];
  };

  /** Of all that a move needs. Nothing that is not there stands still. */
  function probes(): Probe[] {
    const names = [...AGENTS, coordinatorName(0), coordinatorName(1)];
    const programs = names.map((name) => async () => {
      const { http } = pair.programs.get(name)?.readyLine ?? {};
      if (typeof http === 'string') await (await fetch(`http://${http}/healthz`)).text();
    });
    const etcd = pair.etcdEndpoints.map((endpoint) => async () => {
      await (await fetch(`${endpoint}/health`)).text();
    });
    return [...programs, ...etcd, ...admins.map((admin) => () => admin.listTopics())];
  }

  const copied = async (): Promise<number> =>
    (await readTopic(pair.west, 'us-east.orders').catch(() => [])).length;

  /** Until so many more records of every partition have been copied. */
  async function copiesOn(): Promise<void> {
    const wanted = (await copied()) + SETTLE_RECORDS * PARTITIONS.length;
    await eventually(
      async () => (await copied()) >= wanted,
      () => `${wanted} records`,
      90_000,
    );
  }

  const leader = async (): Promise<number> => {
    const { out } = await pair.mirrorctl('--json', 'status');
    const { coordinator } = JSON.parse(out) as { coordinator: { address: string } };
    return pair.coordinator.split(',').indexOf(coordinator.address);
  };

  const coordinatorName = (index: number): string =>
    index === 0 ? 'mirror-coordinator' : `mirror-coordinator-${index + 1}`;

  before(async () => {
    pair = await MirroredPair.open({
      flowLines: [],
      agents: AGENTS,
      coordinators: 2,
      leaseTtlMs: LEASE_TTL_MS,
      // The target says when it appended each record; the writer says in each when it was written.
      broker: { 'log.message.timestamp.type': 'LogAppendTime' },
    });
    admins = [pair.east, pair.west].map((servers) => connectKafkajs(servers).admin());
    await createTopics(pair.east, [
      {
        topic: 'orders',
        partitions: PARTITIONS.length,
      },
    ]);
    await writeUnique(pair.east, { topic: 'orders', partitions: PARTITIONS, count: 1 });
    await pair.start({ compiled: OLDER });
    await pair.caughtUp(['orders']);
    await eventually(
      async () => (await agents()).filter(({ partitions }) => partitions >= 2).length === 3,
      agents,
      90_000,
    );
    for (const admin of admins) await admin.connect();
    standstills = new Standstills(probes());
    writing = writeUnique(pair.east, {
      ...{ topic: 'orders', partitions: PARTITIONS, from: 1, batchRecords: 1 },
      ...{ pauseMs: WRITE_PAUSE_MS, signal: stop.signal },
    });
  });

  after(async () => {
    stop.abort();
    await standstills.close();
    for (const admin of admins) await admin.disconnect();
    await pair.stop();
    await pair.close();
  });

  it('goes on while agents leave one after another, one of them drained before', async () => {
    begin('nothing');
    await copiesOn();
    for (const name of AGENTS) {
      begin(`${name} leaves`);
      if (name === 'agent-a' && OLDER === undefined) {
        await eventually(
          async () => (await pair.mirrorctl('drain', name)).code === 0,
          agents,
          90_000,
        );
      }
      assert.equal((await pair.programs.get(name)?.stop())?.code, 0);
      await copiesOn();
      begin(`${name} comes`);
      await pair.startAgent(name);
      if (name === 'agent-a' && OLDER === undefined) await pair.mirrorctl('drain', name, '--undo');
      await copiesOn();
    }
  });

  it('goes on while both coordinators are replaced, the leader first', async () => {
    const first = await leader();
    for (const index of [first, 1 - first]) {
      begin(`${index === first ? 'leading' : 'other'} coordinator`);
      assert.equal((await pair.programs.get(coordinatorName(index))?.stop())?.code, 0);
      await copiesOn();
      await pair.startCoordinator({ index });
      await copiesOn();
    }
  });

  it('kept every partition copying, lost nothing and repeated nothing', async (t) => {
    stop.abort();
    await writing;
    await standstills.close();
    await pair.caughtUp(['orders']);
    const source = await readTopic(pair.east, 'orders');
    const target = await readTopic(pair.west, 'us-east.orders');
    // When a record was appended is the one thing that is meant to differ here.
    const timeless = (record: HistoryRecord): HistoryRecord => ({ ...record, timestamp: 0n });
    const [original, copy] = [source.map(timeless), target.map(timeless)];
    assertMirrored(original, copy);
    if (OLDER === undefined)
      await assertMapped({ target: pair.west, alias: 'us-east', topic: 'orders' }, original, copy);
    const asMeasured = ({ fromMs, untilMs }: Stretch): number => untilMs - fromMs;
    for (const { name, delayMs, partition } of worstDelays({ source, target, phases }, asMeasured))
      t.diagnostic(`${name}: ${delayMs} ms at most, partition ${partition}`);
    const whileMoving = (delay: Stretch): number => standstills.movingMs(delay);
    for (const { name, delayMs, partition } of worstDelays({ source, target, phases }, whileMoving))
      assert.ok(delayMs < WAIT_MS_MAX, `${name}: ${delayMs} ms, partition ${partition}`);
    const { out } = await pair.mirrorctl('--json', 'status', FLOW);
    assert.match(out, /"state":\s*"running"/);
  });
});

interface Course {
  readonly source: readonly HistoryRecord[];
  readonly target: readonly HistoryRecord[];
  readonly phases: readonly { readonly name: string; readonly fromMs: number }[];
}

/** Of each phase, the record that came to the target longest after it was appended to the source. */
function worstDelays(
  { source, target, phases }: Course,
  lengthOf: (delay: Stretch) => number,
): { name: string; delayMs: number; partition: number }[] {
  const key = ({ partition, value }: HistoryRecord): string =>
    `${partition}/${value === null ? '' : (decodeUnique(value)?.n ?? '')}`;
  const copiedAtMs = new Map(target.map((record) => [key(record), Number(record.timestamp)]));
  return phases.map(({ name, fromMs }, index) => {
    const untilMs = phases[index + 1]?.fromMs ?? Infinity;
    let worst = { name, delayMs: 0, partition: -1 };
    for (const record of source) {
      const writtenAtMs = Number(record.timestamp);
      if (writtenAtMs < fromMs || writtenAtMs >= untilMs) continue;
      const copiedMs = copiedAtMs.get(key(record)) ?? Infinity;
      const delayMs = lengthOf({ fromMs: writtenAtMs, untilMs: copiedMs });
      if (delayMs > worst.delayMs) worst = { name, delayMs, partition: record.partition };
    }
    return worst;
  });
}
