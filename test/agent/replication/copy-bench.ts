import type { Bandwidth } from '../../../agent/replication/bandwidth.js';
import { FlowCopier, type FlowCopierOptions } from '../../../agent/replication/flow-copier.js';
import { MemoryBudget } from '../../../agent/replication/memory-budget.js';
import type { PartitionCopier } from '../../../agent/replication/partition-copier.js';
import type { Run } from '../../../agent/replication/run-tail.js';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { AdminClient } from '../../../kafka/admin/admin-client.js';
import { KafkaCluster } from '../../../kafka/client/index.js';
import { eventually } from '../../kit/eventually.js';
import type { MapPoint } from '../../kit/history-checker.js';
import type { KafkaServers } from '../../kit/start-kafka.js';

export interface CopyOptions {
  topic: string;
  targetTopic: string;
  partitions: number;
  producer: { producerId: bigint; producerEpoch: number };
  accept?: string;
  start?: FlowCopierOptions['start'];
  bandwidth?: Bandwidth;
}

/** One agent's worth of copying, with an offset map that is durable as soon as it is reported. */
export class Bench {
  readonly map = new Map<string, Run[]>();
  /** What is durable beside the map. */
  readonly #sequenceBases = new Map<string, bigint>();
  readonly #sources: KafkaServers;
  readonly #targets: KafkaServers;
  #open: (() => Promise<void>)[] = [];

  constructor(source: KafkaServers, target: KafkaServers) {
    this.#sources = source;
    this.#targets = target;
  }

  async producerFor(flow: string): Promise<{ producerId: bigint; producerEpoch: number }> {
    const cluster = this.cluster(this.#targets);
    return new AdminClient({ cluster, clock: systemClock }).obtainProducer(`mirror.${flow}`);
  }

  async copier(
    options: CopyOptions,
  ): Promise<{ flow: FlowCopier; copiers: PartitionCopier[]; save: () => void }> {
    const source = this.cluster(this.#sources);
    const target = this.cluster(this.#targets);
    const { topic, targetTopic } = options;
    await Promise.all([source.metadata([topic]), target.metadata([targetTopic])]);
    const flow = new FlowCopier({
      flow: 'a->b',
      source,
      target,
      start: options.start ?? 'earliest',
      memory: new MemoryBudget(64 * 1024 * 1024),
      ...(options.bandwidth === undefined ? {} : { bandwidth: options.bandwidth }),
      clock: systemClock,
      log: silentLogger,
      lanesPerBroker: 2,
      findMapEntry: () => Promise.resolve([]),
      onSettled: () => undefined,
      onStateChanged: (copier) => this.#save(copier),
    });
    this.#open.push(() => flow.close());
    const copiers = Array.from({ length: options.partitions }, (_, partition) =>
      flow.add({
        topic,
        partition,
        targetTopic,
        sourceTopicId: source.topicIdOf(topic)!,
        targetTopicId: target.topicIdOf(targetTopic)!,
        ...options.producer,
        sequenceBase: this.#sequenceBases.get(`${topic}-${partition}`) ?? 0n,
        accept: options.accept ?? '',
        mapTail: this.map.get(`${topic}-${partition}`) ?? [],
      }),
    );
    const save = (): void => copiers.forEach((copier) => this.#save(copier));
    return { flow, copiers, save };
  }

  /** What the coordinator does: keeps the runs, and acknowledges them. */
  #save(copier: PartitionCopier): void {
    if (copier.state === 'recovering') return;
    const key = `${copier.assignment.topic}-${copier.assignment.partition}`;
    const news = copier.tail.unacknowledged();
    if (news.length === 0) return;
    const end = copier.truncatedTo;
    const known = (this.map.get(key) ?? []).map((run) =>
      end !== undefined && run.targetStart + run.length > end
        ? { ...run, length: end > run.targetStart ? end - run.targetStart : 0n }
        : run,
    );
    const first = news[0]!.targetStart;
    this.map.set(key, [...known.filter((run) => run.targetStart < first), ...news]);
    this.#sequenceBases.set(key, copier.sequenceBase);
    const reached = copier.tail.end!;
    setImmediate(() => copier.acknowledgeMap(reached));
  }

  /** The map's claims, one for each copied record of a partition. */
  mapPoints(topic: string, partition = 0): MapPoint[] {
    return (this.map.get(`${topic}-${partition}`) ?? []).flatMap((run) =>
      Array.from({ length: Number(run.length) }, (_, index) => ({
        partition,
        sourceOffset: run.sourceStart + BigInt(index),
        targetOffset: run.targetStart + BigInt(index),
      })),
    );
  }

  /** Closed with the bench. */
  cluster(servers: KafkaServers): KafkaCluster {
    const cluster = new KafkaCluster({
      alias: servers.name,
      bootstrapServers: servers.bootstrapServers.split(','),
      clientId: 'test',
      clock: systemClock,
      log: silentLogger,
    });
    this.#open.unshift(() => cluster.close());
    return cluster;
  }

  async close(): Promise<void> {
    for (const close of this.#open.reverse()) await close();
    this.#open = [];
  }
}

/** Waits until everything before the source offset is on the target; shows the halt if not. */
export async function copiedUpTo(copier: PartitionCopier, sourceNext: bigint): Promise<void> {
  const show = (): unknown => {
    const { state, halt, acked, failures } = copier;
    return { state, halt: halt?.message, acked, failures };
  };
  await eventually(() => copier.acked.sourceNext >= sourceNext || copier.halt !== undefined, show);
  if (copier.halt !== undefined) throw copier.halt;
}
