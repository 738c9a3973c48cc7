/** What runs on a workload: mirror-maker, MirrorMaker 2, and batches produced from memory. */
export const SUBJECTS = ['agent', 'mm2', 'limit'] as const;

export type Subject = (typeof SUBJECTS)[number];

/** One subject on one workload in one round. Seconds of CPU are of all threads together. */
export interface CopyRound {
  readonly subject: Subject;
  readonly round: number;
  /** Of the measured part: from the end of the warm-up share to the last record. */
  readonly records: number;
  /** Bytes of these records' batches as they lie on the source. */
  readonly bytes: number;
  readonly seconds: number;
  /** On the target in the end. */
  readonly recordsFound: number;
  readonly recordsExpected: number;
  /** The rest is missing for the limit, which has no process of its own. */
  readonly cpuSeconds?: number;
  readonly peakBytes?: number;
  /** From the start of the process to its first record on the target. */
  readonly startUpMs?: number;
  /** Cores used after everything was copied. */
  readonly idleCores?: number;
  /** Cores used by all others during the measured part, for the explanation. */
  readonly cores: {
    readonly sourceBroker: number;
    readonly targetBroker: number;
    readonly bench: number;
  };
}

export interface LatencyRound {
  readonly subject: Subject;
  readonly round: number;
  readonly records: number;
  /** From the call that produces a record to its arrival at a consumer of the target, or from the
   * acknowledgement of a commit to the arrival of its checkpoint. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** Of checkpoints: how many records a failover would repeat, on average over time. */
  readonly rereadRecords?: number;
  /** Missing for the limit. */
  readonly cores?: number;
  readonly peakBytes?: number;
}

export interface HotFunction {
  readonly name: string;
  readonly place: string;
  /** Of all samples in which the process was not idle. */
  readonly share: number;
}

interface WorkloadResultBase {
  readonly name: string;
  readonly title: string;
  /** What was in it, as it was obtained. */
  readonly content: string;
  /** What went wrong, of any subject: wrong counts, a run that did not end. */
  readonly failures: readonly string[];
  /** Where mirror-maker spent its time, if it was looked at. */
  readonly profile?: readonly HotFunction[];
}

export interface CopyResult extends WorkloadResultBase {
  readonly kind: 'copy';
  readonly rounds: readonly CopyRound[];
}

export interface LatencyResult extends WorkloadResultBase {
  readonly kind: 'latency';
  readonly rounds: readonly LatencyRound[];
}

export type WorkloadResult = CopyResult | LatencyResult;

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
}

export interface BenchReport {
  readonly startedAt: string;
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly commit: string;
  readonly quick: boolean;
  readonly rounds: number;
  /** MirrorMaker 2's settings, by the workloads that have them. */
  readonly mm2Settings: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly mm2JavaOptions: readonly string[];
  readonly workloads: readonly WorkloadResult[];
}
