import type { Admin, Producer } from 'kafkajs';
import { systemClock } from '../../common/clock.js';
import { eventually } from '../kit/eventually.js';
import type { TranslatedCommit } from '../kit/group-checker.js';
import {
  connectCluster,
  connectKafkajs,
  type Cluster,
  type Connection,
} from '../kit/kafkajs-client.js';
import { topicOffsets } from '../kit/topic-offsets.js';
import { createTopics, encodeUnique, writeUnique } from '../kit/write-unique.js';

/** Plain batches, and transactions of which every third is aborted: gaps, markers, left-out records. */
export const TOPICS: Readonly<Record<string, number>> = { orders: 4, ledger: 2 };
export const GROUP = 'billing';

const PAUSE_MS = 50;
const BATCH_RECORDS = 5;
/** Records of each partition that one producer writes. */
const SLICE_RECORDS = 100;
const TRANSACTION_PAUSE_MS = 100;
const TRANSACTION_RECORDS = 4;
const ABORTED_EACH = 3;
const COMMIT_INTERVAL_MS = 1_000;
/** The application is so far behind the end of the log. */
const UNREAD_RECORDS = 20n;

interface Place {
  readonly topic: string;
  readonly partition: number;
}

/** What was on the target when the source's group had been told to be at most at `attempted`. */
export interface SeenCommit extends Place {
  readonly attempted: bigint;
  readonly onTarget: bigint;
}

/** Applications at the source: writers of both topics, and a group that reads and commits. */
export class Traffic {
  readonly seen: SeenCommit[] = [];
  readonly #source: Connection;
  readonly #target: Connection;
  readonly #stop = new AbortController();
  readonly #running: Promise<unknown>[] = [];
  /** By `topic partition`: the last commit that may have been taken, whatever the answer was. */
  readonly #attempted = new Map<string, bigint>();

  constructor(source: Connection, target: Connection) {
    this.#source = source;
    this.#target = target;
  }

  async start(): Promise<void> {
    const topics = Object.entries(TOPICS).map(([topic, partitions]) => ({ topic, partitions }));
    await createTopics(this.#source, topics);
    this.#running.push(this.#writeOrders(), this.#writeLedger(), this.#readAndCommit());
  }

  /** Ends the writers and returns the group's last commits, which are acknowledged. */
  async stop(): Promise<(Place & { readonly offset: bigint })[]> {
    this.#stop.abort();
    await Promise.all(this.#running);
    const admin = connectKafkajs(this.#source).admin();
    const cluster = connectCluster(this.#source);
    await Promise.all([admin.connect(), cluster.connect()]);
    let committed: Awaited<ReturnType<Traffic['stop']>> = [];
    let refused: unknown;
    const commit = async (): Promise<boolean> => {
      refused = undefined;
      // A broker that came back a moment ago may still be loading the group.
      committed = await this.#commit(admin, cluster).catch((error: unknown) => {
        refused = error;
        return [];
      });
      return refused === undefined;
    };
    try {
      await eventually(commit, () => refused);
      return committed;
    } finally {
      await Promise.all([admin.disconnect(), cluster.disconnect()]);
    }
  }

  /** Where the group stands on the target; a partition that it has no offset for is left out. */
  static async committed(
    admin: Admin,
    name: (topic: string) => string,
  ): Promise<(Place & { readonly offset: bigint })[]> {
    const found = await Promise.all(
      Object.keys(TOPICS).map(async (topic) => {
        const offsets = await admin.fetchOffsets({ groupId: GROUP, topics: [name(topic)] });
        return offsets.flatMap(({ partitions }) =>
          partitions.map(({ partition, offset }) => ({ topic, partition, offset: BigInt(offset) })),
        );
      }),
    );
    return found.flat().filter(({ offset }) => offset >= 0n);
  }

  get #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  async #writeOrders(): Promise<void> {
    const { signal } = this.#stop;
    const partitions = Array.from({ length: TOPICS['orders'] ?? 0 }, (_, index) => index);
    const options = { topic: 'orders', partitions, batchRecords: BATCH_RECORDS, pauseMs: PAUSE_MS };
    for (let from = 0; !this.#stopped; from += SLICE_RECORDS) {
      try {
        await writeUnique(this.#source, { ...options, from, count: SLICE_RECORDS, signal });
      } catch {
        // The broker was away for too long. What it has of this slice counts, the rest was never.
        await systemClock.sleep(PAUSE_MS);
      }
    }
  }

  async #writeLedger(): Promise<void> {
    let producer: Producer | undefined;
    for (let n = 0; !this.#stopped; n += 1) {
      try {
        producer ??= await this.#openLedger();
        await this.#transact(producer, n);
      } catch {
        // The broker was killed or froze; the next producer of this id ends what is unfinished.
        await producer?.disconnect().catch(() => undefined);
        producer = undefined;
      }
      await systemClock.sleep(TRANSACTION_PAUSE_MS);
    }
    await producer?.disconnect();
    await this.#settleLedger();
  }

  /**
   * Until the last transaction is over for its readers: a commit is answered before its markers are in the
   * log, and one that failed may still come. The next producer of the id is let in behind them.
   */
  async #settleLedger(): Promise<void> {
    let refused: unknown;
    const letIn = async (): Promise<boolean> => {
      let next: Producer | undefined;
      try {
        next = await this.#openLedger();
        await next.transaction(); // without records it is nothing that a broker knows of
        return true;
      } catch (error) {
        refused = error;
        return false;
      } finally {
        await next?.disconnect().catch(() => undefined);
      }
    };
    await eventually(letIn, () => refused);
  }

  async #openLedger(): Promise<Producer> {
    const producer = connectKafkajs(this.#source).producer({
      idempotent: true,
      maxInFlightRequests: 1,
      transactionalId: 'ledger',
      createPartitioner:
        () =>
        ({ message }) =>
          message.partition ?? 0,
    });
    await producer.connect();
    return producer;
  }

  async #transact(producer: Producer, round: number): Promise<void> {
    const transaction = await producer.transaction();
    const topic = 'ledger';
    for (let partition = 0; partition < (TOPICS[topic] ?? 0); partition += 1) {
      const messages = Array.from({ length: TRANSACTION_RECORDS }, (_, index) => {
        const n = round * TRANSACTION_RECORDS + index;
        const value = encodeUnique({ topic, partition, producer: 'ledger', n, payload: 'x' });
        return { partition, key: String(n), value };
      });
      await transaction.send({ topic, messages });
    }
    if (round % ABORTED_EACH === 1) await transaction.abort();
    else await transaction.commit();
  }

  async #readAndCommit(): Promise<void> {
    const source = connectKafkajs(this.#source).admin();
    const target = connectKafkajs(this.#target).admin();
    // Both are up when the traffic starts.
    const cluster = connectCluster(this.#source);
    await Promise.all([source.connect(), cluster.connect(), target.connect()]);
    while (!this.#stopped) {
      // One of the clusters may be down: what was not seen is looked for the next time.
      await this.#commit(source, cluster).catch(() => undefined);
      await this.#look(target).catch(() => undefined);
      await systemClock.sleep(COMMIT_INTERVAL_MS);
    }
    await Promise.all([source.disconnect(), cluster.disconnect(), target.disconnect()]);
  }

  async #commit(admin: Admin, cluster: Cluster): Promise<(Place & { readonly offset: bigint })[]> {
    const topics: { topic: string; partitions: { partition: number; offset: string }[] }[] = [];
    const committed: (Place & { readonly offset: bigint })[] = [];
    for (const topic of Object.keys(TOPICS)) {
      const ends = await topicOffsets(admin, topic);
      const offsets = ends.map(({ partition, high }) => {
        const key = `${topic} ${partition}`;
        const wanted = BigInt(high) > UNREAD_RECORDS ? BigInt(high) - UNREAD_RECORDS : 0n;
        const before = this.#attempted.get(key) ?? 0n;
        const offset = wanted > before ? wanted : before;
        this.#attempted.set(key, offset);
        return { topic, partition, offset };
      });
      const partitions = offsets.map(({ partition, offset }) => ({
        ...{ partition, offset: `${offset}` },
      }));
      topics.push({ topic, partitions });
      committed.push(...offsets);
    }
    const coordinator = await cluster.findGroupCoordinator({ groupId: GROUP });
    const member = { groupGenerationId: -1, memberId: '' } as const;
    await coordinator.offsetCommit({ groupId: GROUP, ...member, topics });
    return committed;
  }

  async #look(admin: Admin): Promise<void> {
    const found = await Traffic.committed(admin, (topic) => `source.${topic}`);
    for (const { topic, partition, offset } of found) {
      const attempted = this.#attempted.get(`${topic} ${partition}`) ?? 0n;
      this.seen.push({ topic, partition, attempted, onTarget: offset });
    }
  }
}

/** As claims for the checker: whatever was seen under way may repeat records, and skips none. */
export function seenAsClaims(seen: readonly SeenCommit[], topic: string): TranslatedCommit[] {
  return seen
    .filter((each) => each.topic === topic)
    .map(({ partition, attempted, onTarget }) => ({
      group: GROUP,
      partition,
      sourceOffset: attempted,
      targetOffset: onTarget,
      rereadMax: attempted,
    }));
}
