import type { ProgressReport } from './messages.js';

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

/** A look at the source: at `atMs` it ended at `sourceEnd`. */
interface Look {
  readonly atMs: number;
  readonly sourceEnd: bigint;
}

/** When its agent last heard from the source that nothing has changed; shared by all that stand. */
export interface Standing {
  seenAtMs: number;
}

/**
 * What one partition's reports say about speed and lag. Times are those of the injected monotonic
 * clock: record timestamps are whatever a producer wrote, and say nothing reliable about age.
 */
export class CopyMeter {
  sourceNext: bigint | undefined;
  targetNext: bigint | undefined;
  /** Totals over all leases that this leader has seen. */
  recordsTotal = 0n;
  bytesTotal = 0n;
  /** What keeps its agent from copying on, as it last said; empty if nothing. */
  trouble = '';
  #leaseEpoch = 0n;
  /** The counters of the present lease at its last report. */
  #records = 0n;
  #bytes = 0n;
  #reportedAtMs: number | undefined;
  #recordsPerMs = 0;
  #bytesPerMs = 0;
  /** Oldest first. The first is the newest look whose records are all copied, if there is one. */
  #looks: Look[] = [];
  #standing: Standing | undefined;

  /** `standing`: what goes for the partition too until its next report. */
  report(report: ProgressReport, nowMs: number, standing?: Standing): void {
    this.#stand();
    this.#standing = standing;
    const sameLease = report.lease.leaseEpoch === this.#leaseEpoch;
    this.#count(report, sameLease, nowMs);
    // Negative: the copier does not know yet.
    if (report.sourceNext >= 0n) this.sourceNext = report.sourceNext;
    if (report.targetNext >= 0n) this.targetNext = report.targetNext;
    this.#leaseEpoch = report.lease.leaseEpoch;
    if (report.sourceEnd >= 0n) this.#look(nowMs - report.sourceEndAgeMs, report.sourceEnd);
    const looks = this.#looks;
    while (looks.length > 1 && (looks[1] as Look).sourceEnd <= report.sourceNext) looks.shift();
    if (looks.length > LOOKS_MAX) looks.splice(1, 1);
  }

  get sourceEnd(): bigint | undefined {
    return this.#looks.at(-1)?.sourceEnd;
  }

  sourceEndAgeMs(nowMs: number): number | undefined {
    this.#stand();
    const last = this.#looks.at(-1);
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
    const [oldest] = this.#looks;
    if (lag === 0n) {
      const ageMs = this.sourceEndAgeMs(nowMs) ?? 0;
      return ageMs <= LOOK_AGE_UNNOTED_MS ? 0 : ageMs;
    }
    if (oldest === undefined || this.sourceNext === undefined) return undefined;
    if (oldest.sourceEnd <= this.sourceNext) return Math.max(0, nowMs - oldest.atMs);
    return undefined;
  }

  /** As `lagMs`, but at the last look: what came after that is not in it. */
  get missingMs(): number | undefined {
    this.#stand();
    const last = this.#looks.at(-1);
    return last === undefined ? undefined : this.lagMs(last.atMs);
  }

  recordsPerSecond(nowMs: number): number {
    return this.#recordsPerMs * 1_000 * this.#decay(nowMs);
  }

  bytesPerSecond(nowMs: number): number {
    return this.#bytesPerMs * 1_000 * this.#decay(nowMs);
  }

  /** Nobody copies it now. */
  idle(): void {
    this.#recordsPerMs = 0;
    this.#bytesPerMs = 0;
    this.#reportedAtMs = undefined;
    this.trouble = '';
    this.#stand();
    this.#standing = undefined;
  }

  /** What was said of all that stand is a look at this one too. */
  #stand(): void {
    const sourceEnd = this.sourceEnd;
    if (this.#standing !== undefined && sourceEnd !== undefined)
      this.#look(this.#standing.seenAtMs, sourceEnd);
  }

  #decay(nowMs: number): number {
    if (this.#reportedAtMs === undefined) return 0;
    const silentMs = nowMs - this.#reportedAtMs - REPORT_GAP_MS;
    return silentMs <= 0 ? 1 : Math.exp(-silentMs / RATE_TIME_CONSTANT_MS);
  }

  #count(report: ProgressReport, sameLease: boolean, nowMs: number): void {
    // Counters start at zero with each lease, and a repeated report adds nothing.
    const records = report.records - (sameLease ? this.#records : 0n);
    const bytes = report.bytes - (sameLease ? this.#bytes : 0n);
    this.#records = report.records;
    this.#bytes = report.bytes;
    if (records > 0n) this.recordsTotal += records;
    if (bytes > 0n) this.bytesTotal += bytes;
    const sinceMs = this.#reportedAtMs === undefined ? 0 : nowMs - this.#reportedAtMs;
    this.#reportedAtMs = nowMs;
    if (sinceMs <= 0 || !sameLease) return;
    const weight = 1 - Math.exp(-sinceMs / RATE_TIME_CONSTANT_MS);
    this.#recordsPerMs += weight * (Math.max(0, Number(records)) / sinceMs - this.#recordsPerMs);
    this.#bytesPerMs += weight * (Math.max(0, Number(bytes)) / sinceMs - this.#bytesPerMs);
  }

  #look(atMs: number, sourceEnd: bigint): void {
    const last = this.#looks.at(-1);
    if (last !== undefined && atMs <= last.atMs) return;
    // An end that did not move is the same look, made later.
    if (last?.sourceEnd === sourceEnd) this.#looks.pop();
    this.#looks.push({ atMs, sourceEnd });
  }
}
