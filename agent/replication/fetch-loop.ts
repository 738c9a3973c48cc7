import type { Clock } from '../../common/clock.js';
import { describeError, MirrorError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import {
  fetch,
  type FetchPartitionResponse,
  type FetchRequest,
  type FetchResponse,
} from '../../kafka/messages/fetch.js';
import { fetchOutcomeOf, type FetchOutcome } from './fetch-outcome.js';
import { HaltError } from './halt.js';
import {
  backoffMs,
  FETCH_BYTES_MAX,
  FETCH_WAIT_BUSY_MS,
  FETCH_WAIT_MS,
  PARTITION_FETCH_BYTES_MAX,
} from './limits.js';
import type { MemoryBudget } from './memory-budget.js';
import type { PartitionCopier } from './partition-copier.js';
import { prepareFetched } from './prepared-batch.js';
import { Wakeup } from './wakeup.js';

/** Beyond the long poll: a broker that is this late is taken for dead. */
const REQUEST_TIMEOUT_MS = 30_000;

const READ_COMMITTED = 1;

export interface FetchLoopOptions {
  cluster: KafkaCluster;
  nodeId: number;
  /** Names the connection: a long poll must not hold up other requests. */
  lane: string;
  clock: Clock;
  log: Logger;
  memory: MemoryBudget;
  /** Batches were accepted: they can be sent. */
  onFetched: (copier: PartitionCopier) => void;
  /** Something other than records; the loop has let go of the copier unless it is `records`. */
  onOutcome: (copier: PartitionCopier, outcome: FetchOutcome) => void;
  /** The broker could not be asked. */
  onFailure: (error: unknown) => void;
}

/**
 * The inbox from one source broker: one long-polled fetch at a time for all of its partitions that
 * have room. Each answer starts the next fetch at once, while the target takes what came.
 */
export class FetchLoop {
  readonly #options: FetchLoopOptions;
  readonly #copiers = new Set<PartitionCopier>();
  readonly #wakeup = new Wakeup();
  #failures = 0;

  constructor(options: FetchLoopOptions) {
    this.#options = options;
  }

  add(copier: PartitionCopier): void {
    this.#copiers.add(copier);
    this.#wakeup.wake();
  }

  remove(copier: PartitionCopier): void {
    this.#copiers.delete(copier);
  }

  /** Tells that a copier has room again. */
  wake(): void {
    this.#wakeup.wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const wanted = this.#wanted();
      if (wanted.length === 0) {
        await this.#wakeup.wait(signal);
        continue;
      }
      try {
        await this.#fetch(wanted, signal);
        this.#failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        await this.#backOff(error, signal);
      }
    }
  }

  /** Rotates, so that the broker's byte limit does not always favour the same partitions. */
  #wanted(): PartitionCopier[] {
    if (this.#options.memory.exhausted) return [];
    const wanted: PartitionCopier[] = [];
    for (const copier of this.#copiers) if (copier.wantsFetch) wanted.push(copier);
    const first = wanted[0];
    if (first !== undefined) {
      this.#copiers.delete(first);
      this.#copiers.add(first);
    }
    return wanted;
  }

  async #fetch(wanted: readonly PartitionCopier[], signal: AbortSignal): Promise<void> {
    const { cluster, nodeId } = this.#options;
    const connection = await cluster.connection(nodeId, this.#options.lane);
    const askedAt = new Map(wanted.map((copier) => [copier, copier.fetchOffset]));
    const busy = wanted.length < this.#copiers.size;
    const response = await connection.request(fetch, fetchRequest(wanted, busy), {
      timeoutMs: REQUEST_TIMEOUT_MS,
      signal,
    });
    const answers = answersByPartition(response);
    for (const [copier, fetchOffset] of askedAt) {
      // It may have been stopped, or moved by a recovery, while the broker was waiting.
      if (copier.state !== 'running' || copier.fetchOffset !== fetchOffset) continue;
      const { sourceTopicId, partition } = copier.assignment;
      const answer = answers.get(`${sourceTopicId}:${partition}`);
      if (answer !== undefined) this.#take(copier, answer);
    }
  }

  #take(copier: PartitionCopier, answer: FetchPartitionResponse): void {
    const outcome = fetchOutcomeOf(copier, answer);
    if (outcome.kind !== 'records') {
      this.remove(copier);
      this.#options.onOutcome(copier, outcome);
      return;
    }
    copier.noteSourceEnd(answer.lastStableOffset, this.#options.clock.nowMs());
    if (answer.records === null || answer.records.length === 0) return;
    try {
      copier.accept(
        prepareFetched({
          records: answer.records,
          abortedTransactions: answer.abortedTransactions ?? [],
          fetchOffset: copier.fetchOffset,
        }),
      );
      this.#options.onFetched(copier);
    } catch (error) {
      this.remove(copier);
      this.#options.onOutcome(copier, { kind: 'halt', error: haltOf(copier, error) });
    }
  }

  async #backOff(error: unknown, signal: AbortSignal): Promise<void> {
    const { clock, log, nodeId } = this.#options;
    this.#failures += 1;
    log.warn({ nodeId, error: describeError(error) }, 'fetch from the source failed');
    this.#options.onFailure(error);
    await clock.sleep(backoffMs(this.#failures), signal).catch(() => undefined);
  }
}

function fetchRequest(wanted: readonly PartitionCopier[], busy: boolean): FetchRequest {
  const topics = new Map<string, FetchRequest['topics'][number]>();
  for (const copier of wanted) {
    const { sourceTopicId: topicId, partition } = copier.assignment;
    let topic = topics.get(topicId);
    if (topic === undefined) topics.set(topicId, (topic = { topicId, partitions: [] }));
    topic.partitions.push({
      partition,
      currentLeaderEpoch: -1,
      fetchOffset: copier.fetchOffset,
      lastFetchedEpoch: copier.lastFetchedEpoch,
      partitionMaxBytes: PARTITION_FETCH_BYTES_MAX,
    });
  }
  return {
    maxWaitMs: busy ? FETCH_WAIT_BUSY_MS : FETCH_WAIT_MS,
    minBytes: 1,
    maxBytes: FETCH_BYTES_MAX,
    isolationLevel: READ_COMMITTED,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [...topics.values()],
    forgottenTopics: [],
    rackId: '',
  };
}

function answersByPartition(response: FetchResponse): Map<string, FetchPartitionResponse> {
  const answers = new Map<string, FetchPartitionResponse>();
  for (const topic of response.responses) {
    for (const partition of topic.partitions) {
      answers.set(`${topic.topicId}:${partition.partitionIndex}`, partition);
    }
  }
  return answers;
}

/** Bytes that cannot be a batch stop the partition that they belong to, and no other. */
function haltOf(copier: PartitionCopier, error: unknown): HaltError {
  if (error instanceof HaltError) return error;
  if (!(error instanceof MirrorError)) throw error;
  const { topic, partition } = copier.assignment;
  return new HaltError('corrupt-batch', `${topic}-${partition}: ${error.message}`, {
    cause: error,
  });
}
