import { systemClock } from '../common/clock.js';
import { TRANSACTIONAL_FLAG } from '../kafka/records/batch-header.js';
import { keyedSupply, pooledSupply, type BatchSupply, type SupplyOptions } from './batch-supply.js';
import { produceBatches } from './produce-batches.js';
import { produceTransactions } from './produce-transactions.js';
import { scanTopic, type TopicContent } from './scan-topic.js';
import { createReadyTopic, type BenchCluster } from './test-bed.js';
import type { CopyWorkload } from './workloads.js';

const COMPACTED_CONFIG = {
  'cleanup.policy': 'compact',
  'segment.bytes': String(2 * 1024 * 1024),
  'min.cleanable.dirty.ratio': '0.01',
  'min.compaction.lag.ms': '0',
};

/** The cleaner is done when two looks this far apart see the same. */
const CLEANER_LOOK_MS = 3_000;
const CLEANER_WAIT_MS_MAX = 60_000;

/** What a copier finds, and what it is to bring over. */
export interface SourceContent {
  readonly topic: string;
  readonly records: number;
  readonly bytes: number;
  /** For the reader of the results. */
  readonly description: string;
  /** The same batches, for the broker limit. */
  readonly supply: BatchSupply;
}

export async function fillSource(
  source: BenchCluster,
  workload: CopyWorkload,
  records: number,
): Promise<SourceContent> {
  const topic = `bench-${workload.name}`;
  const { activePartitions: partitions, preparation } = workload;
  const configs = preparation === 'compaction' ? COMPACTED_CONFIG : {};
  const created = { name: topic, partitionCount: workload.partitions, replicationFactor: 1 };
  await createReadyTopic(source, { ...created, configs }, partitions);
  const options: SupplyOptions = {
    workload,
    recordsPerPartition: Math.ceil(records / partitions.length),
    startMs: systemClock.wallMs(),
  };
  switch (preparation) {
    case 'plain': {
      const supply = pooledSupply(options);
      const produced = await produceBatches(source.client, { topic, partitions, supply });
      return { topic, ...produced, supply, description: describe(produced, workload) };
    }
    case 'transactions': {
      const supply = pooledSupply({ ...options, flags: TRANSACTIONAL_FLAG });
      const produced = await produceTransactions(source.client, { topic, partitions, supply });
      const description =
        `${describe(produced, workload)} committed, ` +
        `${thousands(produced.abortedRecords)} records aborted`;
      return { topic, ...produced, supply: pooledSupply(options), description };
    }
    case 'compaction': {
      const supply = keyedSupply(options);
      const produced = await produceBatches(source.client, { topic, partitions, supply });
      const content = await waitForCleaner(source, topic, partitions);
      const { records: kept, bytes, batches, gappedBatches } = content;
      const description =
        `${describe({ records: kept, bytes }, workload)} left of ` +
        `${thousands(produced.records)} records; ${thousands(gappedBatches)} of ` +
        `${thousands(batches)} batches with gaps`;
      return { topic, records: kept, bytes, supply, description };
    }
  }
}

async function waitForCleaner(
  source: BenchCluster,
  topic: string,
  partitions: readonly number[],
): Promise<TopicContent> {
  const deadlineMs = systemClock.nowMs() + CLEANER_WAIT_MS_MAX;
  let content = await scanTopic(source.client, topic, partitions);
  for (;;) {
    await systemClock.sleep(CLEANER_LOOK_MS);
    const again = await scanTopic(source.client, topic, partitions);
    const settled = again.records === content.records && again.gappedBatches > 0;
    content = again;
    if (settled || systemClock.nowMs() > deadlineMs) return content;
  }
}

function thousands(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

function describe(content: { records: number; bytes: number }, workload: CopyWorkload): string {
  const megabytes = thousands(content.bytes / 1e6);
  return (
    `${thousands(content.records)} records, ${megabytes} MB in batches of up to ` +
    `${thousands(workload.recordsPerBatch)}`
  );
}
