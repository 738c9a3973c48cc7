import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { AdminClient } from '../../kafka/admin/admin-client.js';
import { findTopic } from '../../kafka/admin/find-topic.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import type { ReadRecord } from '../../kafka/records/build-batch.js';
import type { FlowConfig } from '../../mirror/config/mirror-config.js';
import { InternalTopic, type InternalRecord } from '../target/internal-topic.js';
import { readInternalTopic } from '../target/internal-topic-reader.js';
import { ensureInternalTopic } from '../target/topics.js';

/** Of one record in base64 inside JSON; the sources' own limit is a megabyte unless raised. */
const QUARANTINE_MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

/** Records that are held before they are appended. */
const QUARANTINE_RECORDS_PER_APPEND = 1_000;

export interface QuarantineOptions {
  readonly flow: FlowConfig;
  readonly cluster: KafkaCluster;
  readonly admin: AdminClient;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface QuarantinedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly record: ReadRecord;
}

/**
 * A topic on the target that keeps what never crossed: one JSON document a record, under a key of
 * topic, partition and offset, so that saving it again changes nothing. Its name keeps every mirror
 * from copying it.
 */
export class Quarantine {
  readonly topic: string;
  readonly #options: QuarantineOptions;

  constructor(options: QuarantineOptions) {
    this.#options = options;
    this.topic = options.flow.policy.quarantineTopic(options.flow.source);
  }

  /** Resolves with the count once all are on the in-sync replicas. */
  async save(records: AsyncIterable<QuarantinedRecord>, signal: AbortSignal): Promise<bigint> {
    let log: InternalTopic | undefined;
    let waiting: InternalRecord[] = [];
    let count = 0n;
    for await (const record of records) {
      log ??= await this.#open(signal);
      waiting.push(encode(record));
      count += 1n;
      if (waiting.length < QUARANTINE_RECORDS_PER_APPEND) continue;
      await log.append(waiting, signal);
      waiting = [];
    }
    await log?.append(waiting, signal);
    return count;
  }

  /** Every saved record as one line of JSON; nothing if nothing was ever saved. */
  async read(onLine: (line: string) => void, signal: AbortSignal): Promise<void> {
    const { cluster, clock } = this.#options;
    if ((await findTopic(cluster, this.topic, { signal })) === undefined) return;
    const seen = new Set<string>();
    await readInternalTopic(
      {
        ...{ cluster, clock, topic: this.topic, untilOffset: 0n },
        onRecord: ({ key, value }) => {
          if (key === null || value === null || seen.has(key.toString('utf8'))) return;
          seen.add(key.toString('utf8'));
          onLine(value.toString('utf8'));
        },
      },
      signal,
    );
  }

  async #open(signal: AbortSignal): Promise<InternalTopic> {
    const { flow, cluster, admin, clock, log } = this.#options;
    const { topic } = this;
    const wanted = {
      name: topic,
      replicationFactor: flow.offsetSyncsTopicReplicationFactor,
      replicationFactorKey: 'offset-syncs.topic.replication.factor',
    };
    const sleep = (ms: number): Promise<void> => clock.sleep(ms, signal);
    await ensureInternalTopic({ admin, cluster }, wanted, { sleep, signal });
    const limit = { 'max.message.bytes': String(QUARANTINE_MESSAGE_BYTES_MAX) };
    await admin.alterTopicConfigs(topic, limit, { signal });
    const producer = await admin.obtainProducer(`mirror-quarantine.${flow.id}`, { signal });
    return new InternalTopic({ cluster, topic, clock, log, producer });
  }
}

/** Numbers of 64 bits are text: not every reader of JSON keeps them. */
function encode({ topic, partition, record }: QuarantinedRecord): InternalRecord {
  const { offset, timestamp, key, value, headers } = record;
  const document = {
    ...{ topic, partition, offset: String(offset), timestamp: String(timestamp) },
    key: base64(key),
    value: base64(value),
    headers: headers.map((header) => ({
      key: header.key.toString('utf8'),
      value: base64(header.value),
    })),
  };
  return {
    key: Buffer.from(JSON.stringify([topic, partition, String(offset)])),
    value: Buffer.from(JSON.stringify(document)),
  };
}

function base64(bytes: Buffer | null): string | null {
  return bytes === null ? null : bytes.toString('base64');
}
