import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { HaltError } from '../../../agent/replication/halt.js';
import { RECOVERY_BATCH_MAX } from '../../../agent/replication/limits.js';
import type { PartitionCopier } from '../../../agent/replication/partition-copier.js';
import type {
  Alignment,
  PositionRecovery,
  TargetEnds as RecoveredEnds,
} from '../../../agent/replication/position-recovery.js';
import { RecoveryQueue } from '../../../agent/replication/recovery-queue.js';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import type { KafkaCluster } from '../../../kafka/client/index.js';
import { eventually } from '../../kit/eventually.js';
import { quietCopier } from './quiet-copier.js';

const BROKERS = 2;

/** Metadata without the topics says nothing against them. */
const cluster = {
  metadata: () => Promise.resolve({ topics: new Map() }),
  leaderOf: (_topic: string, partition: number) => ({
    nodeId: partition % BROKERS,
    leaderEpoch: 0,
  }),
} as unknown as KafkaCluster;

type Recover = (...args: Parameters<PositionRecovery['recover']>) => Promise<Alignment | void>;

type TargetEnds = (copiers: readonly PartitionCopier[]) => Promise<RecoveredEnds>;

const endsOf: TargetEnds = (copiers) =>
  Promise.resolve({
    ends: new Map(copiers.map((copier) => [copier, 0n])),
    missing: [],
    reasons: new Map(),
  });

/** A queue whose answers this file gives: what a broker says is for the tests with real ones. */
function start(recover: Recover, targetEnds: TargetEnds = endsOf) {
  const recovery = { targetEnds, recover } as unknown as PositionRecovery;
  const queue = new RecoveryQueue({
    source: cluster,
    target: cluster,
    recovery,
    clock: systemClock,
    log: silentLogger,
  });
  const stop = new AbortController();
  const running = queue.run(stop.signal);
  const end = async (): Promise<void> => {
    stop.abort();
    await running;
  };
  return { queue, end };
}

function copierOf(partition: number): PartitionCopier {
  return quietCopier({
    topic: 't',
    partition,
    mapTail: [{ sourceStart: 0n, targetStart: 0n, length: 1n }],
  });
}

const POSITION = { sourceNext: 1n, targetNext: 1n };

describe('RecoveryQueue', () => {
  it('tries a partition again that fails, while others go on', async () => {
    const failing = copierOf(0);
    const others = [copierOf(1), copierOf(2)];
    let failures = 3;
    const { queue, end } = start(async (copier) => {
      if (copier === failing && failures-- > 0) throw new Error('not now');
      copier.resumeAt(POSITION);
    });
    for (const copier of [failing, ...others]) queue.add(copier);
    await eventually(() => others.every(({ state }) => state === 'running'));
    assert.equal(failing.state, 'recovering');
    await eventually(() => failing.state === 'running');
    assert.equal(failing.failures, 3);
    await end();
  });

  it('lets a halt stop one partition only', async () => {
    const [halted, other] = [copierOf(0), copierOf(1)];
    const { queue, end } = start(async (copier) => {
      if (copier === halted) throw new HaltError('target-diverged', 'somebody else wrote');
      copier.resumeAt(POSITION);
    });
    queue.add(halted);
    queue.add(other);
    await eventually(() => other.state === 'running' && halted.state === 'halted');
    await end();
  });

  it('goes on with other brokers while one says nothing, and with it once it answers', async () => {
    let speak = (): void => undefined;
    const silence = new Promise<void>((resolve) => (speak = resolve));
    const asked: number[] = [];
    const targetEnds: TargetEnds = async (copiers) => {
      asked.push(copiers.length);
      if (copiers.some(({ assignment }) => assignment.partition % BROKERS === 0)) await silence;
      return endsOf(copiers);
    };
    const { queue, end } = start(async (copier) => copier.resumeAt(POSITION), targetEnds);
    const first = copierOf(0);
    queue.add(first);
    await eventually(() => asked.length === 1);
    const behind = Array.from({ length: 600 }, (_, index) => copierOf(2 + 2 * index));
    const others = Array.from({ length: 600 }, (_, index) => copierOf(1 + 2 * index));
    for (const copier of [...behind, ...others]) queue.add(copier);
    await eventually(() => others.every(({ state }) => state === 'running'));
    assert.ok(behind.every(({ state }) => state === 'recovering'));
    speak();
    await eventually(() => [first, ...behind].every(({ state }) => state === 'running'));
    assert.ok(Math.max(...asked) <= RECOVERY_BATCH_MAX);
    await end();
  });

  it('leaves alone a partition that was stopped in the meantime', async () => {
    const copier = copierOf(0);
    const { queue, end } = start(async (each) => {
      await copier.stop();
      each.resumeAt(POSITION);
    });
    queue.add(copier);
    await eventually(() => copier.state === 'stopped');
    await end();
    assert.equal(copier.state, 'stopped');
  });

  it('lets a partition whose records must be compared hold up none of its brokers', async () => {
    const [compared, other] = [copierOf(0), copierOf(2)];
    let isCompared = false;
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    const { queue, end } = start(async (copier) => {
      if (copier === other) return other.resumeAt(POSITION);
      return async () => {
        isCompared = true;
        await finished;
        compared.resumeAt(POSITION);
      };
    });
    queue.add(compared);
    await eventually(() => isCompared);
    queue.add(other);
    await eventually(() => other.state === 'running');
    assert.equal(compared.state, 'recovering');
    finish();
    await eventually(() => compared.state === 'running');
    await end();
  });

  it('ends the comparison of a partition whose position is derived anew', async () => {
    const copier = copierOf(0);
    let begun = 0;
    let ended = 0;
    const { queue, end } = start(async () => {
      begun += 1;
      if (begun === 2) return copier.resumeAt(POSITION);
      return async (signal) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        ended += 1;
        throw signal.reason;
      };
    });
    queue.add(copier);
    await eventually(() => begun === 1);
    queue.add(copier);
    await eventually(() => copier.state === 'running' && ended === 1);
    await end();
    assert.deepEqual([begun, copier.failures], [2, 0]);
  });

  it('ends the comparison of a partition that is let go of', async () => {
    const copier = copierOf(0);
    let reason: unknown;
    let begun = false;
    const { queue, end } = start(async () => async (signal) => {
      begun = true;
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      reason = signal.reason;
      throw signal.reason;
    });
    queue.add(copier);
    await eventually(() => begun);
    queue.remove(copier);
    await eventually(() => reason !== undefined);
    await end();
    assert.equal(copier.failures, 0);
  });
});
