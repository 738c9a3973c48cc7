import type { EpochMark, SequenceBase } from '../../mirror/records/offset-map-record.js';
import { TopicProblem } from './errors.js';
import { PartitionMap } from './partition-map.js';

/** What the offset map topic holds about one partition. Topics are named as on the source. */
export interface MappedEntry {
  readonly topic: string;
  readonly partition: number;
  map: PartitionMap;
  /** Undefined until the topic was ensured. Partitions that have the same share one: it never changes. */
  base: Readonly<SequenceBase> | undefined;
  baseUnsaved: boolean;
  epoch: EpochMark | undefined;
  epochUnsaved: boolean;
  /** Why the stored map cannot be trusted; then nothing is translated, granted or reported. */
  corrupt: string | undefined;
}

interface MappedTopic {
  readonly name: string;
  readonly partitions: Map<number, MappedEntry>;
  /** What its partitions share, unless one differs. */
  base: Readonly<SequenceBase> | undefined;
}

/**
 * The entries of a flow, by topic and partition. A coordinator holds a million of them: what is the
 * same for all partitions of a topic, its name and its ids, is kept once.
 */
export class MappedEntries {
  readonly #topics = new Map<string, MappedTopic>();

  *all(): Iterable<MappedEntry> {
    for (const { partitions } of this.#topics.values()) yield* partitions.values();
  }

  ofTopic(topic: string): Iterable<MappedEntry> {
    return this.#topics.get(topic)?.partitions.values() ?? [];
  }

  find(topic: string, partition: number): MappedEntry | undefined {
    return this.#topics.get(topic)?.partitions.get(partition);
  }

  /** Made if it is not there. */
  of(topic: string, partition: number): MappedEntry {
    const { name, partitions } = this.#topicOf(topic);
    let entry = partitions.get(partition);
    if (entry === undefined) partitions.set(partition, (entry = newEntry(name, partition)));
    return entry;
  }

  removeTopic(topic: string): void {
    this.#topics.delete(topic);
  }

  setBase(entry: MappedEntry, base: SequenceBase): void {
    const topic = this.#topicOf(entry.topic);
    const shared = topic.base ?? (topic.base = base);
    if (isSameBase(base, shared)) entry.base = shared;
    else {
      const { sourceTopicId, targetTopicId } = isSameTopic(base, shared) ? shared : base;
      entry.base = { ...base, sourceTopicId, targetTopicId };
    }
  }

  #topicOf(name: string): MappedTopic {
    let topic = this.#topics.get(name);
    if (topic === undefined)
      this.#topics.set(name, (topic = { name, partitions: new Map(), base: undefined }));
    return topic;
  }
}

/** Every field is written out: an object of this size made by spreading takes twice the memory. */
function newEntry(topic: string, partition: number): MappedEntry {
  return {
    topic,
    partition,
    map: new PartitionMap(),
    base: undefined,
    baseUnsaved: false,
    epoch: undefined,
    epochUnsaved: false,
    corrupt: undefined,
  };
}

function isSameTopic(a: SequenceBase, b: SequenceBase): boolean {
  return a.sourceTopicId === b.sourceTopicId && a.targetTopicId === b.targetTopicId;
}

function isSameBase(a: SequenceBase, b: SequenceBase): boolean {
  const isSame = a.producerEpoch === b.producerEpoch && a.sequenceBase === b.sequenceBase;
  return isSame && isSameTopic(a, b);
}

export function setEpoch(entry: MappedEntry, epoch: EpochMark | undefined): void {
  if (entry.epoch?.offset === epoch?.offset && entry.epoch?.epoch === epoch?.epoch) return;
  entry.epoch = epoch;
  entry.epochUnsaved = true;
}

/** What was read wrongly must not be built upon; only an operator can decide what to make of it. */
export function refuseCorrupt({ topic, partition, corrupt }: MappedEntry): void {
  if (corrupt === undefined) return;
  const message = `partition ${partition} of topic ${topic} stands still: ${corrupt}`;
  throw new TopicProblem({ problem: 'map-corrupt', topic }, message);
}
