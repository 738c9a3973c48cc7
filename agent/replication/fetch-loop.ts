import type { Clock } from '../../common/clock.js';
import { describeError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import {
  fetch,
  type FetchPartitionResponse,
  type FetchRequest,
  type FetchResponse,
} from '../../kafka/messages/fetch.js';
import { CorruptBatchError } from '../../kafka/records/errors.js';
import { doubtfulOffset } from '../../kafka/records/fetched-batches.js';
import type { Bandwidth } from './bandwidth.js';
import { badBytesOutcome, fetchOutcomeOf, type FetchOutcome } from './fetch-outcome.js';
import { FetchSession, type SessionEntry } from './fetch-session.js';
import { FrameLease } from './frame-lease.js';
import { backoffMs, FETCH_WAIT_BUSY_MS, FETCH_WAIT_MS, RETRY_BACKOFF_MIN_MS } from './limits.js';
import type { MemoryBudget } from './memory-budget.js';
import { NEAR, paceOf } from './pace.js';
import type { PartitionCopier } from './partition-copier.js';
import { holdFrame, prepareFetched } from './prepared-batch.js';
import { unpinned } from './unpinned.js';
import { Wakeup } from '../../common/wakeup.js';

/** Beyond the long poll: a broker that is this late is taken for dead. */
const REQUEST_TIMEOUT_MS = 30_000;

const READ_COMMITTED = 1;

/** Under a limit, whether more may come is looked at this often: the limit may have been changed. */
const PACE_MAX_MS = 1_000;

/** With ten thousand idle partitions this is the only work that is done for each of them. */
const ENDS_NOTED_EVERY_MS = 100;

export interface FetchLoopOptions {
  cluster: KafkaCluster;
  nodeId: number;
  /** Names the connection: a long poll must not hold up other requests. */
  lane: string;
  clock: Clock;
  log: Logger;
  memory: MemoryBudget;
  bandwidth: Bandwidth;
  /** Whether there is memory left for what goes to the copier's target broker. */
  hasRoom: (copier: PartitionCopier) => boolean;
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
  readonly #session = new FetchSession();
  /** Copiers to look at before the next request: new ones, moved ones, those with room again. */
  readonly #changed = new Set<PartitionCopier>();
  readonly #wakeup = new Wakeup();
  #failures = 0;
  #pace = NEAR;
  #endsNotedAtMs = -Infinity;

  constructor(options: FetchLoopOptions) {
    this.#options = options;
  }

  add(copier: PartitionCopier): void {
    this.#copiers.add(copier);
    this.changed(copier);
  }

  remove(copier: PartitionCopier): void {
    this.#copiers.delete(copier);
    this.#changed.delete(copier);
    this.#session.drop(copier);
  }

  /** Tells that a copier may have room again. */
  changed(copier: PartitionCopier): void {
    if (!this.#copiers.has(copier)) return;
    this.#changed.add(copier);
    this.#wakeup.wake();
  }

  /** Tells that memory is free again. */
  wake(): void {
    this.#wakeup.wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#stageChanges();
      if (this.#session.size === 0 || this.#options.memory.exhausted) {
        await this.#wakeup.wait(signal);
        continue;
      }
      const waitMs = this.#options.bandwidth.waitMs(this.#options.clock.nowMs());
      if (waitMs > 0) {
        await this.#options.clock.sleep(Math.min(waitMs, PACE_MAX_MS), signal).catch(() => {}); // the loop looks at the signal
        continue;
      }
      try {
        await this.#fetch(signal);
        this.#failures = 0;
      } catch (error) {
        this.#session.reset();
        if (signal.aborted) return;
        await this.#backOff(error, signal);
      }
    }
  }

  #stageChanges(): void {
    const { hasRoom } = this.#options;
    for (const copier of this.#changed) {
      if (copier.wantsFetch && hasRoom(copier)) this.#session.want(copier);
      else this.#session.drop(copier);
    }
    this.#changed.clear();
  }

  async #fetch(signal: AbortSignal): Promise<void> {
    const { cluster, nodeId, lane, clock } = this.#options;
    const connection = await cluster.connection(nodeId, lane);
    this.#pace = paceOf(connection.roundTripMs);
    const busy = this.#session.size < this.#copiers.size;
    const { bandwidth, memory } = this.#options;
    const allowed = bandwidth.allowance(this.#session.size, this.#pace, clock.nowMs());
    const partitions = this.#session.request(allowed.partitionBytesMax);
    const isHasty = busy || this.#session.isPostponing;
    const request: FetchRequest = {
      maxWaitMs: isHasty ? FETCH_WAIT_BUSY_MS : FETCH_WAIT_MS,
      minBytes: 1,
      maxBytes: Math.min(allowed.fetchBytesMax, memory.answerBytesMax),
      isolationLevel: READ_COMMITTED,
      ...partitions,
      rackId: '',
    };
    const limits = { timeoutMs: REQUEST_TIMEOUT_MS, signal };
    const response = await connection.request(fetch, request, limits);
    if (!this.#session.answered(response)) {
      this.#options.log.info({ nodeId, errorCode: response.errorCode }, 'fetch session ended');
      // A broker that refuses every session must not be asked in a hot loop.
      await clock.sleep(RETRY_BACKOFF_MIN_MS, signal);
      return;
    }
    const frame = this.#leaseOf(response);
    let bytes = 0;
    for (const topic of response.responses) {
      for (const { records } of topic.partitions) bytes += records?.length ?? 0;
      for (const answer of topic.partitions) this.#answered(topic.topicId, answer, frame);
    }
    frame?.release();
    bandwidth.spend(bytes, clock.nowMs());
    this.#noteEnds(clock.nowMs());
  }

  /** All records of an answer lie in one frame. */
  #leaseOf({ responses }: FetchResponse): FrameLease | undefined {
    const answers = responses.flatMap(({ partitions }) => partitions);
    const memory = answers.find(({ records }) => records !== null)?.records?.buffer;
    if (memory === undefined) return undefined;
    return new FrameLease(memory, (done) => this.#options.cluster.frames.give(done));
  }

  #answered(topicId: string, answer: FetchPartitionResponse, frame?: FrameLease): void {
    const entry = this.#session.find(topicId, answer.partitionIndex);
    // It may have been stopped, or moved by a recovery, while the broker was waiting.
    if (entry?.copier.state !== 'running') return;
    if (entry.copier.fetchOffset !== entry.fetchOffset) return;
    this.#take(entry, answer, frame);
  }

  /** A partition that an answer leaves out has no news: its end is known as of now. */
  #noteEnds(nowMs: number): void {
    if (nowMs - this.#endsNotedAtMs < ENDS_NOTED_EVERY_MS) return;
    this.#endsNotedAtMs = nowMs;
    for (const { copier } of this.#session.entries()) {
      if (copier.sourceEnd >= 0n) copier.sourceEndAtMs = nowMs;
    }
  }

  #take(entry: SessionEntry, answer: FetchPartitionResponse, frame?: FrameLease): void {
    const { copier } = entry;
    const outcome = fetchOutcomeOf(copier, answer);
    if (outcome.kind !== 'records') {
      this.remove(copier);
      this.#options.onOutcome(copier, outcome);
      return;
    }
    const { lastStableOffset, highWatermark } = answer;
    const nowMs = this.#options.clock.nowMs();
    copier.noteSourceEnd(lastStableOffset, nowMs);
    copier.openTransaction.note(lastStableOffset, highWatermark, nowMs);
    if (answer.records === null || answer.records.length === 0) return;
    try {
      const fetched = {
        records: unpinned(answer.records),
        abortedTransactions: answer.abortedTransactions,
        fetchOffset: copier.fetchOffset,
        endOffset: lastStableOffset,
      };
      if (!isBorneOut(entry, doubtfulOffset(fetched))) return; // the next fetch asks for the same
      const prepared = prepareFetched(fetched);
      if (frame !== undefined) holdFrame(prepared, frame);
      copier.fetchPace = this.#pace;
      copier.accept(prepared);
      this.#changed.add(copier);
      this.#options.onFetched(copier);
    } catch (error) {
      this.remove(copier);
      this.#options.onOutcome(copier, badBytesOutcome(copier, answer, error));
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

/** What only one batch says is believed once two answers agree; throws CorruptBatchError if they do not. */
function isBorneOut(entry: SessionEntry, doubtful: bigint | undefined): boolean {
  if (doubtful === undefined || entry.doubtful === doubtful) return true;
  if (entry.doubtful !== undefined) {
    throw new CorruptBatchError(
      doubtful,
      `another answer said that it begins at ${entry.doubtful}`,
    );
  }
  entry.doubtful = doubtful;
  return false;
}
