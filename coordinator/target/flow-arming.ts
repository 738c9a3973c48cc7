import type { OffsetRun } from '../../mirror/offset-map-run.js';
import type { FailbackState } from '../../mirror/records/failback-state.js';
import type { SequenceBase } from '../../mirror/records/offset-map-record.js';
import type { Belongings } from './belongings.js';
import type { GroupOffset } from './group-positions.js';
import type { MapSeed, OffsetMapStore } from './offset-map-store.js';

/** Where a partition goes on when its flow is armed; `sequenceBase` is the target's end there. */
export type FlowSeed = Omit<MapSeed, 'base'> & Omit<SequenceBase, 'producerEpoch'>;

export interface FlowArmingOptions {
  readonly maps: OffsetMapStore;
  readonly belongings: Belongings;
  readonly flush: (signal: AbortSignal) => Promise<void>;
  /** Writes, and steps down if another coordinator writes now. */
  readonly write: (work: () => Promise<void>) => Promise<void>;
}

/** How a flow is begun again, or for the first time, at places that a failback has found. */
export class FlowArming {
  readonly #maps: OffsetMapStore;
  readonly #belongings: Belongings;
  readonly #flush: FlowArmingOptions['flush'];
  readonly #write: FlowArmingOptions['write'];
  #isHeldBack: (offset: GroupOffset) => boolean = () => false;

  constructor({ maps, belongings, flush, write }: FlowArmingOptions) {
    this.#maps = maps;
    this.#belongings = belongings;
    this.#flush = flush;
    this.#write = write;
  }

  /** How far a failback of this flow has come; kept on the target because the flow's truth is. */
  get failback(): FailbackState | undefined {
    return this.#maps.failback;
  }

  /** Source topics that were gone when the flow was promoted, or are gone now, with since when. */
  get goneSince(): ReadonlyMap<string, bigint> {
    return this.#belongings.goneSince;
  }

  async saveFailback(state: FailbackState, signal: AbortSignal): Promise<void> {
    await this.#write(() => this.#maps.saveFailback(state, signal));
  }

  /** Every run of a partition's map, oldest first; empty if nothing may be said of it. */
  mapRuns(topic: string, partition: number): OffsetRun[] {
    const entry = this.#maps.find(topic, partition);
    return entry === undefined || entry.corrupt !== undefined ? [] : entry.map.runs();
  }

  /**
   * Lets the flow run again, or for the first time: each partition goes on at its seed, with the
   * producer's present epoch. Repeating it with the same seeds changes nothing.
   */
  async rearm(seeds: readonly FlowSeed[], signal: AbortSignal): Promise<void> {
    const { producerEpoch } = this.#maps.flow!;
    for (const { sequenceBase, sourceTopicId, targetTopicId, ...seed } of seeds) {
      const base = { producerEpoch, sequenceBase, sourceTopicId, targetTopicId };
      this.#maps.adopt({ ...seed, base });
    }
    await this.#flush(signal);
    // What was promoted by name goes first: a crash in between must leave the flow promoted.
    const marks = [...this.#maps.promotions.keys()].map((topic) => [topic, undefined] as const);
    await this.#write(() => this.#maps.savePromotions(new Map(marks), signal));
    const running = { ...this.#maps.flow!, promotedAtMs: -1n, completedAtMs: -1n };
    await this.#write(() => this.#maps.saveFlow(running, signal));
  }

  /** Positions that are not to be translated: a failback decides on them itself. */
  holdBack(isHeldBack: (offset: GroupOffset) => boolean): void {
    this.#isHeldBack = isHeldBack;
  }

  /** Those that are to be translated. */
  admitted(offsets: readonly GroupOffset[]): readonly GroupOffset[] {
    return offsets.filter((offset) => !this.#isHeldBack(offset));
  }
}
