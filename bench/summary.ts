import type { CopyResult, CopyRound, LatencyResult, Subject } from './results.js';
import { median } from './statistics.js';

const GIGABYTE = 1e9;
const MILLION = 1e6;

/** Medians over the rounds of one subject; undefined where it has no such figure. */
export interface CopySummary {
  readonly bytesPerSecond: number;
  readonly recordsPerSecond: number;
  readonly cpuSecondsPerGb: number | undefined;
  readonly cpuSecondsPerMillion: number | undefined;
  readonly cores: number | undefined;
  readonly idleCores: number | undefined;
  readonly peakBytes: number | undefined;
  readonly startUpMs: number | undefined;
  readonly sourceBrokerCores: number;
  readonly targetBrokerCores: number;
  readonly benchCores: number;
}

export interface LatencySummary {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly rereadRecords: number | undefined;
  readonly cores: number | undefined;
  readonly peakBytes: number | undefined;
}

/** Undefined when the subject has no round: it was left out, or every one failed. */
export function summarizeCopy(result: CopyResult, subject: Subject): CopySummary | undefined {
  const rounds = result.rounds.filter((round) => round.subject === subject);
  if (rounds.length === 0) return undefined;
  const of = (figure: (round: CopyRound) => number): number => median(rounds.map(figure));
  const ofSome = (figure: (round: CopyRound) => number | undefined): number | undefined => {
    const known = rounds.map(figure).filter((value) => value !== undefined);
    return known.length === 0 ? undefined : median(known);
  };
  const perCpu = (divide: (cpuSeconds: number, round: CopyRound) => number): number | undefined =>
    ofSome((round) =>
      round.cpuSeconds === undefined ? undefined : divide(round.cpuSeconds, round),
    );
  return {
    bytesPerSecond: of(({ bytes, seconds }) => bytes / seconds),
    recordsPerSecond: of(({ records, seconds }) => records / seconds),
    cpuSecondsPerGb: perCpu((cpu, { bytes }) => (cpu / bytes) * GIGABYTE),
    cpuSecondsPerMillion: perCpu((cpu, { records }) => (cpu / records) * MILLION),
    cores: perCpu((cpu, { seconds }) => cpu / seconds),
    idleCores: ofSome((round) => round.idleCores),
    peakBytes: ofSome((round) => round.peakBytes),
    startUpMs: ofSome((round) => round.startUpMs),
    sourceBrokerCores: of((round) => round.cores.sourceBroker),
    targetBrokerCores: of((round) => round.cores.targetBroker),
    benchCores: of((round) => round.cores.bench),
  };
}

export function summarizeLatency(
  result: LatencyResult,
  subject: Subject,
): LatencySummary | undefined {
  const rounds = result.rounds.filter((round) => round.subject === subject);
  if (rounds.length === 0) return undefined;
  const cores = rounds.map((round) => round.cores).filter((value) => value !== undefined);
  const peaks = rounds.map((round) => round.peakBytes).filter((value) => value !== undefined);
  const rereads = rounds.map((round) => round.rereadRecords).filter((value) => value !== undefined);
  return {
    p50Ms: median(rounds.map((round) => round.p50Ms)),
    p99Ms: median(rounds.map((round) => round.p99Ms)),
    p999Ms: median(rounds.map((round) => round.p999Ms)),
    rereadRecords: rereads.length === 0 ? undefined : median(rereads),
    cores: cores.length === 0 ? undefined : median(cores),
    peakBytes: peaks.length === 0 ? undefined : median(peaks),
  };
}
