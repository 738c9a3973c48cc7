import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { AdminClient } from '../../kafka/admin/admin-client.js';
import { FenceMissedError } from '../../kafka/admin/errors.js';
import type { FencedPartition } from '../../kafka/admin/producer-fence.js';
import type { PromotionMark } from '../../mirror/records/offset-map-record.js';
import { flowTransactionalId } from './flow-target-parts.js';
import type { OffsetMapStore } from './offset-map-store.js';

export type PromotionPhase = 'running' | 'promoting' | 'promoted';

/** What one promotion is about. */
export interface PromotedScope {
  /** As on the source; undefined for the whole flow. */
  readonly topics: readonly string[] | undefined;
  /** Regular expressions of the groups to move; empty for all. */
  readonly groups: readonly string[];
  /** Codes of what the operator went past. */
  readonly accept: readonly string[];
}

export interface FlowPromotionsOptions {
  readonly flow: string;
  readonly maps: OffsetMapStore;
  readonly admin: AdminClient;
  readonly clock: Clock;
  readonly log: Logger;
  /** Writes, and steps down if another coordinator writes now. */
  readonly write: (work: () => Promise<void>) => Promise<void>;
}

/** The mark of the whole flow among those of topics, which all have a name. */
const WHOLE = '';

const NOT_YET = -1n;

/**
 * What of a flow was promoted: all of it, or some topics. Kept in the map topic, so that it outlives
 * every process and needs no etcd:
 *
 *   begin ──────► fence ──────► complete
 *   the mark:     the epoch:    groups are
 *   no way back   no appends    moved
 *
 * A coordinator that dies behind the mark leaves a promotion that its successor ends.
 */
export class FlowPromotions {
  readonly #options: FlowPromotionsOptions;

  constructor(options: FlowPromotionsOptions) {
    this.#options = options;
  }

  /** Of the whole flow; from the mark on, which nobody takes back. */
  get whole(): { atMs: number; completedAtMs: number | undefined } | undefined {
    const { promotedAtMs, completedAtMs, producerEpoch } = this.#options.maps.flow!;
    if (promotedAtMs >= 0n) {
      const completed = completedAtMs < 0n ? undefined : Number(completedAtMs);
      return { atMs: Number(promotedAtMs), completedAtMs: completed };
    }
    const mark = this.#options.maps.promotions.get(WHOLE);
    if (mark?.producerEpochBefore !== producerEpoch) return undefined;
    return { atMs: Number(mark.begunAtMs), completedAtMs: undefined };
  }

  /** Topics that were promoted by name, whatever became of the whole flow. */
  get topics(): ReadonlyMap<string, PromotionPhase> {
    const phases = new Map<string, PromotionPhase>();
    for (const [topic, mark] of this.#options.maps.promotions) {
      if (topic !== WHOLE) phases.set(topic, phaseOfMark(mark));
    }
    return phases;
  }

  phaseOf(topic: string): PromotionPhase {
    const mark = this.#options.maps.promotions.get(topic);
    if (mark !== undefined) return phaseOfMark(mark);
    const { whole } = this;
    if (whole === undefined) return 'running';
    return whole.completedAtMs === undefined ? 'promoting' : 'promoted';
  }

  /** The epoch with which the topic's partitions refuse agents; undefined while they do not. */
  fenceEpoch(topic: string): number | undefined {
    const mark = this.#options.maps.promotions.get(topic);
    if (mark !== undefined && mark.promotedAtMs >= 0n) return mark.producerEpoch;
    const { promotedAtMs, producerEpoch } = this.#options.maps.flow!;
    return promotedAtMs >= 0n ? producerEpoch : undefined;
  }

  isFenced({ topics }: Pick<PromotedScope, 'topics'>): boolean {
    if (topics === undefined) return this.#options.maps.flow!.promotedAtMs >= 0n;
    return topics.every((topic) => this.fenceEpoch(topic) !== undefined);
  }

  /** What was begun and not ended: the whole flow, or topics that began with the same groups. */
  get unfinished(): PromotedScope | undefined {
    const { promotions } = this.#options.maps;
    const { whole } = this;
    if (whole !== undefined) {
      if (whole.completedAtMs !== undefined) return undefined;
      const { groups = [], accept = [] } = promotions.get(WHOLE) ?? {};
      return { topics: undefined, groups, accept };
    }
    const open = [...promotions].filter(
      ([topic, mark]) => topic !== WHOLE && phaseOfMark(mark) === 'promoting',
    );
    const first = open[0]?.[1];
    if (first === undefined) return undefined;
    const together = open.filter(([, mark]) => mark.begunAtMs === first.begunAtMs);
    const { groups, accept } = first;
    return { topics: together.map(([topic]) => topic), groups, accept };
  }

  /** When it resolves there is no way back, and that is durable; repeats keep the first begin. */
  async begin({ topics, groups, accept }: PromotedScope, signal: AbortSignal): Promise<void> {
    const { maps, clock } = this.#options;
    const fresh: PromotionMark = {
      producerEpochBefore: maps.flow!.producerEpoch,
      producerEpoch: -1,
      begunAtMs: BigInt(Math.trunc(clock.wallMs())),
      promotedAtMs: NOT_YET,
      completedAtMs: NOT_YET,
      ...{ groups, accept },
    };
    const names = topics ?? (this.whole === undefined ? [WHOLE] : []);
    const marks = names
      .filter((topic) => topic === WHOLE || !maps.promotions.has(topic))
      .map((topic) => [topic, fresh] as const);
    await this.#options.write(() => maps.savePromotions(new Map(marks), signal));
  }

  /**
   * Makes these partitions of the target refuse what agents may still send, for good. A repeat after a
   * crash leaves alone what is fenced. `missed`: the target has forgotten the flow's producer, so that
   * the broker refuses nobody, and only the leases keep agents from appending.
   */
  async fence(
    { topics }: PromotedScope,
    partitions: readonly FencedPartition[],
    signal: AbortSignal,
  ): Promise<'fenced' | 'missed'> {
    const { admin, clock, flow, log, maps } = this.#options;
    const producer = maps.flow!;
    const epochs = partitions.map((each) => each.producerEpoch ?? producer.producerEpoch);
    const handedOut = epochs.reduce((a, b) => Math.max(a, b), producer.producerEpoch);
    let producerEpoch = handedOut + 1; // if missed: one that nobody was given
    let outcome: 'fenced' | 'missed' = 'fenced';
    try {
      producerEpoch = await admin.fencePartitions(
        {
          producerId: producer.producerId,
          producerEpoch: handedOut,
          transactionalId: flowTransactionalId(flow),
          partitions,
        },
        { signal },
      );
    } catch (error) {
      if (!(error instanceof FenceMissedError)) throw error;
      log.error({ flow, problem: error.message }, 'fence missed');
      outcome = 'missed';
    }
    const promotedAtMs = BigInt(Math.trunc(clock.wallMs()));
    await this.#options.write(() =>
      topics === undefined
        ? maps.saveFlow({ ...producer, producerEpoch, promotedAtMs }, signal)
        : maps.savePromotions(this.#changed(topics, { producerEpoch, promotedAtMs }), signal),
    );
    return outcome;
  }

  /** Writes down where each partition's log ended right after its fence, by `topic:partition`. */
  recordEnds(ends: ReadonlyMap<string, bigint>, targetTopicOf: (topic: string) => string): void {
    const { maps } = this.#options;
    for (const { topic, partition, base } of maps.entries) {
      const producerEpoch = this.fenceEpoch(topic);
      const sequenceBase = ends.get(`${targetTopicOf(topic)}:${partition}`);
      if (base === undefined || sequenceBase === undefined || producerEpoch === undefined) continue;
      if (base.producerEpoch === producerEpoch) continue; // kept from before a crash
      maps.setBase(topic, partition, { ...base, producerEpoch, sequenceBase });
    }
  }

  /** The promotion is done: from now on it is only reported. */
  async complete({ topics }: PromotedScope, signal: AbortSignal): Promise<void> {
    const { maps, clock } = this.#options;
    const completedAtMs = BigInt(Math.trunc(clock.wallMs()));
    const open = [...maps.promotions.keys()].filter((topic) => topic !== WHOLE);
    await this.#options.write(async () => {
      await maps.savePromotions(this.#changed(topics ?? open, { completedAtMs }), signal);
      if (topics === undefined) await maps.saveFlow({ ...maps.flow!, completedAtMs }, signal);
    });
  }

  /** The topics may be copied again, or are gone. */
  async forget(topics: readonly string[], signal: AbortSignal): Promise<void> {
    const marks = topics.map((topic) => [topic, undefined] as const);
    await this.#options.write(() => this.#options.maps.savePromotions(new Map(marks), signal));
  }

  #changed(topics: readonly string[], change: Partial<PromotionMark>): Map<string, PromotionMark> {
    const marks = new Map<string, PromotionMark>();
    for (const topic of topics) {
      const mark = this.#options.maps.promotions.get(topic);
      if (mark !== undefined && mark.completedAtMs < 0n) marks.set(topic, { ...mark, ...change });
    }
    return marks;
  }
}

function phaseOfMark({ completedAtMs }: PromotionMark): PromotionPhase {
  return completedAtMs < 0n ? 'promoting' : 'promoted';
}
