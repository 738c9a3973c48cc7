import type { ProgressReport } from './messages.js';
import { Count, Gauge, MeterColumns, type Look, type Standing } from './meter-columns.js';

/** Rates forget what is older than this by two thirds. */
export const RATE_TIME_CONSTANT_MS = 10_000;

/** An agent reports at least this often while it copies: longer silence means a falling rate. */
const REPORT_GAP_MS = 2_000;

/**
 * Where all was copied at the last look, one of this age still counts as of now: reports of many
 * partitions come in turn. An older one says nothing of what its source has by now.
 */
export const LOOK_AGE_UNNOTED_MS = 10_000;

/** Looks at the source's end remembered for the lag in time; dropping some makes it larger only. */
const LOOKS_MAX = 8;
const LOOKS_BETWEEN_MAX = LOOKS_MAX - 2;

interface LookColumns {
  readonly end: number;
  readonly atMs: number;
}

/** The oldest, if it is not the newest: the newest whose records are all copied, if there is one. */
const FIRST_LOOK: LookColumns = { end: Count.firstLookEnd, atMs: Gauge.firstLookAtMs };
const LAST_LOOK: LookColumns = { end: Count.sourceEnd, atMs: Gauge.lastLookAtMs };

/**
 * What one partition's reports say about speed and lag. Times are those of the injected monotonic
 * clock: record timestamps are whatever a producer wrote, and say nothing reliable about age.
 *
 * It is a view of one row of its topic's meters, made when it is asked for.
 */
export class CopyMeter {
  readonly #of: MeterColumns;
  readonly #row: number;

  constructor(of = new MeterColumns(), row = of.addRow()) {
    this.#of = of;
    this.#row = row;
  }

  get sourceNext(): bigint | undefined {
    return known(this.#of.count(this.#row, Count.sourceNext));
  }

  get targetNext(): bigint | undefined {
    return known(this.#of.count(this.#row, Count.targetNext));
  }

  /** Totals over all leases that this leader has seen. */
  get recordsTotal(): bigint {
    return this.#of.count(this.#row, Count.recordsTotal);
  }

  get bytesTotal(): bigint {
    return this.#of.count(this.#row, Count.bytesTotal);
  }

  /** What keeps its agent from copying on, as it last said; empty if nothing. */
  get trouble(): string {
    return this.#of.troubles.get(this.#row) ?? '';
  }

  set trouble(trouble: string) {
    if (trouble === '') this.#of.troubles.delete(this.#row);
    else this.#of.troubles.set(this.#row, trouble);
  }

  /** `standing`: what goes for the partition too until its next report. */
  report(report: ProgressReport, nowMs: number, standing?: Standing): void {
    this.#stand();
    this.#of.standing[this.#row] = standing;
    const { leaseEpoch } = report.lease;
    this.#count(report, leaseEpoch === this.#of.count(this.#row, Count.leaseEpoch), nowMs);
    // Negative: the copier does not know yet.
    if (report.sourceNext >= 0n) this.#set(Count.sourceNext, report.sourceNext);
    if (report.targetNext >= 0n) this.#set(Count.targetNext, report.targetNext);
    this.#set(Count.leaseEpoch, leaseEpoch);
    if (report.sourceEnd >= 0n) this.#look(nowMs - report.sourceEndAgeMs, report.sourceEnd);
    this.#forgetPassedLooks(report.sourceNext);
  }

  get sourceEnd(): bigint | undefined {
    return known(this.#of.count(this.#row, Count.sourceEnd));
  }

  sourceEndAgeMs(nowMs: number): number | undefined {
    this.#stand();
    const last = this.#lastLook;
    return last === undefined ? undefined : Math.max(0, nowMs - last.atMs);
  }

  get lagRecords(): bigint | undefined {
    const { sourceEnd, sourceNext } = this;
    if (sourceEnd === undefined || sourceNext === undefined) return undefined;
    return sourceEnd > sourceNext ? sourceEnd - sourceNext : 0n;
  }

  /**
   * How old the oldest record not yet copied may be: it came after the last look whose records are
   * all copied. Undefined while no look was ever caught up with, since then nothing bounds it.
   */
  lagMs(nowMs: number): number | undefined {
    this.#stand();
    const lag = this.lagRecords;
    if (lag === undefined) return undefined;
    if (lag === 0n) {
      const ageMs = this.sourceEndAgeMs(nowMs) ?? 0;
      return ageMs <= LOOK_AGE_UNNOTED_MS ? 0 : ageMs;
    }
    const oldest = this.#firstLook ?? this.#lastLook;
    const { sourceNext } = this;
    if (oldest === undefined || sourceNext === undefined) return undefined;
    if (oldest.sourceEnd <= sourceNext) return Math.max(0, nowMs - oldest.atMs);
    return undefined;
  }

  /** As `lagMs`, but at the last look: what came after that is not in it. */
  get missingMs(): number | undefined {
    this.#stand();
    const last = this.#lastLook;
    return last === undefined ? undefined : this.lagMs(last.atMs);
  }

  recordsPerSecond(nowMs: number): number {
    return this.#of.gauge(this.#row, Gauge.recordsPerMs) * 1_000 * this.#decay(nowMs);
  }

  bytesPerSecond(nowMs: number): number {
    return this.#of.gauge(this.#row, Gauge.bytesPerMs) * 1_000 * this.#decay(nowMs);
  }

  /** Nobody copies it now. */
  idle(): void {
    this.#of.setGauge(this.#row, Gauge.recordsPerMs, 0);
    this.#of.setGauge(this.#row, Gauge.bytesPerMs, 0);
    this.#of.setGauge(this.#row, Gauge.reportedAtMs, Number.NaN);
    this.trouble = '';
    this.#stand();
    this.#of.standing[this.#row] = undefined;
  }

  /** What was said of all that stand is a look at this one too. */
  #stand(): void {
    const standing = this.#of.standing[this.#row];
    const { sourceEnd } = this;
    if (standing !== undefined && sourceEnd !== undefined) this.#look(standing.seenAtMs, sourceEnd);
  }

  #decay(nowMs: number): number {
    const reportedAtMs = this.#of.gauge(this.#row, Gauge.reportedAtMs);
    if (Number.isNaN(reportedAtMs)) return 0;
    const silentMs = nowMs - reportedAtMs - REPORT_GAP_MS;
    return silentMs <= 0 ? 1 : Math.exp(-silentMs / RATE_TIME_CONSTANT_MS);
  }

  #count(report: ProgressReport, sameLease: boolean, nowMs: number): void {
    const of = this.#of;
    const row = this.#row;
    // Counters start at zero with each lease, and a repeated report adds nothing.
    const records = report.records - (sameLease ? of.count(row, Count.records) : 0n);
    const bytes = report.bytes - (sameLease ? of.count(row, Count.bytes) : 0n);
    this.#set(Count.records, report.records);
    this.#set(Count.bytes, report.bytes);
    if (records > 0n) this.#set(Count.recordsTotal, this.recordsTotal + records);
    if (bytes > 0n) this.#set(Count.bytesTotal, this.bytesTotal + bytes);
    const sinceMs = nowMs - of.gauge(row, Gauge.reportedAtMs);
    of.setGauge(row, Gauge.reportedAtMs, nowMs);
    // Not a number at the first report.
    if (!(sinceMs > 0) || !sameLease) return;
    const weight = 1 - Math.exp(-sinceMs / RATE_TIME_CONSTANT_MS);
    const follow = (gauge: number, count: bigint): void => {
      const before = of.gauge(row, gauge);
      of.setGauge(row, gauge, before + weight * (Math.max(0, Number(count)) / sinceMs - before));
    };
    follow(Gauge.recordsPerMs, records);
    follow(Gauge.bytesPerMs, bytes);
  }

  #look(atMs: number, sourceEnd: bigint): void {
    const last = this.#lastLook;
    if (last !== undefined && atMs <= last.atMs) return;
    // An end that did not move is the same look, made later.
    if (last !== undefined && last.sourceEnd !== sourceEnd) {
      if (this.#firstLook === undefined) this.#setLook(FIRST_LOOK, last);
      else this.#of.looksBetween.set(this.#row, [...this.#looksBetween, last]);
    }
    this.#setLook(LAST_LOOK, { atMs, sourceEnd });
  }

  /** Of the looks whose records are all copied the newest is enough. */
  #forgetPassedLooks(sourceNext: bigint): void {
    const last = this.#lastLook;
    if (last === undefined || this.#firstLook === undefined) return;
    let between = this.#looksBetween;
    for (let next = between[0] ?? last; next.sourceEnd <= sourceNext; next = between[0] ?? last) {
      this.#setLook(FIRST_LOOK, between[0]);
      if (between.length === 0) break;
      between = between.slice(1);
    }
    if (between.length > LOOKS_BETWEEN_MAX) between = between.slice(1);
    if (between.length === 0) this.#of.looksBetween.delete(this.#row);
    else this.#of.looksBetween.set(this.#row, between);
  }

  get #firstLook(): Look | undefined {
    return this.#lookOf(FIRST_LOOK);
  }

  get #looksBetween(): readonly Look[] {
    return this.#of.looksBetween.get(this.#row) ?? [];
  }

  get #lastLook(): Look | undefined {
    return this.#lookOf(LAST_LOOK);
  }

  #lookOf({ end, atMs }: LookColumns): Look | undefined {
    const sourceEnd = known(this.#of.count(this.#row, end));
    if (sourceEnd === undefined) return undefined;
    return { atMs: this.#of.gauge(this.#row, atMs), sourceEnd };
  }

  #setLook({ end, atMs }: LookColumns, look: Look | undefined): void {
    this.#set(end, look?.sourceEnd ?? -1n);
    this.#of.setGauge(this.#row, atMs, look?.atMs ?? 0);
  }

  #set(column: number, count: bigint): void {
    this.#of.setCount(this.#row, column, count);
  }
}

function known(count: bigint): bigint | undefined {
  return count < 0n ? undefined : count;
}
