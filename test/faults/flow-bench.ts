import { appendFileSync, existsSync, readFileSync } from 'node:fs';

import { FlowCopier } from '../../agent/replication/flow-copier.js';
import { MemoryBudget } from '../../agent/replication/memory-budget.js';
import type { PartitionCopier } from '../../agent/replication/partition-copier.js';
import type { Run } from '../../agent/replication/run-tail.js';
import { systemClock, type Clock } from '../../common/clock.js';
import { silentLogger, type Logger } from '../../common/log.js';
import { AdminClient } from '../../kafka/admin/admin-client.js';
import { KafkaCluster } from '../../kafka/client/index.js';
import type { SecurityOptions } from '../../kafka/client/security.js';
import { eventually } from '../kit/eventually.js';
import { assertMirrored } from '../kit/history-checker.js';
import type { Connection } from '../kit/kafkajs-client.js';
import { readTopic } from '../kit/read-topic.js';

const MEMORY_BYTES_MAX = 64 * 1024 * 1024;
const REPORT_INTERVAL_MS = 50;

export type Side = 'source' | 'target';

/** A flow's producer on the target. */
export interface FlowProducer {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

export interface BenchOptions {
  readonly source: Connection;
  readonly target: Connection;
  /** Where runs are kept, so that another process can go on; in memory alone unless told. */
  readonly mapFile?: string;
  readonly memory?: MemoryBudget;
  readonly log?: Logger;
  /** Of the copying, not of the connections. */
  readonly clock?: Clock;
  /** Sees each cluster before it is used: to put faults into its connections. */
  readonly onCluster?: (side: Side, cluster: KafkaCluster) => void;
  /** After a report was made durable, before it is acknowledged. */
  readonly onReported?: () => void;
  readonly security?: Partial<Record<Side, SecurityOptions>>;
  /** For each request to a broker; the client's default unless told. */
  readonly requestTimeoutMs?: number;
}

/** What a coordinator keeps of the maps: runs, in order, in memory and perhaps in a file. */
class DurableRuns {
  readonly #runs = new Map<string, Run[]>();
  readonly #file: string | undefined;

  constructor(file: string | undefined) {
    this.#file = file;
    if (file === undefined || !existsSync(file)) return;
    const lines = readFileSync(file, 'utf8').split('\n');
    // A line that a kill cut short was never acknowledged.
    for (const line of lines.slice(0, -1)) this.#apply(parse(line));
  }

  tail(key: string): readonly Run[] {
    return this.#runs.get(key) ?? [];
  }

  save(key: string, runs: readonly Run[]): void {
    this.#apply({ key, runs });
    if (this.#file === undefined) return;
    const line = JSON.stringify({ key, runs }, (_, value: unknown) =>
      typeof value === 'bigint' ? `${value}` : value,
    );
    appendFileSync(this.#file, `${line}\n`);
  }

  /** As after a crash of everything: of each partition only the starting point is left. */
  forgetAllButStarts(): void {
    for (const [key, [first]] of this.#runs) {
      if (first !== undefined) this.#runs.set(key, [{ ...first, length: 0n }]);
    }
  }

  #apply({ key, runs }: { key: string; runs: readonly Run[] }): void {
    const first = runs[0];
    if (first === undefined) return;
    const known = this.tail(key);
    const kept = known.filter((run) => run.targetStart < first.targetStart);
    this.#runs.set(key, [...kept, ...runs]);
  }
}

function parse(line: string): { key: string; runs: Run[] } {
  const { key, runs } = JSON.parse(line) as { key: string; runs: Record<keyof Run, string>[] };
  return {
    key,
    runs: runs.map((run) => ({
      sourceStart: BigInt(run.sourceStart),
      targetStart: BigInt(run.targetStart),
      length: BigInt(run.length),
    })),
  };
}

export interface CopyOptions {
  readonly topic: string;
  readonly targetTopic: string;
  readonly partitions?: number;
  readonly producer: FlowProducer;
}

/** One running FlowCopier, as one agent would run it, with a coordinator's part done here. */
export class BenchFlow {
  readonly flow: FlowCopier;
  readonly copiers: PartitionCopier[] = [];
  readonly source: KafkaCluster;
  readonly target: KafkaCluster;
  /** How often some copier had to find its position again after it had run. */
  setbacks = 0;
  readonly #runs: DurableRuns;
  readonly #timer: NodeJS.Timeout;
  readonly #onReported: () => void;

  constructor(options: BenchOptions, runs: DurableRuns) {
    this.source = openCluster('source', options);
    this.target = openCluster('target', options);
    this.#runs = runs;
    this.#onReported = options.onReported ?? (() => undefined);
    this.flow = new FlowCopier({
      flow: 'a->b',
      source: this.source,
      target: this.target,
      start: 'earliest',
      memory: options.memory ?? new MemoryBudget(MEMORY_BYTES_MAX),
      clock: options.clock ?? systemClock,
      log: options.log ?? silentLogger,
      lanesPerBroker: 2,
      findMapEntry: async (copier, targetOffset) =>
        runs.tail(keyOf(copier)).filter(({ targetStart }) => targetStart <= targetOffset),
      onSettled: () => undefined,
      onStateChanged: (copier) => {
        if (copier.state === 'settling') this.setbacks += 1;
        this.save(copier);
      },
    });
    this.#timer = setInterval(() => this.saveAll(), REPORT_INTERVAL_MS);
  }

  async copy(options: CopyOptions): Promise<PartitionCopier[]> {
    const { topic, targetTopic, partitions = 1, producer } = options;
    const { source, target } = this;
    await Promise.all([source.metadata([topic]), target.metadata([targetTopic])]);
    const added = Array.from({ length: partitions }, (_, partition) =>
      this.flow.add({
        topic,
        partition,
        targetTopic,
        sourceTopicId: source.topicIdOf(topic) ?? '',
        targetTopicId: target.topicIdOf(targetTopic) ?? '',
        producerId: producer.producerId,
        producerEpoch: producer.producerEpoch,
        sequenceBase: 0n,
        mapTail: this.#runs.tail(`${topic}-${partition}`),
        accept: '',
      }),
    );
    this.copiers.push(...added);
    return added;
  }

  saveAll(): void {
    for (const copier of this.copiers) this.save(copier);
  }

  /** What the coordinator does: makes the news durable, then acknowledges it. */
  save(copier: PartitionCopier): void {
    if (copier.state === 'recovering') return;
    const news = copier.tail.unacknowledged();
    const { end } = copier.tail;
    if (news.length === 0 || end === undefined) return;
    this.#runs.save(keyOf(copier), news);
    this.#onReported();
    setImmediate(() => copier.acknowledgeMap(end));
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.flow.close();
    this.saveAll();
    await Promise.all([this.source.close(), this.target.close()]);
  }
}

function keyOf({ assignment: { topic, partition } }: PartitionCopier): string {
  return `${topic}-${partition}`;
}

function openCluster(side: Side, options: BenchOptions): KafkaCluster {
  const cluster = new KafkaCluster({
    alias: side,
    bootstrapServers: options[side].bootstrapServers.split(','),
    clientId: 'faults',
    clock: systemClock,
    log: options.log ?? silentLogger,
    security: options.security?.[side],
    requestTimeoutMs: options.requestTimeoutMs,
  });
  options.onCluster?.(side, cluster);
  return cluster;
}

/** Starts any number of agents' worth of copying between two clusters, which share one map. */
export class FlowBench {
  readonly runs: DurableRuns;
  readonly #options: BenchOptions;
  readonly #open: BenchFlow[] = [];

  constructor(options: BenchOptions) {
    this.#options = options;
    this.runs = new DurableRuns(options.mapFile);
  }

  start(options: Partial<BenchOptions> = {}): BenchFlow {
    const flow = new BenchFlow({ ...this.#options, ...options }, this.runs);
    this.#open.push(flow);
    return flow;
  }

  /** The one producer of a flow: as every agent of it gets it from its coordinator. */
  async producer(flow: string): Promise<FlowProducer> {
    const cluster = openCluster('target', this.#options);
    try {
      return await new AdminClient({ cluster, clock: systemClock }).obtainProducer(flow);
    } finally {
      await cluster.close();
    }
  }

  async close(): Promise<void> {
    for (const flow of this.#open.splice(0)) await flow.close();
  }
}

/** Waits until all of the source's end was copied, as far as each copier knows it. */
export async function caughtUp(
  copiers: readonly PartitionCopier[],
  sourceEnds: bigint | readonly bigint[],
  limitMs = 60_000,
): Promise<void> {
  const endOf = (index: number): bigint =>
    typeof sourceEnds === 'bigint' ? sourceEnds : (sourceEnds[index] ?? 0n);
  await eventually(
    () => copiers.every(({ acked }, index) => acked.sourceNext >= endOf(index)),
    () => describeCopiers(copiers),
    limitMs,
  );
}

export function describeCopiers(copiers: readonly PartitionCopier[]): unknown[] {
  return copiers.map(({ assignment, state, halt, acked, failures }) => ({
    partition: `${assignment.topic}-${assignment.partition}`,
    state,
    halt: halt?.message,
    sourceNext: acked.sourceNext,
    targetNext: acked.targetNext,
    failures,
  }));
}

/** A dozen seconds of looks, with waits between, before a target topic is taken for deleted. */
const HALTED_MS_MAX = 90_000;

/** Waits for the halt and gives its code; fails with the state if it does not come. */
export async function haltCodeOf(
  copier: PartitionCopier,
  limitMs = HALTED_MS_MAX,
): Promise<string> {
  await eventually(
    () => copier.state === 'halted',
    () => describeCopiers([copier]),
    limitMs,
  );
  return copier.halt?.haltCode ?? '';
}

export interface MirroredTopics {
  readonly source: Connection;
  readonly target: Connection;
  readonly topic: string;
  readonly targetTopic: string;
}

/** The history checker's verdict on one topic, read with another client. */
export async function checkMirrored(topics: MirroredTopics): Promise<number> {
  const [original, copy] = await Promise.all([
    readTopic(topics.source, topics.topic),
    readTopic(topics.target, topics.targetTopic),
  ]);
  assertMirrored(original, copy);
  return copy.length;
}
