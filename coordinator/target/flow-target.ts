import { ClosedError, describeError, type MirrorError } from '../../common/errors.js';
import { topicExclusion } from '../../mirror/policy/topic-selection.js';
import type { FlowProducer } from '../../mirror/records/offset-map-record.js';
import type { Belongings } from './belongings.js';
import { newCopy } from './config-sync.js';
import { ensureBases } from './ensure-base.js';
import { TopicProblem, WriterFencedError } from './errors.js';
import { FlowArming } from './flow-arming.js';
import {
  isBegun,
  listMapped,
  listVerifiable,
  translate,
  translateGroup,
  type MappedPosition,
  type TranslatedGroupOffset,
} from './flow-positions.js';
import { FlowPromotions, type PromotedScope, type PromotionPhase } from './flow-promotions.js';
import type { GroupOffset, GroupPositions } from './group-positions.js';
import { GroupLookup } from './group-lookup.js';
import { GroupSync } from './group-sync.js';
import {
  CHECKPOINT_GAP_MS,
  CLOSE_FLUSH_MS_MAX,
  FLUSH_PARTITIONS_MAX,
  MAP_FLUSH_INTERVAL_MS,
  MAP_NEWS_RUNS_MAX,
  MAP_TAIL_RUNS_MAX,
  PRODUCER_REFRESH_INTERVAL_MS,
} from './limits.js';
import { refuseCorrupt } from './mapped-entries.js';
import type { MapAck, OffsetMapStore, ProgressUpdate } from './offset-map-store.js';
import {
  refreshProducers,
  type FlowTargetOptions,
  type FlowTargetParts,
  type PartitionGrant,
} from './flow-target-parts.js';
import { openFlowTarget } from './open-flow-target.js';
import type { MapRun } from './partition-map.js';
import { runPeriodically } from './run-periodically.js';
import { runWhenChanged } from './run-when-changed.js';
import { TargetReconciler } from './target-reconciler.js';
import { ensureMirrorTopic } from './topics.js';

/**
 * One flow's durable state on its target cluster: the offset maps, the group positions, the flow's
 * producer, and whether it was promoted. Exactly one coordinator writes it; an older one learns from
 * the broker that it was fenced, and must step down.
 */
export class FlowTarget implements AsyncDisposable {
  readonly promotions: FlowPromotions;
  /** For people's questions about groups. */
  readonly groups: GroupLookup;
  readonly arming: FlowArming;
  readonly #options: FlowTargetOptions;
  readonly #maps: OffsetMapStore;
  readonly #belongings: Belongings;
  readonly #groups: GroupPositions;
  readonly #durableListeners: ((acks: MapAck[]) => void)[] = [];
  readonly #fencedListeners: (() => void)[] = [];
  readonly #stop = new AbortController();
  readonly #running: Promise<unknown>;
  readonly #sync: GroupSync | undefined;
  #fenced: WriterFencedError | undefined;
  /** By what is not written at present. */
  readonly #problems = new Map<string, string>();
  #closing: Promise<void> | undefined;

  /** Fences earlier writers, then reads everything. Throws FlowBlockedError for what only people mend. */
  static async open(options: FlowTargetOptions, signal: AbortSignal): Promise<FlowTarget> {
    return new FlowTarget(options, await openFlowTarget(options, signal));
  }

  private constructor(options: FlowTargetOptions, parts: FlowTargetParts) {
    this.#options = options;
    this.#maps = parts.maps;
    this.#belongings = parts.belongings;
    this.#groups = parts.groups;
    const { admin, clock, flow, log } = options;
    const write = (work: () => Promise<void>): Promise<void> => this.#unlessFenced(work);
    const { maps } = parts;
    this.promotions = new FlowPromotions({ flow: flow.id, maps, admin, clock, log, write });
    this.arming = new FlowArming({ ...parts, write, flush: (signal) => this.flush(signal) });
    this.#sync = this.#makeSync();
    const mapped = () => this.mappedPartitions();
    const lookup = {
      admin,
      cluster: options.cluster,
      mapped,
      ...parts,
      sync: this.#sync,
      flow: this.flowId,
    };
    this.groups = new GroupLookup(lookup);
    const { promotions } = this;
    const reconciler = new TargetReconciler({
      ...{ ...options, ...parts, promotions, mapped },
      onFenced: (error) => this.#stepDown(error),
    });
    this.#running = Promise.all([this.#run(), reconciler.run(this.#stop.signal)]);
  }

  get flowId(): string {
    return this.#options.flow.id;
  }

  get producer(): { producerId: bigint; producerEpoch: number } {
    const { producerId, producerEpoch } = this.#flow;
    return { producerId, producerEpoch };
  }

  /** Set from the begin of its fence on, which nobody takes back; of the whole flow. */
  get promoted(): FlowPromotions['whole'] {
    return this.promotions.whole;
  }

  get promotedTopics(): ReadonlyMap<string, PromotionPhase> {
    return this.promotions.topics;
  }

  /** What an earlier coordinator began to promote, and did not end. */
  get unfinishedPromotion(): PromotedScope | undefined {
    return this.promotions.unfinished;
  }

  /** Why nothing is written at present; undefined while all is well. */
  get problem(): string | undefined {
    return this.#problems.values().next().value;
  }

  /** Group positions on the target that could not be read, and whose group nobody can tell. */
  get corruptCheckpoints(): number {
    return this.#groups.corruptRecords;
  }

  /** Records of the internal topics that could not be read. */
  get corruptRecords(): number {
    return this.#maps.corruptRecords + this.#groups.corruptRecords;
  }

  /** Throws TopicProblem for what an operator must mend; anything retriable may be tried again. */
  async ensureTopic(
    topic: { name: string; topicId: string; partitionCount: number },
    signal: AbortSignal = this.#stop.signal,
  ): Promise<{ targetTopic: string; targetTopicId: string; partitionCount: number }> {
    this.#refusePromoted(topic.name);
    const { flow, admin, cluster, clock, facts } = this.#options;
    const targetTopic = this.targetTopicOf(topic.name);
    const { name, partitionCount } = topic;
    const isOurs = isBegun(this.#maps, name);
    const mayBeWider = this.#belongings.wider.has(name);
    const ensured = await ensureMirrorTopic(
      { admin, cluster },
      {
        ...newCopy(facts, flow, name),
        targetTopic,
        partitionCount,
        isOurs,
        mayBeWider,
      },
      { sleep: (ms) => clock.sleep(ms, signal), signal },
    );
    // Rules on prefixes may apply to it.
    if (this.#maps.find(name, 0)?.base === undefined) facts.aclsDue();
    const ids = { sourceTopicId: topic.topicId, targetTopicId: ensured.targetTopicId };
    const place = { topic: name, targetTopic, partitionCount, ...ids };
    const hasAdded = ensureBases(this.#maps, place, this.producer.producerEpoch);
    if (hasAdded) await this.#unlessFenced(() => this.#flushMaps(signal));
    return { targetTopic, ...ensured };
  }

  /** What the holder of the partition's lease must know. Throws TopicProblem. */
  assignment(topic: string, partition: number): PartitionGrant {
    this.#refusePromoted(topic);
    const entry = this.#maps.find(topic, partition);
    if (entry !== undefined) refuseCorrupt(entry);
    if (entry?.base === undefined) {
      const message = `partition ${partition} of topic ${topic} was not made on the target yet`;
      throw new TopicProblem({ problem: 'topic-unknown', topic }, message);
    }
    const { sequenceBase, sourceTopicId, producerEpoch } = entry.base;
    const mapTail = entry.map.tail(MAP_TAIL_RUNS_MAX);
    const mapNews = entry.map.news(MAP_NEWS_RUNS_MAX);
    const { producerId } = this.producer;
    const map = { mapTail, mapNews, sourceEpoch: entry.epoch };
    return { producerId, producerEpoch, sequenceBase, sourceTopicId, ...map };
  }

  /** Idempotent for repeats. Throws OffsetMapConflictError, or TopicProblem for a corrupt map. */
  applyProgress(update: ProgressUpdate): void {
    const before = this.#maps.find(update.topic, update.partition)?.base?.sourceTopicId;
    this.#maps.apply(update);
    this.#groups.mapChanged(update, before);
  }

  /** An operator accepts that the target topic is another one: nothing copied before counts. */
  forgetTopic(topic: string): void {
    this.#maps.forgetTopic(topic);
    this.#groups.targetRenewed(topic);
  }

  /** An operator accepts that the target topic has more partitions than the source's. */
  acceptWider(topic: string): Promise<void> {
    return this.#unlessFenced(() => this.#belongings.acceptWider(topic, this.#stop.signal));
  }

  /** The topic is gone from both sides, for good: nothing of it is kept. */
  async removeTopic(topic: string, signal: AbortSignal): Promise<void> {
    this.#groups.forget(topic);
    await this.#unlessFenced(() => this.#belongings.synced.forget(topic, signal));
    await this.#unlessFenced(() => this.#maps.remove(topic, signal));
    await this.promotions.forget([topic], signal);
  }

  /** From the run that holds the offset to the newest; empty if nothing exact is known. */
  findMapEntry(topic: string, partition: number, targetOffset: bigint): MapRun[] {
    const entry = this.#maps.find(topic, partition);
    if (entry === undefined || entry.corrupt !== undefined) return [];
    return entry.map.runsFrom(targetOffset);
  }

  onDurable(listener: (acks: MapAck[]) => void): void {
    this.#durableListeners.push(listener);
  }

  /** Called at once if it has happened already. */
  onFenced(listener: () => void): void {
    if (this.#fenced !== undefined) listener();
    else this.#fencedListeners.push(listener);
  }

  recordGroupOffsets(offsets: readonly GroupOffset[]): void {
    this.#groups.record(this.arming.admitted(offsets));
  }

  groupPositions(): TranslatedGroupOffset[] {
    const { rows } = this.#groups;
    const { synced } = this.#belongings;
    return [...rows].map((row) => translateGroup(this.#maps, row, synced.of(row)));
  }

  /** Every partition that was ever made on the target for this flow. */
  mappedPartitions(): MappedPosition[] {
    const fenceEpoch = (topic: string): number | undefined => this.promotions.fenceEpoch(topic);
    return listMapped(this.#maps, {
      targetTopic: (topic) => this.targetTopicOf(topic),
      fenceEpoch,
    });
  }

  verifiablePartitions(): ReturnType<typeof listVerifiable> {
    return listVerifiable(this.#maps, (topic) => this.targetTopicOf(topic));
  }

  /** Writes now what the next flush would; throws what hinders it. */
  async flush(signal: AbortSignal = this.#stop.signal): Promise<void> {
    await this.#unlessFenced(async () => {
      await this.#flushMaps(signal);
      await this.#groups.flush(signal);
    });
    // A promotion that has begun commits next: nothing older may come after that.
    await this.#sync?.settled();
  }

  /** Writes down where each partition's log ended right after its fence, by `topic:partition`. */
  async recordFenceEnds(ends: ReadonlyMap<string, bigint>, signal: AbortSignal): Promise<void> {
    this.promotions.recordEnds(ends, (topic) => this.targetTopicOf(topic));
    await this.flush(signal);
  }

  /** Flushes, within a limit; idempotent and joinable. Never rejects. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #flow(): FlowProducer {
    return this.#maps.flow!; // opening made sure of it
  }

  #refusePromoted(topic: string): void {
    if (this.promotions.phaseOf(topic) === 'running') return;
    const message = `flow ${this.flowId} was promoted: topic ${topic} is not copied any more`;
    throw new TopicProblem({ problem: 'flow-promoted', topic }, message);
  }

  targetTopicOf(topic: string): string {
    const { policy, source } = this.#options.flow;
    return policy.formatRemoteTopic(source, topic);
  }

  #makeSync(): GroupSync | undefined {
    const { flow, admin, clock, log, facts } = this.#options;
    if (!flow.syncGroupOffsetsEnabled) return undefined;
    const { synced } = this.#belongings;
    return new GroupSync({
      ...{ admin, clock, log: log.child({ flow: flow.id }) },
      ...{ facts, target: flow.target, intervalMs: flow.syncGroupOffsetsIntervalMs },
      rows: () => this.#groups.rows,
      translate: (row) => translate(this.#maps, row),
      targetTopicId: ({ topic, partition }) =>
        this.#maps.find(topic, partition)?.base?.targetTopicId ?? '',
      attemptsOf: (row) => synced.of(row),
      note: (offsets, signal) => this.#unlessFenced(() => synced.note(offsets, signal)),
      // Not of a promoted topic, nor of one that is not mirrored any more: whoever reads it is on its own.
      mayMove: ({ topic }) =>
        this.promotions.phaseOf(topic) === 'running' && topicExclusion(flow, topic) === null,
      active: () => this.promoted === undefined && this.#fenced === undefined,
    });
  }

  #run(): Promise<unknown> {
    const { clock } = this.#options;
    const { signal } = this.#stop;
    const loop = (what: string) => ({
      ...{ clock, signal },
      onSuccess: () => void this.#problems.delete(what),
      onFailure: (error: MirrorError) => this.#taskFailed(what, error),
    });
    const map = runPeriodically({
      tasks: [
        { intervalMs: MAP_FLUSH_INTERVAL_MS, run: (signal) => this.#flushMaps(signal) },
        {
          intervalMs: PRODUCER_REFRESH_INTERVAL_MS,
          run: (signal) => refreshProducers(this.#options, signal),
        },
      ],
      ...loop('offset map'),
    });
    const checkpoints = runWhenChanged({
      changed: (signal) => this.#groups.changed(signal),
      run: (signal) => this.#groups.flush(signal),
      gapMs: CHECKPOINT_GAP_MS,
      ...loop('checkpoints'),
    });
    return Promise.all([map, checkpoints, this.#sync?.run(signal)]);
  }

  #taskFailed(what: string, error: MirrorError): 'go on' | 'stop' {
    if (error instanceof WriterFencedError) this.#stepDown(error);
    if (this.#fenced !== undefined) return 'stop';
    const problem = describeError(error);
    this.#problems.set(what, problem);
    this.#options.log.error({ flow: this.flowId, problem }, `${what} not written`);
    return 'go on';
  }

  /** Everything that was reported before the call; what comes in between may wait. */
  async #flushMaps(signal: AbortSignal): Promise<void> {
    for (let left = this.#maps.dirtyPartitions; left > 0; left -= FLUSH_PARTITIONS_MAX) {
      const acks = await this.#maps.flush(signal);
      if (acks.length === 0) continue;
      for (const listener of this.#durableListeners) listener(acks);
    }
  }

  async #unlessFenced(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      if (error instanceof WriterFencedError) this.#stepDown(error);
      throw error;
    }
  }

  #stepDown(error: WriterFencedError): void {
    if (this.#fenced !== undefined) return;
    this.#fenced = error;
    this.#problems.set('offset map', error.message);
    this.#options.log.warn({ flow: this.flowId, problem: error.message }, 'offset map taken over');
    for (const listener of this.#fencedListeners.splice(0)) listener();
  }

  async #close(): Promise<void> {
    const { clock, log } = this.#options;
    this.#stop.abort(new ClosedError(`flow ${this.flowId}`));
    await this.#running;
    if (this.#fenced !== undefined) return;
    const deadline = new AbortController();
    const flushed = this.flush(deadline.signal).catch((error: unknown) => {
      // Not lost: agents tell again what was not acknowledged.
      log.warn(
        { flow: this.flowId, problem: describeError(error) },
        'closed with unwritten changes',
      );
    });
    const limit = clock.sleep(CLOSE_FLUSH_MS_MAX, deadline.signal).catch(() => undefined);
    await Promise.race([flushed, limit]);
    deadline.abort(new ClosedError(`flow ${this.flowId}`));
    await flushed;
  }
}
