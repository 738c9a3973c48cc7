import { MirrorError } from '../../common/errors.js';
import { AdminClient } from '../../kafka/admin/admin-client.js';
import { appendRecords } from '../../kafka/admin/append-records.js';
import { KafkaApiError } from '../../kafka/admin/errors.js';
import { findTopic } from '../../kafka/admin/find-topic.js';
import { readRecords } from '../../kafka/admin/read-records.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import { TIMESTAMP_LATEST } from '../../kafka/messages/list-offsets.js';
import { isDrillName } from '../../mirror/drill-names.js';
import {
  CanaryAct,
  type Canary,
  type CanaryPartition,
  type CanaryResult,
} from '../../proto/gen/mirror/v1/site_task.js';
import type { SiteTaskContext, SiteTaskExecutor } from './site-task.js';

const NOTHING: CanaryResult = { partitions: [], committed: [] };

/** What was asked is not a rehearsal's business. */
export class CanaryRefusedError extends MirrorError {
  readonly code = 'MIRROR_CANARY_REFUSED';
  readonly retriable = false;
}

/** One act of a rehearsal on the source; touches nothing but what rehearsals made. */
export const canary: SiteTaskExecutor<'canary'> = async (task, context) => {
  const { topic, group } = task;
  const { target } = context.flow.config;
  if (!isDrillName(target, topic) || !isDrillName(target, group)) {
    const message = `topic ${topic} or group ${group} does not belong to a rehearsal`;
    throw new CanaryRefusedError(message);
  }
  const source = new CanarySource(task, context);
  switch (task.act) {
    case CanaryAct.CREATE:
      return source.create();
    case CanaryAct.APPEND:
      return source.append();
    case CanaryAct.LOOK:
      return source.look();
    case CanaryAct.READ:
      return source.read();
    case CanaryAct.COMMIT:
      return source.commit();
    case CanaryAct.DELETE:
      return source.delete();
    default:
      throw new CanaryRefusedError(`act ${task.act} is not known to this agent`);
  }
};

class CanarySource {
  readonly #task: Canary;
  readonly #context: SiteTaskContext<'canary'>;
  readonly #admin: AdminClient;

  constructor(task: Canary, context: SiteTaskContext<'canary'>) {
    this.#task = task;
    this.#context = context;
    const { flow, clock } = context;
    this.#admin = new AdminClient({ cluster: flow.source, clock });
  }

  async create(): Promise<CanaryResult> {
    const { topic: name, partitionCount } = this.#task;
    const { signal } = this.#context;
    await this.#admin.createTopic({ name, partitionCount, replicationFactor: -1 }, { signal });
    return NOTHING;
  }

  async append(): Promise<CanaryResult> {
    const { topic, partitions } = this.#task;
    const { flow, clock, signal } = this.#context;
    for (const { partition, values } of partitions) {
      const timestamp = BigInt(clock.wallMs());
      const records = values.map((value) => ({ key: null, value: Buffer.from(value), timestamp }));
      await appendRecords(flow.source, { topic, partition, records }, { signal });
    }
    return this.look();
  }

  async look(): Promise<CanaryResult> {
    const { topic, group } = this.#task;
    const { signal } = this.#context;
    const offsets = await this.#admin.groupOffsets([group], { signal });
    const committed = (offsets.get(group) ?? [])
      .filter((each) => each.topic === topic)
      .map(({ partition, offset }) => ({ partition, offset, values: [] }));
    return { partitions: await this.#ends(), committed };
  }

  async read(): Promise<CanaryResult> {
    const { topic, partitions } = this.#task;
    const { flow, signal } = this.#context;
    const ends = new Map((await this.#ends()).map((each) => [each.partition, each.offset]));
    const found: CanaryPartition[] = [];
    for (const { partition, offset: from } of partitions) {
      const until = ends.get(partition) ?? from;
      const records = await readRecords(flow.source, { topic, partition, from, until }, { signal });
      const values = records.map(({ value }) => value?.toString() ?? '');
      found.push({ partition, offset: from, values });
    }
    return { partitions: found, committed: [] };
  }

  async commit(): Promise<CanaryResult> {
    const { topic, group, partitions } = this.#task;
    const { signal } = this.#context;
    const offsets = partitions.map(({ partition, offset }) => ({ topic, partition, offset }));
    const [failure] = await this.#admin.commitGroupOffsets(group, offsets, { signal });
    if (failure !== undefined) {
      const { errorCode } = failure;
      throw new KafkaApiError({ api: 'OffsetCommit', subject: `group ${group}`, errorCode });
    }
    return this.look();
  }

  async delete(): Promise<CanaryResult> {
    const { topic, group } = this.#task;
    const { signal } = this.#context;
    await this.#admin.deleteTopic(topic, { signal });
    await this.#admin.deleteGroup(group, { signal });
    return NOTHING;
  }

  async #ends(): Promise<CanaryPartition[]> {
    const { topic } = this.#task;
    const { flow, signal } = this.#context;
    const there = await findTopic(flow.source, topic, { signal });
    const count = there?.partitions.length ?? 0;
    const partitions = [...Array(count).keys()].map((partition) => ({ topic, partition }));
    const found = await flow.source.listOffsets(partitions, TIMESTAMP_LATEST, { signal });
    return partitions.map(({ partition }) => {
      const { errorCode, offset } = found.get(`${topic}:${partition}`)!;
      if (errorCode !== ErrorCode.NONE) {
        const subject = `${topic}-${partition}`;
        throw new KafkaApiError({ api: 'ListOffsets', subject, errorCode });
      }
      return { partition, offset, values: [] };
    });
  }
}
