import type { Clock } from '../../common/clock.js';
import { describeError, MirrorError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import { AdminClient } from '../../kafka/admin/admin-client.js';
import { KafkaApiError } from '../../kafka/admin/errors.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import type { ReadRecord } from '../../kafka/records/build-batch.js';
import type { FlowConfig } from '../../mirror/config/mirror-config.js';
import { decodeConnectOffset } from '../../mirror/records/connect-offset.js';
import { decodeOffsetSync } from '../../mirror/records/offset-sync.js';
import { RecordFormatError } from '../../mirror/records/record-format-error.js';
import type { SyncPair } from '../replication/choose-syncs.js';
import { LEFTOVERS_AGE_MS_MAX, SYNCS_KEPT_MAX } from './limits.js';
import { readSmallTopic } from './read-small-topic.js';

/** While MirrorMaker 2 still writes, nobody can say where it will have stopped. */
export class MirrorMaker2RunsError extends MirrorError {
  readonly code = 'MIRROR_MM2_RUNS';
  readonly retriable = true;
}

/** What MirrorMaker 2 says about how far it has come. By `topic:partition`, named as on the source. */
export interface Leftovers {
  /** The last source offset that it knew to be on the target. */
  offsets: ReadonlyMap<string, bigint>;
  /** In the order in which they were written. */
  syncs: ReadonlyMap<string, readonly SyncPair[]>;
}

export interface Mm2LeftoversOptions {
  config: FlowConfig;
  source: KafkaCluster;
  target: KafkaCluster;
  clock: Clock;
  log: Logger;
}

/** Reads what a MirrorMaker 2 left behind: once for all partitions that ask about the same time. */
export class Mm2Leftovers {
  readonly #options: Mm2LeftoversOptions;
  #reading: Promise<Leftovers | undefined> | undefined;
  #readAtMs = -Infinity;

  constructor(options: Mm2LeftoversOptions) {
    this.#options = options;
  }

  /** Undefined if no MirrorMaker 2 ever worked on this flow. */
  read(signal: AbortSignal): Promise<Leftovers | undefined> {
    const nowMs = this.#options.clock.nowMs();
    if (this.#reading === undefined || nowMs - this.#readAtMs > LEFTOVERS_AGE_MS_MAX) {
      this.#readAtMs = nowMs;
      this.#reading = this.#read(signal).catch((error: unknown) => {
        this.#reading = undefined;
        throw error;
      });
    }
    return this.#reading;
  }

  /** Its workers are members of a group of the target, and leave it after ten seconds at the latest. */
  async requireStopped(signal: AbortSignal): Promise<void> {
    const { config, target, clock, log } = this.#options;
    const { connectGroup: group } = config;
    try {
      const admin = new AdminClient({ cluster: target, clock });
      const { state } = await admin.describeGroup(group, { signal });
      if (state === 'Dead' || state === 'Empty') return;
    } catch (error) {
      if (!(error instanceof KafkaApiError) || error.retriable) throw error;
      log.warn({ group, error: describeError(error) }, 'cannot tell whether MirrorMaker 2 runs');
      return;
    }
    throw new MirrorMaker2RunsError(
      `a MirrorMaker 2 still copies ${config.id} (group ${group} has members on ${config.target}): ` +
        'stop it, and the copy goes on where it stopped',
    );
  }

  async #read(signal: AbortSignal): Promise<Leftovers | undefined> {
    const { config, source, target, log } = this.#options;
    const offsets = new Map<string, bigint>();
    const kept = { cluster: target, topic: config.connectOffsetsTopic };
    const note = ({ key, value }: ReadRecord): void => {
      const at = key === null ? undefined : decodeConnectOffset(key, value);
      if (at?.cluster !== config.source) return;
      const place = `${at.topic}:${at.partition}`;
      if (at.offset === undefined) offsets.delete(place);
      else offsets.set(place, at.offset);
    };
    if (!(await readSmallTopic(kept, note, signal))) return undefined;
    const atSource = config.offsetSyncsTopicLocation === 'source';
    const topic = config.policy.offsetSyncsTopic(atSource ? config.target : config.source);
    const syncs = new Map<string, SyncPair[]>();
    try {
      const cluster = atSource ? source : target;
      await readSmallTopic({ cluster, topic }, (record) => keep(syncs, record), signal);
    } catch (error) {
      // Only groups behind the takeover need them, and those are then not translated.
      if (!(error instanceof KafkaApiError) || error.retriable) throw error;
      log.warn({ topic, error: describeError(error) }, 'offset syncs cannot be read');
    }
    log.info(
      { flow: config.id, partitions: offsets.size },
      'MirrorMaker 2 has worked on this flow',
    );
    return { offsets, syncs };
  }
}

function keep(syncs: Map<string, SyncPair[]>, { key, value }: ReadRecord): void {
  if (key === null || value === null) return;
  try {
    const { topic, partition, ...pair } = decodeOffsetSync(key, value);
    const place = `${topic}:${partition}`;
    const pairs = syncs.get(place) ?? [];
    syncs.set(place, pairs);
    // Every other one of the older ones goes when there are too many.
    if (pairs.push(pair) > SYNCS_KEPT_MAX) {
      const kept = pairs.filter((_, index) => index % 2 === 0 || index > SYNCS_KEPT_MAX / 2);
      pairs.splice(0, pairs.length, ...kept);
    }
  } catch (error) {
    if (!(error instanceof RecordFormatError)) throw error; // not a sync: passed over, as MM2 does
  }
}
