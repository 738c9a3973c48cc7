import type { Clock } from '../../common/clock.js';
import { ClosedError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import { emitPeriodically, SideTopic } from '../../kafka/admin/side-topic.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import type { NewRecord } from '../../kafka/records/build-batch.js';
import type { FlowConfig } from '../../mirror/config/mirror-config.js';
import { encodeOffsetSync } from '../../mirror/records/offset-sync.js';
import { chooseSyncs, type SyncPair } from './choose-syncs.js';
import { SYNC_DELAY_MS_MAX, SYNC_LOOK_INTERVAL_MS, SYNCS_PER_BATCH_MAX } from './limits.js';
import type { PartitionCopier } from './partition-copier.js';

export interface OffsetSyncEmitterOptions {
  config: FlowConfig;
  source: KafkaCluster;
  target: KafkaCluster;
  copiers: () => Iterable<PartitionCopier>;
  clock: Clock;
  log: Logger;
  /** See `emitPeriodically`. */
  onMissingRight: (right: string) => void;
}

interface Emitted {
  pair: SyncPair;
  atMs: number;
}

/**
 * Writes MirrorMaker 2's offset syncs for the partitions that this agent copies, for MM2's own tools,
 * and for an MM2 that goes on after us. Our own translations rest on the exact map alone, so nothing
 * waits for these, and one that was not written is only missing.
 */
export class OffsetSyncEmitter {
  readonly #options: OffsetSyncEmitterOptions;
  readonly #emitted = new WeakMap<PartitionCopier, Emitted>();
  /** What is being written. */
  #chosen = new Map<PartitionCopier, Emitted>();
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  /** Where the next look begins, so that every partition gets its turn. */
  #from = 0;

  constructor(options: OffsetSyncEmitterOptions) {
    this.#options = options;
    this.#running = options.config.emitOffsetSyncsEnabled ? this.#run() : Promise.resolve();
  }

  async close(): Promise<void> {
    this.#stop.abort(new ClosedError(`offset syncs of ${this.#options.config.id}`));
    await this.#running;
  }

  #run(): Promise<void> {
    const { config, source, target, clock, log, onMissingRight } = this.#options;
    const { policy, offsetSyncsTopicLocation: location } = config;
    const atSource = location === 'source';
    const topic = new SideTopic({
      cluster: atSource ? source : target,
      topic: policy.offsetSyncsTopic(atSource ? config.target : config.source),
      replicationFactor: config.offsetSyncsTopicReplicationFactor,
    });
    const records = (): NewRecord[] => this.#choose();
    const intervalMs = SYNC_LOOK_INTERVAL_MS;
    const onWritten = (): void => {
      for (const [copier, emitted] of this.#chosen) this.#emitted.set(copier, emitted);
    };
    const emit = { topic, intervalMs, records, onWritten, clock, log, onMissingRight };
    return emitPeriodically(emit, this.#stop.signal);
  }

  /** What could not be written is chosen again: a topic that stands gives no later pair. */
  #choose(): NewRecord[] {
    this.#chosen = new Map();
    const { config, copiers, clock } = this.#options;
    const nowMs = clock.nowMs();
    const timestamp = BigInt(Math.trunc(clock.wallMs()));
    const records: NewRecord[] = [];
    const all = [...copiers()];
    const from = all.length === 0 ? 0 : this.#from % all.length;
    for (const [index, copier] of [...all.slice(from), ...all.slice(0, from)].entries()) {
      this.#from = from + index;
      if (records.length >= SYNCS_PER_BATCH_MAX) break;
      const { topic, partition } = copier.assignment;
      const last = this.#emitted.get(copier);
      const due = last === undefined || nowMs - last.atMs >= SYNC_DELAY_MS_MAX;
      const lagMax = config.offsetLagMax;
      for (const pair of chooseSyncs(copier.tail.runs, last?.pair, { lagMax, due })) {
        records.push({ ...encodeOffsetSync({ topic, partition, ...pair }), timestamp });
        this.#chosen.set(copier, { pair, atMs: nowMs });
      }
    }
    return records;
  }
}
