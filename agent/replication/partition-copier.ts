import assert from 'node:assert/strict';

import { SampleWindow } from '../../common/telemetry/sample-window.js';
import { patchBatch } from '../../kafka/records/rewrite-header.js';
import { landedElsewhere, type AppendFailure } from './append-outcome.js';
import type { RefusedBatch } from './batch-limit.js';
import { coalescePrefix } from './coalesce-prefix.js';
import type { CopierAssignment } from './copier-assignment.js';
import type { FrameLease } from './frame-lease.js';
import type { HaltError, WayOut } from './halt.js';
import { DAMAGED_READS_MAX, TROUBLE_AFTER_FAILURES, TROUBLE_LENGTH_MAX } from './limits.js';
import { OpenTransaction } from './open-transaction.js';
import { NEAR } from './pace.js';
import type { Prepared, PreparedBatch, SourceRun } from './prepared-batch.js';
import { splitPrepared } from './split-prepared.js';
import { RunTail, type Position } from './run-tail.js';
import { SourceEpochs } from './source-epochs.js';

export type CopierState =
  | 'recovering' // its position is being derived from the target's end offset
  | 'starting' //   its first position was chosen and is not durable yet
  | 'running' //    fetches and appends
  | 'settling' //   an append failed or its outcome is unknown; waits for those in flight
  | 'stopping' //   asked to stop; waits for those in flight
  | 'halted' //     stands still until an operator decides
  | 'fenced' //     the target refuses this producer epoch; the flow was promoted or paused
  | 'stopped'; //   holds nothing; terminal

/** One batch on its way to the target. */
export interface Append {
  copier: PartitionCopier;
  batch: Buffer;
  /** The target offset that its first record must get. */
  targetBase: bigint;
  count: number;
  runs: readonly SourceRun[];
  sourceNext: bigint;
  maxTimestamp: bigint;
  frame?: FrameLease | undefined;
}

/** How a copier tells those around it that something is to be done. */
export interface CopierEvents {
  /** The position must be derived anew; `failures` in a row, for the backoff. */
  needsRecovery: (copier: PartitionCopier) => void;
  /** Bytes of batches held, as a change: for the memory budget. */
  bytesHeld: (copier: PartitionCopier, change: number) => void;
  stateChanged: (copier: PartitionCopier, from: CopierState) => void;
}

/**
 * The copy of one partition, as a state machine without I/O. Fetched batches come in through
 * `accept`, leave through `take`, and are settled by `appended` or `appendFailed`.
 *
 * Positioned append: what must land at target offset T carries the sequence (T - sequenceBase) mod
 * 2^31, so the broker appends it only if the log ends at T as far as this producer wrote it.
 * Whatever goes wrong, the target's own end offset tells what was appended.
 * Invariant: acked.targetNext <= nextTarget; what lies between them is in flight.
 */
export class PartitionCopier {
  readonly assignment: CopierAssignment;
  readonly tail: RunTail;
  readonly epochs = new SourceEpochs();
  readonly openTransaction = new OpenTransaction();
  state: CopierState = 'recovering';
  halt: HaltError | undefined;

  fetchOffset = -1n; // on the source; what is fetched next
  /** Leader epoch of the last batch fetched: the broker compares it (KIP-320); -1 if unknown. */
  lastFetchedEpoch = -1;
  /** Everything before this is on the target for certain. */
  acked: Position = { sourceNext: -1n, targetNext: -1n };
  /** The source's last stable offset, and when it was told; -1 until then. */
  sourceEnd = -1n;
  sourceEndAtMs = -1;
  /** The target lost its tail: the map ends here. Reported with the next progress. */
  truncatedTo: bigint | undefined;
  /** The map before what is known here is void. Reported with the next progress. */
  mapRestarted = false;
  /** Sequence = (target offset - base) mod 2^31; differs from the assigned one after a way out. */
  sequenceBase: bigint;
  /** What the target takes, once it refused a larger batch. */
  batchBytesMax = Number.POSITIVE_INFINITY;
  /** A batch that was too large for the target: the next recovery learns the limit. */
  refused: RefusedBatch | undefined;
  /** An accepted halt that the next recovery goes past. */
  wayOut: WayOut | undefined;
  /** A batch landed elsewhere than meant: the next recovery looks at who wrote, and halts. */
  landed: HaltError | undefined;

  /** What the length of the links to either side calls for. */
  fetchPace = NEAR;
  appendPace = NEAR;

  records = 0;
  bytes = 0;
  lastTimestamp = -1n;
  /** From the newest timestamp of each batch to its acknowledgement; fed by whoever has a clock. */
  readonly latency = new SampleWindow();
  /** Looks in a row at which the source did not know the topic. */
  missingLooks = 0;
  /** Why its position was not found, or what it then tried failed again and again; empty if neither. */
  trouble = '';
  /** The same of the target. */
  targetMissingLooks = 0;
  /** Recoveries since the last successful append. */
  failures = 0;
  conflicts = 0;
  /** Whether the failure that it settles for was a conflict. */
  metRival = false;

  #queue: PreparedBatch[] = [];
  #queuedBytes = 0;
  #inflight: Append[] = [];
  #inflightBytes = 0;
  #nextTarget = -1n;
  /** Whether the target holds this producer's state: it took a batch since the last recovery. */
  #sequenceProven = false;
  #damaged = 0; // times in a row, of one batch that was fetched or without one that was appended
  #damagedAt = -1n; // where the fetch began that brought it
  readonly #events: CopierEvents;
  #acceptUsed = false;
  #onStopped: (() => void) | undefined;
  #stopped: Promise<void> | undefined;

  constructor(assignment: CopierAssignment, events: CopierEvents) {
    this.assignment = assignment;
    const { mapTail, mapNews } = assignment;
    this.tail = new RunTail(mapTail);
    // Nothing was appended behind a first position, or one that an operator accepted: nor may we yet.
    const isChosen = mapTail.length === 0 || assignment.accept !== '';
    if (mapNews !== undefined) this.tail.adopt(mapNews.runs, isChosen);
    this.truncatedTo = mapNews?.truncatedTo;
    this.mapRestarted = mapNews?.mapRestarted === true;
    this.epochs.know(assignment.sourceEpoch);
    this.sequenceBase = assignment.sequenceBase;
    // What it was granted for is the new topic: nothing would halt, and its first records be skipped.
    if (assignment.accept === 'topic-recreated') this.wayOut = { kind: 'restart' };
    this.#events = events;
  }

  /** The target lost everything from here on, or what was copied behind it does not count any more. */
  cutMap(targetOffset: bigint): void {
    this.tail.truncateTo(targetOffset);
    const { truncatedTo } = this;
    // An earlier cut that is not acknowledged is still to be reported.
    if (truncatedTo === undefined || targetOffset < truncatedTo) this.truncatedTo = targetOffset;
  }

  /** Takes the recovered position; `starting` when it must first become durable. */
  resumeAt(position: Position): void {
    if (this.state !== 'recovering') return;
    this.trouble = '';
    this.acked = position;
    this.fetchOffset = position.sourceNext;
    this.lastFetchedEpoch = this.epochs.before(position.sourceNext);
    this.#nextTarget = position.targetNext;
    this.#sequenceProven = false;
    this.#enter(this.tail.startIsDurable ? 'running' : 'starting');
  }

  /** The coordinator persisted the map up to here. */
  acknowledgeMap(durable: Position): void {
    // Said before the target lost its tail: it would vouch for what is to be reported anew.
    if (durable.targetNext > this.acked.targetNext || !this.tail.reaches(durable)) return;
    this.tail.acknowledge(durable);
    if (this.tail.startIsDurable) {
      this.truncatedTo = undefined;
      this.mapRestarted = false;
    }
    if (this.state === 'starting' && this.tail.startIsDurable) this.#enter('running');
  }

  get wantsFetch(): boolean {
    const windowBytes = Math.max(this.fetchPace.windowBytes, this.appendPace.windowBytes);
    return this.state === 'running' && this.#queuedBytes + this.#inflightBytes < windowBytes;
  }

  /**
   * A broker that does not know a producer takes any sequence from it. So the first batch goes alone:
   * were it refused with others behind it, the second would land in its place.
   */
  get hasAppend(): boolean {
    return (
      this.state === 'running' &&
      this.#queue.length > 0 &&
      this.#inflight.length < (this.#sequenceProven ? this.appendPace.appendsInflightMax : 1)
    );
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  get inflightCount(): number {
    return this.#inflight.length;
  }

  noteSourceEnd(lastStableOffset: bigint, nowMs: number): void {
    this.sourceEnd = lastStableOffset;
    this.sourceEndAtMs = nowMs;
    // All that was ahead when an operator accepted a halt is behind: what comes now is another one.
    if (this.quiet && this.fetchOffset >= lastStableOffset) this.#acceptUsed = true;
  }

  /** Takes what was fetched at `fetchOffset`. */
  accept(prepared: Prepared): void {
    assert.equal(this.state, 'running');
    const batches = prepared.batches.flatMap((batch) => splitPrepared(batch, this.batchBytesMax));
    this.epochs.fetched(this.fetchOffset, prepared.sourceNext, prepared.leaderEpoch);
    this.fetchOffset = prepared.sourceNext;
    if (prepared.leaderEpoch >= 0) this.lastFetchedEpoch = prepared.leaderEpoch;
    for (const batch of batches) this.#queue.push(batch);
    const held = batches.reduce((bytes, { batch }) => bytes + batch.length, 0);
    this.#queuedBytes += held;
    this.#events.bytesHeld(this, held);
    this.#noteDropped(prepared.sourceNext);
  }

  /** The next batch to send, patched for its place; undefined if there is none. */
  take(): Append | undefined {
    if (!this.hasAppend) return undefined;
    const { prepared, taken, bytes } = coalescePrefix(this.#queue, this.batchBytesMax);
    this.#queue.splice(0, taken);
    this.#queuedBytes -= bytes;
    this.#events.bytesHeld(this, prepared.batch.length - bytes);
    const { producerId, producerEpoch } = this.assignment;
    const targetBase = this.#nextTarget;
    const baseSequence = Number(BigInt.asUintN(31, targetBase - this.sequenceBase));
    patchBatch(prepared.batch, { producerId, producerEpoch, baseSequence });
    const append: Append = { copier: this, targetBase, ...prepared };
    this.#nextTarget += BigInt(prepared.count);
    this.#inflight.push(append);
    this.#inflightBytes += append.batch.length;
    return append;
  }

  /** The target appended it. Answers come in order, because a partition keeps to one connection. */
  appended(append: Append, baseOffset: bigint): void {
    this.#forget(append);
    append.frame?.release(); // the target has read it
    // Whatever was about to happen: from here on nothing counted on this target would be true.
    if (baseOffset !== append.targetBase) this.landed ??= landedElsewhere(append, baseOffset);
    const isSending = this.state === 'running' || this.state === 'stopping';
    if (this.landed === undefined && isSending) this.#advance(append);
    else if (this.state === 'running') this.#abandon('settling');
    this.#settleIfIdle();
  }

  appendFailed(append: Append, failure: AppendFailure): void {
    this.#forget(append);
    if (this.state === 'running') {
      if (failure.kind === 'halt') this.#halt(failure.error);
      else if (failure.kind === 'damaged') this.#damagedWith(failure.error);
      else if (failure.kind === 'fenced') this.#abandon('fenced');
      else if (failure.kind === 'too-large') {
        const { count, batch, runs } = append;
        this.refused = { sourceStart: runs[0]!.sourceStart, count, bytes: batch.length };
        this.#abandon('settling');
      } else {
        this.#failed(failure.reason, failure.kind === 'conflict');
        this.#abandon('settling');
      }
    } else if (this.state === 'stopping') this.#abandon('stopping');
    this.#settleIfIdle();
  }

  /** Leaves the copy path at once, for a reason that only an operator can remove. */
  haltWith(error: HaltError): void {
    if (this.state === 'stopped' || this.state === 'stopping') return;
    this.#halt(error);
    this.#settleIfIdle();
  }

  /** The bytes of the next batch cannot be right. On the way or at rest: reading again will tell. */
  damaged(error: HaltError): void {
    if (this.state !== 'running') return;
    if (this.#damagedAt !== this.fetchOffset) this.#damaged = 0;
    this.#damagedAt = this.fetchOffset;
    this.#damagedWith(error);
    this.#settleIfIdle();
  }

  #damagedWith(error: HaltError): void {
    this.#damaged += 1;
    this.#failed(error.message);
    if (this.#damaged < DAMAGED_READS_MAX) this.#abandon('settling');
    else this.#halt(error);
  }

  /** The position can only be found with an operator's help: unless that was given, stands still. */
  #goPast(error: HaltError): boolean {
    const accepted = this.assignment.accept === error.haltCode && !this.#acceptUsed;
    if (!accepted || error.wayOut === undefined) return false;
    this.#acceptUsed = true;
    this.wayOut = error.wayOut;
    this.#abandon('settling');
    return true;
  }

  /** Derives the position anew, as after a failed append: the source's leader or log changed. */
  restart(reason = ''): void {
    if (this.state !== 'running') return;
    this.#failed(reason);
    this.#abandon('settling');
    this.#settleIfIdle();
  }

  #failed(reason = '', metRival = false): void {
    this.failures += 1;
    this.metRival = metRival;
    if (metRival) this.conflicts += 1;
    if (this.failures >= TROUBLE_AFTER_FAILURES) this.trouble = reason.slice(0, TROUBLE_LENGTH_MAX);
  }

  /** Nothing is sent or about to be. */
  get quiet(): boolean {
    return this.state === 'running' && this.#inflight.length === 0 && this.#queue.length === 0;
  }

  /** Sends nothing more; resolves when nothing is in flight. Idempotent and joinable. */
  stop(): Promise<void> {
    this.#stopped ??= new Promise((resolve) => {
      this.#onStopped = resolve;
      this.#abandon('stopping');
      this.#settleIfIdle();
    });
    return this.#stopped;
  }

  #advance(append: Append): void {
    let targetStart = append.targetBase;
    for (const run of append.runs) {
      const length = BigInt(run.count);
      this.tail.extend({ sourceStart: run.sourceStart, targetStart, length });
      targetStart += length;
    }
    this.#reach({ sourceNext: append.sourceNext, targetNext: targetStart });
    this.records += append.count;
    this.bytes += append.batch.length;
    this.lastTimestamp = append.maxTimestamp;
    this.failures = 0;
    this.#damaged = 0;
    this.#sequenceProven = true;
  }

  /** Dropped batches at the end count as copied once all before them are. */
  #noteDropped(sourceNext: bigint): void {
    const last = this.#queue.at(-1) ?? this.#inflight.at(-1);
    if (last !== undefined) last.sourceNext = sourceNext;
    else this.#reach({ ...this.acked, sourceNext });
  }

  #reach(position: Position): void {
    this.acked = position;
    this.tail.rest(position);
  }

  #forget(append: Append): void {
    const index = this.#inflight.indexOf(append);
    assert.ok(index >= 0, 'an append is settled once');
    this.#inflight.splice(index, 1);
    this.#inflightBytes -= append.batch.length;
    this.#events.bytesHeld(this, -append.batch.length);
  }

  #halt(error: HaltError): void {
    if (this.#goPast(error)) return;
    this.halt = error;
    this.#abandon('halted');
  }

  #abandon(next: CopierState): void {
    for (const { frame } of this.#queue) frame?.release(); // never sent
    this.#queue = [];
    this.#events.bytesHeld(this, -this.#queuedBytes);
    this.#queuedBytes = 0;
    this.#enter(next);
  }

  #settleIfIdle(): void {
    if (this.#inflight.length > 0) return;
    if (this.state === 'settling') {
      this.#enter('recovering');
      this.#events.needsRecovery(this);
    } else if (this.#onStopped !== undefined && this.state !== 'stopped') {
      this.#enter('stopped');
      this.#onStopped();
    }
  }

  #enter(next: CopierState): void {
    const from = this.state;
    if (from === next) return;
    this.state = next;
    this.#events.stateChanged(this, from);
  }
}
