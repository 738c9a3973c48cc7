import type { SyncedKey } from '../../mirror/records/offset-map-key.js';
import { encodeOffsetMapRecord, type SyncAttempt } from '../../mirror/records/offset-map-record.js';
import type { InternalTopic } from './internal-topic.js';

export type SyncedPlace = Omit<SyncedKey, 'kind'>;

export interface SyncedOffset {
  place: SyncedPlace;
  attempts: readonly SyncAttempt[];
}

/**
 * What the flow has committed on the target for groups, or may have: written down before it is sent.
 * So a later coordinator knows which offset there is the flow's own, whatever its metadata says. And
 * a coordinator that was replaced learns it from the broker's answer, before it can commit.
 */
export class SyncedOffsets {
  readonly #topic: Pick<InternalTopic, 'append'>;
  readonly #known = new Map<string, SyncedOffset>();
  #turn: Promise<unknown> = Promise.resolve();
  /** Waits for the write that is under way, and takes whatever comes until then. */
  #next: { readonly offsets: SyncedOffset[]; readonly written: Promise<void> } | undefined;

  constructor(topic: Pick<InternalTopic, 'append'>) {
    this.#topic = topic;
  }

  of(place: SyncedPlace): readonly SyncAttempt[] {
    return this.#known.get(textOf(place))?.attempts ?? [];
  }

  restore({ value, ...place }: SyncedKey & { value: readonly SyncAttempt[] }): void {
    this.#know({ place, attempts: value });
  }

  /** Resolves once they are durable. Groups that come at the same time share a write. */
  note(offsets: readonly SyncedOffset[], signal: AbortSignal): Promise<void> {
    if (this.#next === undefined) {
      const together: SyncedOffset[] = [];
      const written = this.#turn.then(() => this.#write(together, signal));
      this.#next = { offsets: together, written };
      this.#turn = written.catch(() => undefined);
    }
    this.#next.offsets.push(...offsets);
    return this.#next.written;
  }

  /** Of a topic that is gone for good. */
  async forget(topic: string, signal: AbortSignal): Promise<void> {
    const gone = [...this.#known.values()].filter(({ place }) => place.topic === topic);
    if (gone.length === 0) return;
    const deletions = gone.map(({ place }) => recordOf(place, undefined));
    await this.#topic.append(deletions, signal);
    for (const { place } of gone) this.#known.delete(textOf(place));
  }

  async #write(offsets: readonly SyncedOffset[], signal: AbortSignal): Promise<void> {
    this.#next = undefined;
    await this.#topic.append(
      offsets.map(({ place, attempts }) => recordOf(place, attempts)),
      signal,
    );
    for (const offset of offsets) this.#know(offset);
  }

  #know({ place: { group, topic, partition }, attempts }: SyncedOffset): void {
    const place = { group, topic, partition };
    this.#known.set(textOf(place), { place, attempts });
  }
}

/** Groups may have any name: a list as JSON cannot be taken for another. */
function textOf({ group, topic, partition }: SyncedPlace): string {
  return JSON.stringify([group, topic, partition]);
}

function recordOf(
  place: SyncedPlace,
  value: readonly SyncAttempt[] | undefined,
): { key: Buffer; value: Buffer | null } {
  const { group, topic, partition } = place;
  return encodeOffsetMapRecord({ kind: 'synced', group, topic, partition, value });
}
