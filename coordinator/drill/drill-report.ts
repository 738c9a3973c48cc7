import type { PromotionStep } from '../promotion/promote.js';

export type DrillStepName =
  | 'prepare' //  the canary topic is there, and mirrored
  | 'mirror' //   records written on the source are on the target
  | 'consume' //  the shadow group has read some of them on the source, and stops
  | 'detect' //   the source is looked at
  | 'promote' //  the canary topic and the shadow group, by the code that promotes flows
  | 'takeover' // the shadow group reads on, on the target
  | 'failback' // and back again, with what was written there
  | 'cleanup'; // nothing of it is left, on either side

export interface DrillStep {
  readonly name: DrillStepName | `promote/${PromotionStep['name']}`;
  /** False when it starts, true when it is done. */
  readonly done: boolean;
  readonly message: string;
  readonly elapsedMs: number;
}

/** What a rehearsal measured. Undefined is what it did not come to. */
export interface DrillReport {
  readonly id: string;
  readonly flow: string;
  readonly operator: string;
  /** Wall clock, ms since 1970. */
  readonly startedAtMs: number;
  readonly topic: string;
  readonly group: string;
  readonly partitions: number;
  /** On the source, before the failover; and how many of them the group had read there. */
  readonly written: number;
  readonly readBefore: number;
  /** From the writing of the first record on the source until the last was on the target. */
  replicationMs: number | undefined;
  detectionMs: number | undefined;
  /** Of the promotion's steps `translate` and `commit`. */
  translationMs: number | undefined;
  takeoverMs: number | undefined;
  /** From when the group stopped on the source until it had verifiably read on, on the target. */
  rtoMs: number | undefined;
  failbackMs: number | undefined;
  /** Records of the source that were not on the target. */
  rpoRecords: number | undefined;
  /** Records that the group never saw, and records that it saw again; over the way there and back. */
  skipped: number;
  duplicated: number;
  readonly steps: DrillStep[];
  /** Why it ended early; empty if it did not. */
  failure: string;
  elapsedMs: number;
}
