import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { UNLIMITED } from '../../../agent/replication/bandwidth.js';
import { FetchLoop } from '../../../agent/replication/fetch-loop.js';
import type { FetchOutcome } from '../../../agent/replication/fetch-outcome.js';
import { HaltError } from '../../../agent/replication/halt.js';
import { MemoryBudget } from '../../../agent/replication/memory-budget.js';
import { PartitionCopier } from '../../../agent/replication/partition-copier.js';
import { systemClock, type Clock } from '../../../common/clock.js';
import { MirrorError } from '../../../common/errors.js';
import { silentLogger } from '../../../common/log.js';
import type { KafkaCluster } from '../../../kafka/client/index.js';
import { ErrorCode } from '../../../kafka/messages/error-codes.js';
import { fetch, type FetchRequest, type FetchResponse } from '../../../kafka/messages/fetch.js';
import {
  baseOffset,
  lastOffset,
  MAGIC_OFFSET,
  PARTITION_LEADER_EPOCH_OFFSET,
  PAYLOAD_OFFSET,
} from '../../../kafka/records/batch-header.js';
import { buildBatch, readBatch } from '../../../kafka/records/build-batch.js';
import { verifyBatchCrc } from '../../../kafka/records/crc32c.js';
import { Reader, Writer } from '../../../kafka/wire/index.js';

/** Far more than any history here takes: beyond it the same is asked for again and again. */
const FETCHES_MAX = 40;
const BATCHES = 4;
const BATCH_RECORDS = 5;
const START = 15n;

function logOf(valueBytes: number, gap = 0): Buffer[] {
  return Array.from({ length: BATCHES }, (_, index) => {
    const base = START + BigInt(index * (BATCH_RECORDS + gap));
    const records = Array.from({ length: BATCH_RECORDS }, (_, record) => ({
      key: null,
      value: Buffer.from(`${base + BigInt(record)}`.padEnd(valueBytes)),
      timestamp: 1n,
    }));
    return buildBatch({ records, baseOffset: base });
  });
}

function endOf(log: readonly Buffer[]): bigint {
  return lastOffset(log.at(-1)!) + 1n;
}

/** A bit of one answer. */
interface Flip {
  readonly answer: number;
  /** From where the records begin: what lies before them is counted back from there. */
  readonly byte: number;
  readonly bit: number;
}

const TOPIC_ID = '0a0b0c0d-0000-4000-8000-000000000001';

/** As `fetch.ts` says that an answer is laid out, from its body on; and where the records begin in it. */
function encode(records: Buffer, end: bigint): { bytes: Buffer; recordsAt: number } {
  const head = new Writer();
  head.writeInt32(0).writeInt16(0).writeInt32(0).writeUnsignedVarint(2).writeUuid(TOPIC_ID);
  head.writeUnsignedVarint(2).writeInt32(0).writeInt16(0).writeInt64(end).writeInt64(end);
  head.writeInt64(0n).writeUnsignedVarint(0).writeInt32(-1);
  head.writeUnsignedVarint(records.length + 1);
  const before = head.toBuffer();
  const tags = Buffer.alloc(3); // of the partition, the topic and the answer: none
  return { bytes: Buffer.concat([before, records, tags]), recordsAt: before.length };
}

/** Reads as Kafka's LogSegment does: from the first batch whose last offset is not before the one asked for. */
class ModelBroker {
  readonly answers: Buffer[] = [];
  readonly #log: readonly Buffer[];
  readonly #bytesMax: number;
  readonly #flip: Flip | undefined;

  constructor(log: readonly Buffer[], bytesMax: number, flip?: Flip) {
    this.#log = log;
    this.#bytesMax = bytesMax;
    this.#flip = flip;
  }

  fetch({ topics, sessionId }: FetchRequest): FetchResponse {
    // Without sessions: every request names everything.
    const errorCode = ErrorCode.FETCH_SESSION_ID_NOT_FOUND;
    if (sessionId !== 0) return { throttleTimeMs: 0, errorCode, sessionId: 0, responses: [] };
    const { fetchOffset } = topics[0]!.partitions[0]!;
    const index = this.#log.findIndex((batch) => lastOffset(batch) >= fetchOffset);
    const found = index < 0 ? [] : this.#log.slice(index);
    const bytes = Math.max(this.#bytesMax, found[0]?.length ?? 0);
    const records = Buffer.concat(found).subarray(0, bytes);
    const flip = this.#flip?.answer === this.answers.length ? this.#flip : undefined;
    this.answers.push(records);
    assert.ok(this.answers.length < FETCHES_MAX, 'asked for the same again and again');
    const answer = encode(records, endOf(this.#log));
    if (flip !== undefined) answer.bytes[answer.recordsAt + flip.byte]! ^= 1 << flip.bit;
    return fetch.decodeResponse(new Reader(answer.bytes));
  }
}

/** Nothing waits: what is waited for is that somebody else is better off, and here is nobody else. */
const CLOCK: Clock = {
  ...systemClock,
  sleep: () => new Promise((resolve) => setImmediate(resolve)),
};

/** Copies a log whole, or until it halts, by the real loop and the real copier. */
class Copying {
  readonly copied: string[] = [];
  readonly mapped: bigint[] = [];
  damages = 0;
  readonly #copier: PartitionCopier;
  readonly #loop: FetchLoop;
  readonly #stop = new AbortController();
  readonly #end: bigint;
  #failure: unknown;

  constructor(log: readonly Buffer[], broker: ModelBroker) {
    this.#end = endOf(log);
    const connection = {
      roundTripMs: 0,
      request: async (_: unknown, request: FetchRequest) => broker.fetch(request),
    };
    const cluster = { connection: () => Promise.resolve(connection), frames: { give: () => {} } };
    this.#copier = new PartitionCopier(
      {
        ...{ topic: 'orders', partition: 0, targetTopic: 'a.orders', accept: '' },
        ...{ sourceTopicId: TOPIC_ID, targetTopicId: 't', producerId: 1n, producerEpoch: 0 },
        ...{ sequenceBase: 0n, mapTail: [{ sourceStart: START, targetStart: 0n, length: 0n }] },
      },
      { needsRecovery: () => this.#resume(), bytesHeld: () => {}, stateChanged: () => {} },
    );
    this.#loop = new FetchLoop({
      cluster: cluster as unknown as KafkaCluster,
      ...{ nodeId: 1, lane: 'fetch', clock: CLOCK, log: silentLogger },
      memory: new MemoryBudget(64 * 1024 * 1024),
      bandwidth: UNLIMITED,
      hasRoom: () => true,
      onFetched: () => this.#append(),
      onOutcome: (_, outcome) => this.#heard(outcome),
      onFailure: (error) => this.#failed(error),
    });
  }

  get halt(): HaltError | undefined {
    return this.#copier.halt;
  }

  async run(): Promise<void> {
    this.#copier.resumeAt({ sourceNext: START, targetNext: 0n });
    this.#loop.add(this.#copier);
    await this.#loop.run(this.#stop.signal);
    if (this.#failure !== undefined) throw this.#failure as Error;
  }

  /** An answer that cannot be decoded ends its connection, and the position is found anew. */
  #failed(error: unknown): void {
    if (error instanceof MirrorError) this.#copier.restart();
    else {
      this.#failure = error;
      this.#stop.abort();
    }
  }

  #heard(outcome: FetchOutcome): void {
    this.damages += 1;
    if (outcome.kind === 'damaged') this.#copier.damaged(outcome.error);
    else if (outcome.kind === 'halt') this.#copier.haltWith(outcome.error);
    else this.#copier.restart(); // once its leader, its bounds and its topic were found to be what they were
    if (this.#copier.state === 'halted') this.#stop.abort();
  }

  /** What the target's end says: all that was appended, and nothing else. */
  #resume(): void {
    setImmediate(() => {
      this.#copier.resumeAt(this.#copier.acked);
      this.#loop.add(this.#copier);
    });
  }

  /** The target takes what has the right CRC, whatever else is wrong with it. */
  #append(): void {
    for (let append = this.#copier.take(); append !== undefined; append = this.#copier.take()) {
      if (!verifyBatchCrc(append.batch)) {
        this.damages += 1;
        const error = new HaltError('corrupt-batch', 'the target says so');
        this.#copier.appendFailed(append, { kind: 'damaged', error });
        return;
      }
      for (const { value } of readBatch(append.batch)) this.copied.push(String(value).trim());
      for (const { sourceStart, count } of append.runs) {
        for (let index = 0; index < count; index++) this.mapped.push(sourceStart + BigInt(index));
      }
      this.#copier.appended(append, append.targetBase);
    }
    if (this.#copier.acked.sourceNext >= this.#end) this.#stop.abort();
    this.#loop.changed(this.#copier);
  }
}

async function copyOf(
  log: readonly Buffer[],
  options: { bytesMax: number; flip?: Flip },
): Promise<{ answers: readonly Buffer[]; damages: number; halt: HaltError | undefined }> {
  const broker = new ModelBroker(log, options.bytesMax, options.flip);
  const copying = new Copying(log, broker);
  await copying.run();
  const { halt, damages } = copying;
  const all = log.flatMap((batch) => readBatch(batch).map(({ offset }) => offset));
  const offsets = halt === undefined ? all : all.slice(0, copying.copied.length);
  assert.deepEqual(copying.copied, offsets.map(String), 'the records, each once and in order');
  assert.deepEqual(copying.mapped, offsets, 'the offset map');
  return { answers: broker.answers, damages, halt };
}

function naming(flip: Flip): (error: Error) => never {
  return ({ message }) => {
    throw new Error(`${JSON.stringify(flip)}: ${message}`);
  };
}

/** Where the headers of an answer's batches begin, that of one cut short included. */
function* headersIn(answer: Buffer): Generator<number> {
  for (let at = 0; at + PAYLOAD_OFFSET <= answer.length;) {
    yield at;
    at += 12 + answer.readInt32BE(at + 8);
  }
}

/**
 * Left out: the leader epoch (bytes 12 to 15). It says nothing of what a record is or where it lies, and this model of a
 * broker does not compare it with its history as brokers do.
 */
function isJudged(byte: number): boolean {
  return byte < PARTITION_LEADER_EPOCH_OFFSET || byte >= MAGIC_OFFSET;
}

describe('a fetch answer with one wrong bit in the header of a batch', () => {
  for (const [name, valueBytes, share] of [
    ['small batches, all in one answer', 10, 10],
    ['small batches, cut in the third', 10, 2.7],
    ['large batches, cut in the third', 4_000, 2.7],
    ['one batch in each answer', 10, 0],
    ['large batches, two in each answer', 4_000, 2],
  ] as const) {
    it(`is not copied from: ${name}`, async () => {
      const log = logOf(valueBytes);
      const bytesMax = Math.floor(log[0]!.length * share);
      const { answers } = await copyOf(log, { bytesMax });
      let flips = 0;
      for (const [answer, records] of answers.entries()) {
        for (const at of headersIn(records)) {
          for (let byte = 0; byte < PAYLOAD_OFFSET; byte++) {
            if (!isJudged(byte)) continue;
            for (let bit = 0; bit < 8; bit++) {
              const flip = { answer, byte: at + byte, bit };
              const { halt } = await copyOf(log, { bytesMax, flip }).catch(naming(flip));
              assert.equal(halt, undefined, `${JSON.stringify(flip)}: ${halt?.message}`);
              flips += 1;
            }
          }
        }
      }
      assert.ok(flips > 1_500, `${flips} flips`);
    });
  }

  // Nobody can tell where in a gap a batch lies whose neighbours leave it room: offsets in a gap are as good.
  it('is not there where compaction left gaps: what stands alone is read twice, and then copied', async () => {
    for (const share of [0, 1, 2.7, 10]) {
      const log = logOf(10, 1_000);
      const bytesMax = Math.floor(log[0]!.length * share);
      const { answers, damages } = await copyOf(log, { bytesMax });
      assert.equal(damages, 0);
      assert.ok(answers.length <= 2 * BATCHES, `${answers.length} answers`);
    }
    assert.equal(baseOffset(logOf(10, 1_000)[1]!), START + 1_005n);
  });
});

describe('a fetch answer with one wrong bit outside of the records', () => {
  it('is read again, or halts the partition by name, or says the same of the records', async () => {
    const log = logOf(10);
    const bytesMax = Math.floor(log[0]!.length * 2.7);
    const halts = new Set<string>();
    const { answers } = await copyOf(log, { bytesMax });
    for (const [answer, records] of answers.entries()) {
      const { bytes, recordsAt } = encode(records, 0n);
      for (let at = 0; at < bytes.length; at++) {
        if (at === recordsAt) at += records.length; // the tags behind them are next
        for (let bit = 0; bit < 8; bit++) {
          const flip = { answer, byte: at - recordsAt, bit };
          const { halt } = await copyOf(log, { bytesMax, flip }).catch(naming(flip));
          if (halt !== undefined) halts.add(halt.haltCode);
        }
      }
    }
    // By an error code that the broker did not send, such as that of a batch that it found corrupt itself.
    assert.deepEqual([...halts], ['corrupt-batch']);
  });
});
