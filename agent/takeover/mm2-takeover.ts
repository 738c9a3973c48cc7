import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import { TIMESTAMP_EARLIEST, TIMESTAMP_LATEST } from '../../kafka/messages/list-offsets.js';
import type { FlowConfig } from '../../mirror/config/mirror-config.js';
import { readSource } from '../replication/align-source.js';
import type { SyncPair } from '../replication/choose-syncs.js';
import { HaltError } from '../replication/halt.js';
import type { CopierAssignment } from '../replication/copier-assignment.js';
import { FetchRetryError, logBound } from '../replication/read-partition.js';
import type { Position, Run } from '../replication/run-tail.js';
import { SOURCE_BEFORE_RECORDS, TARGET_WINDOW_RECORDS } from './limits.js';
import { MirrorMaker2RunsError, Mm2Leftovers } from './mm2-leftovers.js';
import { readTargetTail } from './read-target-tail.js';
import { historyRuns, runsOf } from './sync-history.js';
import { TailMatcher, type TailMatcherOptions } from './tail-matcher.js';
import type { Match } from './trace-back.js';

export interface Mm2TakeoverOptions {
  config: FlowConfig;
  source: KafkaCluster;
  target: KafkaCluster;
  clock: Clock;
  log: Logger;
}

export interface TakeoverRequest {
  assignment: CopierAssignment;
  targetEnd: bigint;
  /** Where our own copy ended before MirrorMaker 2 went on; undefined if there was none. */
  known: Position | undefined;
  /** Where a first copy would start: what MirrorMaker 2 did before it committed anything. */
  firstSourceOffset: () => Promise<bigint>;
}

/** Where the copy goes on, and what is known of where earlier records lie. */
export interface TakenOver {
  position: Position;
  runs: Run[];
}

/**
 * Goes on where a stopped MirrorMaker 2 was. What it committed is older than what it wrote, by up to
 * a minute, and each of its starts repeats what lies between. So the end of the target is compared
 * with the source, record by record: the copy goes on after the last source record that is there.
 */
export class Mm2Takeover {
  readonly #options: Mm2TakeoverOptions;
  readonly #leftovers: Mm2Leftovers;

  constructor(options: Mm2TakeoverOptions) {
    this.#options = options;
    this.#leftovers = new Mm2Leftovers(options);
  }

  /**
   * Undefined if these are not MirrorMaker 2's records. Throws HaltError where it cannot be told
   * which record is the last, and MirrorMaker2RunsError while it still writes.
   */
  async find(request: TakeoverRequest, signal: AbortSignal): Promise<TakenOver | undefined> {
    const { assignment, known, targetEnd } = request;
    const left = await this.#leftovers.read(signal);
    if (left === undefined) return undefined;
    const place = `${assignment.topic}:${assignment.partition}`;
    const committed = left.offsets.get(place);
    if (known !== undefined && (committed === undefined || committed + 1n < known.sourceNext)) {
      return undefined; // it has not worked here since we did
    }
    await this.#leftovers.requireStopped(signal);
    const found = await this.#compare(request, committed, signal);
    if (found === undefined) return undefined;
    if ((await this.#targetOffset(assignment, TIMESTAMP_LATEST, signal)) !== targetEnd) {
      throw new MirrorMaker2RunsError(`something still writes to ${assignment.targetTopic}`);
    }
    const { sourceNext, runs } = found;
    const { topic, partition } = assignment;
    const history = historyRuns(left.syncs.get(place) ?? [], firstOf(found, targetEnd));
    this.#options.log.info(
      { topic, partition, sourceNext: String(sourceNext), committed: String(committed) },
      'goes on where MirrorMaker 2 stopped',
    );
    const isNew = (run: Run): boolean =>
      known === undefined ||
      (run.sourceStart >= known.sourceNext && run.targetStart >= known.targetNext);
    return {
      position: { sourceNext, targetNext: targetEnd },
      runs: [...history, ...runs].filter(isNew),
    };
  }

  async #compare(
    request: TakeoverRequest,
    committed: bigint | undefined,
    signal: AbortSignal,
  ): Promise<{ sourceNext: bigint; runs: Run[] } | undefined> {
    const { source, target } = this.#options;
    const { assignment, targetEnd } = request;
    const logStart = await this.#targetOffset(assignment, TIMESTAMP_EARLIEST, signal);
    const windowStart = targetEnd - TARGET_WINDOW_RECORDS;
    const from = windowStart > logStart ? windowStart : logStart;
    const range = { cluster: target, assignment, from, to: targetEnd };
    const tail = await readTargetTail(range, signal);
    if (tail.records.length === 0) {
      // Retention took everything: what it committed is all that is known.
      return committed === undefined ? undefined : { sourceNext: committed + 1n, runs: [] };
    }
    const sourceFrom = await this.#sourceFrom(request, committed, signal);
    const read: TailMatcherOptions['read'] = (fetchOffset) =>
      readSource({ source, assignment }, fetchOffset, signal);
    const matcher = new TailMatcher({ read, tail, committed, sourceFrom });
    const matches = await matcher.furthest(signal);
    if (typeof matches !== 'string') return this.#positionOf(matcher, matches);
    if (matches === 'open') {
      throw new FetchRetryError(assignment.topic, assignment.partition); // until it is decided
    }
    if (committed === undefined) return undefined;
    const sourceNext = committed + 1n > sourceFrom ? committed + 1n : sourceFrom;
    throw unclear(assignment, { matches, sourceNext });
  }

  #positionOf(matcher: TailMatcher, matches: readonly Match[]) {
    const last = matcher.sourceRecords[matches[0]!.source]!;
    const runs = runsOf(matcher.sourceRecords, matcher.targetRecords, matches);
    return { sourceNext: last.offset + 1n, runs };
  }

  async #sourceFrom(
    { assignment, firstSourceOffset }: TakeoverRequest,
    committed: bigint | undefined,
    signal: AbortSignal,
  ): Promise<bigint> {
    if (committed === undefined) return firstSourceOffset();
    const { topic, partition } = assignment;
    const at = { cluster: this.#options.source, topic, partition };
    const logStart = await logBound(at, TIMESTAMP_EARLIEST, { signal });
    const wanted = committed + 1n - SOURCE_BEFORE_RECORDS;
    return wanted > logStart ? wanted : logStart;
  }

  #targetOffset(
    { targetTopic: topic, partition }: CopierAssignment,
    timestamp: bigint,
    signal: AbortSignal,
  ): Promise<bigint> {
    return logBound({ cluster: this.#options.target, topic, partition }, timestamp, { signal });
  }
}

function firstOf(found: { sourceNext: bigint; runs: Run[] }, targetEnd: bigint): SyncPair {
  const first = found.runs[0];
  return {
    upstreamOffset: first?.sourceStart ?? found.sourceNext,
    downstreamOffset: first?.targetStart ?? targetEnd,
  };
}

function unclear(
  { topic, targetTopic, partition }: CopierAssignment,
  { matches, sourceNext }: { matches: 'absent' | 'unclear'; sourceNext: bigint },
): HaltError {
  const why =
    matches === 'absent'
      ? `the last record of ${targetTopic}-${partition} is not found in ${topic}-${partition}`
      : `several records of ${topic}-${partition} look like the last one of ${targetTopic}-${partition}`;
  return new HaltError(
    'takeover-unclear',
    `MirrorMaker 2 copied ${topic}-${partition}, and where it stopped cannot be told: ${why}; ` +
      `to go on from offset ${sourceNext}, where it would itself, may repeat its last records`,
    { wayOut: { kind: 'go-on', sourceNext } },
  );
}
