import { Belongings } from '../../coordinator/target/belongings.js';
import { ensureBases } from '../../coordinator/target/ensure-base.js';
import { listMapped, listVerifiable } from '../../coordinator/target/flow-positions.js';
import type { InternalRecord, InternalTopic } from '../../coordinator/target/internal-topic.js';
import type { StoredRecord } from '../../coordinator/target/internal-topic-reader.js';
import { OffsetMapStore } from '../../coordinator/target/offset-map-store.js';
import type { DurableAck, FlowTargetPort } from '../../coordinator/service/flow-target-port.js';
import { systemClock } from '../../common/clock.js';
import { silentLogger } from '../../common/log.js';
import { encodeOffsetMapRecord } from '../../mirror/records/offset-map-record.js';
import type { ScalePlan } from './scale-plan.js';

/** Records that each partition had when the leader came. */
export const COPIED = 1_000_000n;

/** The offset map topic as an earlier leader left it: made anew when it is read, and never kept. */
class PlannedMapTopic implements Pick<InternalTopic, 'topic' | 'read' | 'append'> {
  readonly topic: string;
  readonly #plan: ScalePlan;
  readonly #flow: number;

  constructor(plan: ScalePlan, flow: number) {
    this.#plan = plan;
    this.#flow = flow;
    this.topic = `mm2-offset-map.${plan.sourceOf(flow)}.internal`;
  }

  read(onRecord: (record: StoredRecord) => void): Promise<void> {
    let offset = 0n;
    for (const record of this.#records())
      // As in a fetched batch: each on its own bytes.
      onRecord({ ...record, offset: offset++ });
    return Promise.resolve();
  }

  append(_records: readonly InternalRecord[]): Promise<bigint> {
    return Promise.resolve(0n);
  }

  *#records(): Iterable<{ key: Buffer; value: Buffer | null }> {
    const plan = this.#plan;
    const runs = [
      { sourceStart: 0n, targetStart: 0n, records: COPIED, sourceGaps: 0n, targetGaps: 0n },
    ];
    for (const { name: topic, topicId, targetTopicId, partitionCount } of plan.topicsOf(
      this.#flow,
    )) {
      const base = { producerEpoch: 3, sequenceBase: 0n, sourceTopicId: topicId, targetTopicId };
      for (let partition = 0; partition < partitionCount; partition += 1) {
        const at = { topic, partition };
        yield encodeOffsetMapRecord({ kind: 'base', ...at, value: base });
        yield encodeOffsetMapRecord({
          kind: 'chunk',
          ...at,
          chunkIndex: 0,
          value: { generation: 0, runs },
        });
        yield encodeOffsetMapRecord({ kind: 'epoch', ...at, value: { offset: COPIED, epoch: 5 } });
      }
    }
  }
}

/** What a flow keeps of its target: the real offset maps, above a topic that is not there. */
export class PlannedTarget implements FlowTargetPort {
  readonly promoted = undefined;
  readonly promotedTopics = new Map<string, never>();
  readonly unfinishedPromotion = undefined;
  readonly problem = undefined;
  readonly producer = { producerId: 7n };
  readonly maps: OffsetMapStore;
  readonly #source: string;
  readonly #targetIds: ReadonlyMap<string, string>;
  readonly #durable: ((acks: readonly DurableAck[]) => void)[] = [];

  private constructor(plan: ScalePlan, flow: number) {
    const topic = new PlannedMapTopic(plan, flow) as Pick<
      InternalTopic,
      'topic' | 'read' | 'append'
    >;
    const belongings = new Belongings(topic);
    const rest = { belongings, clock: systemClock, log: silentLogger };
    this.maps = new OffsetMapStore({ flow: plan.flowOf(flow), topic, ...rest });
    this.#source = plan.sourceOf(flow);
    this.#targetIds = new Map(plan.topicsOf(flow).map((each) => [each.name, each.targetTopicId]));
  }

  static async open(plan: ScalePlan, flow: number, signal: AbortSignal): Promise<PlannedTarget> {
    const target = new PlannedTarget(plan, flow);
    await target.maps.load(0n, signal);
    return target;
  }

  ensureTopic(topic: { name: string; topicId: string; partitionCount: number }) {
    const { name, partitionCount } = topic;
    const targetTopic = this.#targetTopic(name);
    const targetTopicId = this.#targetIds.get(name) ?? '';
    const ids = { sourceTopicId: topic.topicId, targetTopicId };
    ensureBases(this.maps, { topic: name, targetTopic, partitionCount, ...ids }, 3);
    return Promise.resolve({ targetTopic, targetTopicId, partitionCount });
  }

  assignment(topic: string, partition: number) {
    const entry = this.maps.find(topic, partition);
    const { sequenceBase = 0n, sourceTopicId = '', producerEpoch = 3 } = entry?.base ?? {};
    const mapTail = entry?.map.tail(64) ?? [];
    return { producerId: 7n, producerEpoch, sequenceBase, sourceTopicId, mapTail };
  }

  applyProgress(update: Parameters<FlowTargetPort['applyProgress']>[0]): void {
    this.maps.apply(update);
  }

  async flush(signal: AbortSignal): Promise<void> {
    while (this.maps.dirtyPartitions > 0) {
      const acks = await this.maps.flush(signal);
      for (const listener of this.#durable) listener(acks);
    }
  }

  onDurable(listener: (acks: readonly DurableAck[]) => void): void {
    this.#durable.push(listener);
  }

  onFenced(): void {}
  forgetTopic(): void {}
  acceptWider(): Promise<void> {
    return Promise.resolve();
  }
  findMapEntry() {
    return [];
  }
  recordGroupOffsets(): void {}
  groupPositions() {
    return [];
  }
  readonly groups = {
    list: () => Promise.resolve([]),
    toTarget: () => Promise.resolve([]),
    toSource: () => Promise.resolve([]),
  };

  mappedPartitions() {
    const targetTopic = (topic: string): string => this.#targetTopic(topic);
    return listMapped(this.maps, { targetTopic, fenceEpoch: () => undefined });
  }

  verifiablePartitions() {
    return listVerifiable(this.maps, (topic) => this.#targetTopic(topic));
  }

  #targetTopic(topic: string): string {
    return `${this.#source}.${topic}`;
  }
}
