import type { CodecName } from '../kafka/records/compression.js';

export type Preparation =
  | 'plain'
  | 'transactions' // some of them aborted
  | 'compaction'; //  keys repeat, and the cleaner has been there

/** Between the copier and one of the clusters. */
export interface Link {
  readonly to: 'source' | 'target';
  readonly roundTripMs: number;
}

interface WorkloadBase {
  readonly name: string;
  readonly title: string;
  readonly valueBytes: number;
  readonly recordsPerBatch: number;
  readonly codec: CodecName;
  readonly partitions: number;
  /** Those that have records. */
  readonly activePartitions: readonly number[];
  /** MirrorMaker 2's settings that this workload calls for, besides those that all have. */
  readonly mm2?: Readonly<Record<string, string>>;
}

export interface CopyWorkload extends WorkloadBase {
  readonly kind: 'copy';
  readonly records: number;
  readonly quickRecords: number;
  readonly preparation: Preparation;
  readonly link?: Link;
}

export interface LatencyWorkload extends WorkloadBase {
  readonly kind: 'latency';
  /** Of records to a consumer of the target, or of a group's commits to its checkpoints there. */
  readonly of: 'records' | 'checkpoints';
  readonly intervalMs: number;
  readonly seconds: number;
  readonly quickSeconds: number;
}

export type Workload = CopyWorkload | LatencyWorkload;

const FOUR = [0, 1, 2, 3];
const TEN_OF_THOUSAND = Array.from({ length: 10 }, (_, index) => index * 100);
const ROUND_TRIP_MS = 100;

/** What a quick run does without being told: each way of filling and following once. */
export const QUICK_WORKLOADS: readonly string[] = [
  'large',
  'transactions',
  'link-to-target',
  'latency',
];

/** Of a quick run, the one with MirrorMaker 2, whose start takes longer than all the rest. */
export const QUICK_WITH_MM2 = 'large';

/** 135 records of 966 bytes fill a producer's batch of 128 KiB. */
const LARGE = {
  kind: 'copy',
  valueBytes: 950,
  recordsPerBatch: 135,
  codec: 'none',
  partitions: FOUR.length,
  activePartitions: FOUR,
  preparation: 'plain',
} as const;

/** With a link every figure but the round trip matters less, so that less is copied. */
const OVER_LINK = { ...LARGE, records: 300_000, quickRecords: 8_000 } as const;

/**
 * One request in flight would be one for each round trip, so that here, besides larger batches and
 * fetches, several are allowed, though a retry then costs MirrorMaker 2 its order.
 */
const MM2_OVER_LINK = {
  'producer.max.in.flight.requests.per.connection': '5',
  'producer.batch.size': '1048576',
  'producer.max.request.size': '8388608',
  'consumer.max.partition.fetch.bytes': '8388608',
  'consumer.receive.buffer.bytes': '8388608',
  'producer.send.buffer.bytes': '8388608',
};

/** The fastest that its intervals, whole seconds, allow; a sync for every record. */
const MM2_CHECKPOINTS = {
  'producer.linger.ms': '0',
  'emit.checkpoints.interval.seconds': '1',
  'refresh.groups.interval.seconds': '1',
  'sync.group.offsets.interval.seconds': '1',
  'offset.lag.max': '0',
  'offset.flush.interval.ms': '1000',
};

export const WORKLOADS: readonly Workload[] = [
  {
    ...LARGE,
    name: 'large',
    title: 'Large batches, uncompressed',
    records: 2_000_000,
    quickRecords: 30_000,
  },
  {
    ...LARGE,
    name: 'large-lz4',
    title: 'Large batches, lz4',
    codec: 'lz4',
    records: 700_000,
    quickRecords: 30_000,
  },
  {
    ...LARGE,
    name: 'large-zstd',
    title: 'Large batches, zstd',
    codec: 'zstd',
    records: 700_000,
    quickRecords: 30_000,
  },
  {
    ...LARGE,
    name: 'one-record',
    title: 'One-record batches, uncompressed',
    valueBytes: 200,
    recordsPerBatch: 1,
    records: 1_200_000,
    quickRecords: 10_000,
  },
  {
    ...LARGE,
    name: 'small-lz4',
    title: 'Small batches of ten records, lz4',
    valueBytes: 200,
    recordsPerBatch: 10,
    codec: 'lz4',
    records: 600_000,
    quickRecords: 30_000,
  },
  {
    ...LARGE,
    name: 'transactions',
    title: 'Transactional topic, read committed',
    valueBytes: 500,
    recordsPerBatch: 40,
    records: 400_000,
    quickRecords: 20_000,
    preparation: 'transactions',
    mm2: { 'consumer.isolation.level': 'read_committed' },
  },
  {
    ...LARGE,
    name: 'compacted',
    title: 'Compacted topic, with gaps',
    valueBytes: 500,
    recordsPerBatch: 100,
    records: 600_000,
    quickRecords: 60_000,
    preparation: 'compaction',
  },
  {
    ...LARGE,
    name: 'thousand-partitions',
    title: '1,000 partitions, 10 of them active',
    partitions: 1000,
    activePartitions: TEN_OF_THOUSAND,
    records: 2_000_000,
    quickRecords: 20_000,
  },
  {
    ...OVER_LINK,
    name: 'link-to-target',
    title: 'Large batches, 100 ms round trip between copier and target',
    link: { to: 'target', roundTripMs: ROUND_TRIP_MS },
    mm2: MM2_OVER_LINK,
  },
  {
    ...OVER_LINK,
    name: 'link-to-source',
    title: 'Large batches, 100 ms round trip between source and copier',
    link: { to: 'source', roundTripMs: ROUND_TRIP_MS },
    mm2: MM2_OVER_LINK,
  },
  {
    kind: 'latency',
    of: 'records',
    name: 'latency',
    title: 'Latency, one record every 10 ms',
    valueBytes: 200,
    recordsPerBatch: 1,
    codec: 'none',
    partitions: 1,
    activePartitions: [0],
    intervalMs: 10,
    seconds: 20,
    quickSeconds: 3,
    mm2: { 'producer.linger.ms': '0' },
  },
  {
    kind: 'latency',
    of: 'checkpoints',
    name: 'checkpoint-latency',
    title: 'From a commit at the source to its checkpoint on the target',
    valueBytes: 200,
    recordsPerBatch: 1,
    codec: 'none',
    partitions: 1,
    activePartitions: [0],
    intervalMs: 20,
    seconds: 20,
    quickSeconds: 3,
    mm2: MM2_CHECKPOINTS,
  },
];
