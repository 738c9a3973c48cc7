import assert from 'node:assert/strict';
import { systemClock, type Clock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import type { PromoteOptions } from '../../../coordinator/promotion/promote.js';
import type { PromotionDocuments } from '../../../coordinator/promotion/promotion-journal.js';
import type {
  CommitsReported,
  PromotionHost,
  SourceEndsSeen,
} from '../../../coordinator/promotion/promotion-look.js';
import type {
  FlowPhase,
  PartitionPosition,
  SourceState,
} from '../../../coordinator/promotion/promotion-plan.js';
import { EVERYTHING } from '../../../coordinator/promotion/promotion-selection.js';
import type { StoredDocument } from '../../../coordinator/store/lease-store.js';
import type { FlowTarget } from '../../../coordinator/target/flow-target.js';
import type { MapRun } from '../../../coordinator/target/partition-map.js';
import { ErrorCode } from '../../../kafka/messages/error-codes.js';
import { buildBatch } from '../../../kafka/records/build-batch.js';
import { produceBatch } from '../../kafka/records/on-broker.js';
import { connectKafkajs } from '../../kit/kafkajs-client.js';
import { flowFrom, SOURCE_TOPIC_ID, type TargetProcess } from '../target/open-on-broker.js';

/** A coordinator's side of a promotion, as far as the test wants one. */
export class Host implements PromotionHost {
  state: SourceState = 'unreachable';
  positions: PartitionPosition[] = [];
  readonly phases: FlowPhase[] = [];
  stops = 0;
  readonly stopped: (readonly string[] | undefined)[] = [];

  sourceState: () => { state: SourceState; evidence: string } = () => {
    return { state: this.state, evidence: 'the test says so' };
  };

  probeSource(): Promise<void> {
    return Promise.resolve();
  }

  /** Why what groups have committed cannot be known. */
  unread: string | undefined;
  ends: SourceEndsSeen = new Map();
  /** What comes of asking. */
  onReport = (): void => {};

  reportGroups(): Promise<CommitsReported> {
    const { unread: problem } = this;
    if (problem !== undefined) return Promise.resolve({ state: 'unknown', problem });
    this.onReport();
    return Promise.resolve({ state: 'known', ends: this.ends });
  }

  partitionPositions(): PartitionPosition[] {
    return this.positions;
  }

  /** Agents that do not release what they hold. */
  holders: string[] = [];

  stopFlow(_flow: string, topics: readonly string[] | undefined): Promise<string[]> {
    this.stops += 1;
    this.stopped.push(topics);
    return Promise.resolve(this.holders);
  }

  setFlowState(_flow: string, phase: FlowPhase): void {
    this.phases.push(phase);
  }
}

/** Outlives a coordinator, as etcd does. */
class Documents implements PromotionDocuments {
  readonly #values = new Map<string, string>();

  get(key: string): Promise<StoredDocument | undefined> {
    const value = this.#values.get(key);
    return Promise.resolve(value === undefined ? undefined : { key, value, revision: 1n });
  }

  put(key: string, value: string): Promise<bigint> {
    this.#values.set(key, value);
    return Promise.resolve(1n);
  }
}

/** One flow with what promotion needs; `open` again stands for a coordinator that took over. */
export class Scene {
  readonly flow;
  readonly host = new Host();
  readonly documents = new Documents();
  readonly process: TargetProcess;
  readonly steps: string[] = [];
  target: FlowTarget;

  private constructor(source: string, process: TargetProcess, target: FlowTarget) {
    this.flow = flowFrom(source);
    this.process = process;
    this.target = target;
  }

  static async open(source: string, process: TargetProcess): Promise<Scene> {
    const scene = new Scene(source, process, await process.open(flowFrom(source)));
    await scene.target.ensureTopic({
      name: 'orders',
      topicId: SOURCE_TOPIC_ID,
      partitionCount: 3,
    });
    return scene;
  }

  get targetTopic(): string {
    return `${this.flow.source}.orders`;
  }

  async reopen(): Promise<void> {
    await this.target.close();
    this.target = await this.process.open(this.flow);
  }

  /** As an agent: appends records at their positions, and reports them unless it dies first. */
  async copy(partition: number, run: MapRun, isReported = true): Promise<void> {
    const answer = await this.append(partition, run.targetStart, Number(run.length));
    assert.equal(answer, ErrorCode.NONE);
    if (isReported) this.target.applyProgress({ topic: 'orders', partition, runs: [run] });
  }

  async append(
    partition: number,
    targetStart: bigint,
    length: number,
    topic = 'orders',
  ): Promise<number> {
    const { cluster } = this.process;
    const { producerId, producerEpoch } = this.target.producer;
    const records = [...Array(length).keys()].map((index) => ({
      key: null,
      value: Buffer.from(String(index)),
      timestamp: 1n,
    }));
    const baseSequence = Number(targetStart);
    const batch = buildBatch({ records, producerId, producerEpoch, baseSequence });
    const place = { cluster, topic: `${this.flow.source}.${topic}`, partition };
    return (await produceBatch(place, batch)).errorCode;
  }

  group(group: string, partition: number, offset: bigint): void {
    const metadata = `of ${group}`;
    this.target.recordGroupOffsets([{ group, topic: 'orders', partition, offset, metadata }]);
  }

  options(change: Partial<PromoteOptions> = {}): PromoteOptions {
    const { target, host, documents, steps } = this;
    const { admin, cluster } = this.process;
    return {
      ...{ target, host, documents, admin, cluster },
      operator: 'tester',
      selection: EVERYTHING,
      clock: systemClock,
      log: silentLogger,
      onStep: ({ name, done }) => steps.push(`${name} ${done ? 'done' : 'begun'}`),
      ...change,
    };
  }

  /** What a consumer of the group would read next, by partition, as its own client sees it. */
  async committed(group: string, of = 'orders'): Promise<Record<number, string>> {
    const admin = connectKafkajs({ bootstrapServers: this.process.bootstrapServers }).admin();
    await admin.connect();
    try {
      const [topic] = await admin.fetchOffsets({
        groupId: group,
        topics: [`${this.flow.source}.${of}`],
      });
      const offsets = (topic?.partitions ?? []).filter(({ offset }) => offset !== '-1');
      return Object.fromEntries(offsets.map(({ partition, offset }) => [partition, offset]));
    } finally {
      await admin.disconnect();
    }
  }
}

function run(sourceStart: number, targetStart: number, length: number): MapRun {
  return {
    sourceStart: BigInt(sourceStart),
    targetStart: BigInt(targetStart),
    length: BigInt(length),
  };
}

/**
 * Partition 0: records with a gap. Partition 1: empty, the source's log began at 70. Partition 2:
 * as partition 0 without a gap, and twenty more records that were never reported.
 */
export async function filledScene(source: string, process: TargetProcess): Promise<Scene> {
  const scene = await Scene.open(source, process);
  await scene.copy(0, run(100, 0, 50));
  await scene.copy(0, run(160, 50, 50));
  scene.target.applyProgress({ topic: 'orders', partition: 1, runs: [run(70, 0, 0)] });
  await scene.copy(2, run(0, 0, 30));
  await scene.copy(2, run(30, 30, 20), false);
  scene.group('billing', 0, 120n);
  scene.group('billing', 1, 70n);
  scene.group('billing', 2, 45n);
  scene.group('audit', 0, 155n);
  await scene.target.flush();
  return scene;
}

/** Ten records in partition 0 of two topics, of which `billing` and `mail` have read five each. */
export async function twoTopics(source: string, process: TargetProcess): Promise<Scene> {
  const scene = await Scene.open(source, process);
  await scene.target.ensureTopic({ name: 'audit', topicId: SOURCE_TOPIC_ID, partitionCount: 1 });
  for (const topic of ['orders', 'audit']) {
    assert.equal(await scene.append(0, 0n, 10, topic), ErrorCode.NONE);
    scene.target.applyProgress({ topic, partition: 0, runs: [run(0, 0, 10)] });
    const at = { topic, partition: 0, offset: 5n, metadata: '' };
    scene.target.recordGroupOffsets([
      { group: 'billing', ...at },
      { group: 'mail', ...at },
    ]);
  }
  await scene.target.flush();
  return scene;
}

/** Sleeps take no time, but the clock believes they did. */
export function hastyClock(): Clock {
  let aheadMs = 0;
  return {
    nowMs: () => systemClock.nowMs() + aheadMs,
    wallMs: () => systemClock.wallMs(),
    sleep: (ms) => {
      aheadMs += ms;
      return Promise.resolve();
    },
  };
}

export function position(
  scene: Scene,
  partition: number,
  change: Partial<PartitionPosition>,
): PartitionPosition {
  const { targetTopic } = scene;
  const offsets = { sourceNext: 210n, sourceEnd: 210n, sourceEndAgeMs: 0, lagRecords: 0n };
  return { topic: 'orders', targetTopic, partition, ...offsets, ...change };
}
