import type { Run } from './run-tail.js';
import type { SourceEpoch } from './source-epochs.js';

/** Reported by an earlier holder, and not durable yet: reported as if it were copied here. */
export interface MapNews {
  runs: readonly Run[];
  truncatedTo?: bigint | undefined;
  mapRestarted: boolean;
}

/** What a coordinator hands out to copy one partition. */
export interface CopierAssignment {
  topic: string;
  partition: number;
  targetTopic: string;
  sourceTopicId: string;
  targetTopicId: string;
  producerId: bigint;
  producerEpoch: number;
  sequenceBase: bigint;
  /** Durable. */
  mapTail: readonly Run[];
  /** What the coordinator knows behind that; undefined if all is durable, or it does not tell. */
  mapNews?: MapNews | undefined;
  /** Where the durable map ends, or near that; undefined if it is not known. */
  sourceEpoch?: SourceEpoch | undefined;
  /** The halt that an operator accepted, once; empty if none. */
  accept: string;
}
