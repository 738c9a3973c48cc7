import type { CopierAssignment } from '../../../agent/replication/copier-assignment.js';
import type { PartitionCopier } from '../../../agent/replication/partition-copier.js';
import type { Run } from '../../../agent/replication/run-tail.js';
import { PartitionMap, type UnsavedMap } from '../../../coordinator/target/partition-map.js';
import { ModelMapTopic } from '../../coordinator/target/model-map-topic.js';
import type { Seeded } from '../../kit/seeded-random.js';

/**
 * One partition's coordinators, one after the other: the real map in the memory of the one that leads,
 * and the topic that outlives it. What is reported waits for a write, and a write may fail, or be
 * made and not be answered.
 */
export class ModelCoordinator {
  readonly #random: Seeded;
  readonly #topic = new ModelMapTopic();
  #map = new PartitionMap();
  #writing: UnsavedMap | undefined;
  #isDirty = false;

  constructor(random: Seeded) {
    this.#random = random;
  }

  /** What the topic tells whoever reads it now. */
  get stored(): PartitionMap {
    return this.#topic.restore();
  }

  /** As FlowTarget.assignment(), with limits that are often met. */
  grant(): Pick<CopierAssignment, 'mapTail' | 'mapNews'> {
    const mapTail = this.#map.tail(1 + this.#random.below(4));
    return { mapTail, mapNews: this.#map.news(this.#random.below(4)) };
  }

  runsFrom(targetOffset: bigint): Run[] {
    return this.#map.runsFrom(targetOffset);
  }

  /** As progress-intake.ts does it, of the one that holds the lease. */
  hear({ tail, truncatedTo, state }: PartitionCopier): void {
    if (state === 'recovering') return;
    const runs = tail.unacknowledged(1 + this.#random.below(8));
    if (runs.length === 0 && truncatedTo === undefined) return;
    this.#map.apply(runs, truncatedTo);
    this.#isDirty = true;
  }

  beginWrite(): void {
    if (this.#writing !== undefined || !this.#isDirty) return;
    this.#isDirty = false;
    this.#writing = this.#map.takeUnsaved();
  }

  /** Whoever holds the lease by now hears what is durable. */
  endWrite(outcome: 'done' | 'failed' | 'done, and not answered', holder: PartitionCopier): void {
    const unsaved = this.#writing;
    if (unsaved === undefined) return;
    this.#writing = undefined;
    if (outcome !== 'failed') this.#topic.write(unsaved);
    if (outcome !== 'done') {
      this.#map.markUnsaved(unsaved);
      this.#isDirty = true;
      return;
    }
    const durable = this.#map.saved(unsaved);
    if (durable !== undefined) holder.acknowledgeMap(durable);
  }

  /** The next one knows what is in the topic: a write on its way came before the fence, or never. */
  die(): void {
    if (this.#writing !== undefined && this.#random.chance(0.5)) this.#topic.write(this.#writing);
    this.#writing = undefined;
    this.#isDirty = false;
    this.#map = this.#topic.restore();
  }

  /** A whole turn in which nothing fails. */
  save(holder: PartitionCopier): void {
    this.endWrite('done', holder);
    this.hear(holder);
    this.beginWrite();
    this.endWrite('done', holder);
  }
}
