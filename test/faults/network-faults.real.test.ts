import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { pino } from 'pino';

import { MemoryBudget } from '../../agent/replication/memory-budget.js';
import { Seeded, seedFor } from '../kit/seeded-random.js';
import { DelayProxy, type Direction } from '../kit/delay-proxy.js';
import { eventually } from '../kit/eventually.js';
import { startKafka, type KafkaServers } from '../kit/start-kafka.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';
import {
  caughtUp,
  checkMirrored,
  describeCopiers,
  FlowBench,
  haltCodeOf,
  type BenchFlow,
} from './flow-bench.js';

const CUTS = 24;
const BIG_VALUE_BYTES = 200_000;
const HELD_MS = 1_500;
const LATE_ROUNDS = 6;

/** One broker that everybody, its test included, reaches through a link with faults. */
class LinkedKafka {
  readonly link: DelayProxy;
  readonly servers: KafkaServers;

  private constructor(link: DelayProxy, servers: KafkaServers) {
    this.link = link;
    this.servers = servers;
  }

  static async start(name: string): Promise<LinkedKafka> {
    const link = await DelayProxy.start({ roundTripMs: 0 });
    const config = { 'advertised.listeners': `PLAINTEXT://127.0.0.1:${link.port}` };
    const servers = await startKafka({ name, config });
    link.leadTo(servers.brokers[0]!.port);
    return new LinkedKafka(link, servers);
  }

  get bootstrapServers(): string {
    return `127.0.0.1:${this.link.port}`;
  }

  async stop(): Promise<void> {
    await this.servers.stop();
    await this.link.close();
  }
}

describe('faults of the network', () => {
  let source: LinkedKafka;
  let target: LinkedKafka;
  let bench: FlowBench;

  before(async () => {
    [source, target] = await Promise.all([
      LinkedKafka.start('linked-source'),
      LinkedKafka.start('linked-target'),
    ]);
    bench = new FlowBench({ source, target, requestTimeoutMs: 5_000 });
  });

  after(async () => {
    await bench.close();
    await Promise.all([source.stop(), target.stop()]);
  });

  async function makePair(topic: string, partitions = 1): Promise<void> {
    await createTopics(source, [{ topic, partitions }]);
    await createTopics(target, [{ topic: `a.${topic}`, partitions }]);
  }

  const check = (topic: string): Promise<number> =>
    checkMirrored({ source, target, topic, targetTopic: `a.${topic}` });

  const pause = (ms: number): Promise<void> => new Promise((done) => void setTimeout(done, ms));

  async function copy(flow: BenchFlow, topic: string, partitions = 1) {
    const producer = await bench.producer(`mirror.${topic}`);
    return flow.copy({ topic, targetTopic: `a.${topic}`, partitions, producer });
  }

  it(`is exact though connections break ${CUTS} times after a random byte`, async () => {
    const random = new Seeded(seedFor('cuts'));
    await makePair('cut', 2);
    await writeUnique(source, {
      topic: 'cut',
      partitions: [0, 1],
      count: 30_000,
      batchRecords: 100,
      valueBytes: 300,
    });
    const memory = new MemoryBudget(8 * 1024 * 1024);
    let held = 0;
    const watch = setInterval(() => (held = Math.max(held, memory.heldBytes)), 1);
    const flow = bench.start({ memory });
    const copiers = await copy(flow, 'cut', 2);
    for (let cut = 0; cut < CUTS; cut += 1) {
      const direction = random.pick<Direction>(['up', 'down']);
      const { link } = random.pick([source, target]);
      link.cutAfter(direction, random.below(400_000));
      await pause(random.below(80));
    }
    await caughtUp(copiers, 30_000n);
    clearInterval(watch);
    // Faults that are still to come would meet whoever reads what was copied.
    source.link.mend();
    target.link.mend();
    assert.equal(await check('cut'), 60_000);
    assert.ok(held < memory.bytesMax + 16 * 1024 * 1024, `${held} bytes were held`);
    await eventually(
      () => memory.heldBytes === 0,
      () => memory.heldBytes,
    );
    await flow.close();
  });

  it('goes on after a link was silent and then gone, with appends on their way', async () => {
    await makePair('held');
    const writing = writeUnique(source, { topic: 'held', count: 20_000, valueBytes: 300 });
    await writing;
    const flow = bench.start();
    const copiers = await copy(flow, 'held');
    await eventually(() => copiers[0]!.inflightCount > 0 || copiers[0]!.records > 0);
    for (const { link } of [target, source, target]) {
      link.hold();
      await pause(HELD_MS / 3);
      link.cut();
      link.release();
    }
    await caughtUp(copiers, 20_000n);
    assert.equal(await check('held'), 20_000);
    await flow.close();
  });

  // As a request does whose time is over: the client gives up the connection, and the request is still
  // on its way. It arrives before the client has asked where the log ends, while it sends again, or
  // long after it has.
  it(`is exact though appends arrive late, after they were sent again, ${LATE_ROUNDS} times`, async () => {
    const random = new Seeded(seedFor('late appends'));
    await makePair('late');
    const flow = bench.start();
    const [copier] = await copy(flow, 'late');
    await eventually(() => copier!.state === 'running');
    let written = 0;
    const write = async (count: number): Promise<void> => {
      await writeUnique(source, { topic: 'late', count, from: written, batchRecords: 10 });
      written += count;
    };
    let lateBytes = 0;
    for (let round = 0; round < LATE_ROUNDS; round += 1) {
      await write(100);
      await caughtUp([copier!], BigInt(written)); // so that it has connections to send on
      target.link.hold();
      await write(500);
      await eventually(() => copier!.inflightCount > 0);
      const deliver = target.link.strand();
      target.link.release();
      if (round % 3 === 0) await caughtUp([copier!], BigInt(written));
      else await pause(random.below(round % 3 === 1 ? 20 : 200));
      lateBytes += await deliver();
      await caughtUp([copier!], BigInt(written));
    }
    assert.ok(lateBytes > LATE_ROUNDS * 1_000, `only ${lateBytes} bytes were late`);
    assert.ok(flow.setbacks >= LATE_ROUNDS);
    assert.equal(await check('late'), written);
    await flow.close();
  });

  for (const [side, direction, what] of [
    ['source', 'down', 'on its way from the source'],
    ['target', 'up', 'on its way to the target'],
  ] as const) {
    it(`reads a batch again that lost a bit ${what}`, async () => {
      const topic = `flipped-${side}`;
      await makePair(topic);
      const flow = bench.start();
      const [copier] = await copy(flow, topic);
      await eventually(() => copier!.state === 'running');
      const { link } = side === 'source' ? source : target;
      link.flipBitAfter(direction, BIG_VALUE_BYTES / 2);
      await writeUnique(source, { topic, count: 3, batchRecords: 1, valueBytes: BIG_VALUE_BYTES });
      await eventually(
        () => copier!.acked.sourceNext === 3n || copier!.state === 'halted',
        () => describeCopiers([copier!]),
      );
      assert.equal(copier!.state, 'running', copier!.halt?.message);
      assert.equal(link.faultsLeft, 0, 'nothing was damaged: the test showed nothing');
      assert.ok(flow.setbacks > 0); // a broker that was late is one as well
      assert.equal(await check(topic), 3);
      await flow.close();
    });
  }

  /** What `spoil` does to the source's link comes to one line; what was written then is copied. */
  async function saidOnce(topic: string, spoil: () => void): Promise<void> {
    await makePair(topic, 4);
    await writeUnique(source, { topic, partitions: [0, 1, 2, 3], count: 10 });
    const lines: string[] = [];
    const log = pino({ level: 'error' }, { write: (line: string) => void lines.push(line) });
    const flow = bench.start({ log });
    const copiers = await copy(flow, topic, 4);
    await caughtUp(copiers, 10n);
    spoil(); // nothing but the fetch's empty answers is on the way
    await eventually(() => lines.length > 0);
    await writeUnique(source, { topic, partitions: [0, 1, 2, 3], count: 10, from: 10 });
    await caughtUp(copiers, 20n);
    assert.equal(lines.length, 1, lines.join(''));
    const { broker, api, place, msg } = JSON.parse(lines[0]!) as Record<string, string>;
    assert.deepEqual({ broker, msg }, { broker: source.bootstrapServers, msg: 'bad answer' });
    // An answer that nobody waited for is that to nothing.
    assert.match(`${api}: ${place}`, /^(Fetch|nothing): .+ at byte \d+$/);
    assert.equal(await check(topic), 80);
    await flow.close();
  }

  // Byte 7 is in the answer's correlation id, byte 8 counts its tagged fields.
  for (const byte of [7, 8]) {
    it(`says once what was wrong with an answer whose byte ${byte} is another one`, () =>
      saidOnce(`bad-answer-${byte}`, () => source.link.flipBitAfter('down', byte)));
  }

  it('says once that an answer came twice', () =>
    saidOnce('replayed', () => source.link.replayNext('down')));

  it('halts when the batch is damaged in the source itself, and names it', async () => {
    await makePair('rotten');
    await makePair('sound');
    await writeUnique(source, { topic: 'rotten', count: 3, batchRecords: 1, valueBytes: 5_000 });
    await writeUnique(source, { topic: 'sound', count: 10 });
    const [broker] = source.servers.brokers;
    await broker!.stop();
    const folder = join(broker!.logDir, 'rotten-0');
    const segment = join(
      folder,
      readdirSync(folder).find((name) => name.endsWith('.log'))!,
    );
    const bytes = readFileSync(segment);
    bytes[Math.floor(bytes.length / 2)]! ^= 1;
    writeFileSync(segment, bytes);
    await broker!.start();
    const flow = bench.start();
    const [rotten] = await copy(flow, 'rotten');
    const sound = await copy(flow, 'sound');
    assert.equal(await haltCodeOf(rotten!), 'corrupt-batch');
    assert.match(rotten!.halt?.message ?? '', /source offsets 1 to 1/);
    assert.equal(rotten!.acked.sourceNext, 1n);
    await caughtUp(sound, 10n);
    await flow.close();
  });
});
