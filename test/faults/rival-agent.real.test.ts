import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { DelayProxy } from '../kit/delay-proxy.js';
import { eventually } from '../kit/eventually.js';
import { assertMirrored } from '../kit/history-checker.js';
import { connectKafkajs } from '../kit/kafkajs-client.js';
import { MirroredPair } from '../kit/mirrored-pair.js';
import { readTopic } from '../kit/read-topic.js';
import { topicOffsets } from '../kit/topic-offsets.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const FLOW = 'us-east:us-west';
const LOGS = [0, 1, 2];
const LIMIT_MS = 60_000;

const COPIED = /^mirror_agent_records_total\{.*topic="([^"]+)",partition="(\d+)"\} (\d+)/gm;

/**
 * An agent that nobody reaches any more, and which copies on. Its control link leads over a proxy; the
 * clusters it reaches by itself. Another agent may have one of its partitions, because operators
 * have paused the other topic, of which the first cannot be told.
 */
describe('an agent that is cut off from its coordinator for longer than its leases last', () => {
  const stop = new AbortController();
  let pair: MirroredPair;
  let link: DelayProxy;
  let writing: Promise<unknown>;

  /** Records that the agent has copied of each partition that it works on. */
  async function copies(agent: string): Promise<Map<string, number>> {
    const http = String(pair.programs.get(agent)?.readyLine['http']);
    const text = await (await fetch(`http://${http}/metrics`)).text();
    const rows = text.matchAll(COPIED);
    return new Map([...rows].map(([, topic, at, records]) => [`${topic}/${at}`, Number(records)]));
  }

  async function worksOn(agent: string, partitions: readonly string[]): Promise<void> {
    let now: string[] = [];
    await eventually(
      async () =>
        (now = [...(await copies(agent)).keys()].sort()).join() === [...partitions].sort().join(),
      () => `${agent} works on ${now.join()}`,
      LIMIT_MS,
    );
  }

  const allOf = (topic: string, partitions: readonly number[]): string[] =>
    partitions.map((partition) => `${topic}/${partition}`);

  /** Agents with a session; undefined where nobody says. */
  async function agents(): Promise<string[] | undefined> {
    const { out } = await pair.mirrorctl('--json', 'agents');
    if (!out.startsWith('{')) return undefined;
    return (JSON.parse(out) as { agents: { agentId: string }[] }).agents.map(
      ({ agentId }) => agentId,
    );
  }

  async function targetEnds(topic: string): Promise<number[]> {
    const admin = connectKafkajs(pair.west).admin();
    await admin.connect();
    try {
      const offsets = await topicOffsets(admin, `us-east.${topic}`);
      return offsets.sort((a, b) => a.partition - b.partition).map(({ high }) => Number(high));
    } finally {
      await admin.disconnect();
    }
  }

  async function isCopied(topic: string): Promise<void> {
    const before = await targetEnds(topic);
    let now = before;
    await eventually(
      async () => (now = await targetEnds(topic)).every((end, at) => end > before[at]!),
      () => ({ before, now }),
      LIMIT_MS,
    );
  }

  /** Until its session is over, and its leases with it. */
  async function cutOff(): Promise<void> {
    link.hold();
    const gone = async (): Promise<boolean> => (await agents())?.includes('cut') === false;
    await eventually(gone, () => 'its session is over', LIMIT_MS);
  }

  before(async () => {
    pair = await MirroredPair.open({
      ...{ flowLines: ['emit.heartbeats.enabled = false'], agents: [] },
    });
    await createTopics(pair.east, [
      { topic: 'orders', partitions: 1 },
      { topic: 'logs', partitions: LOGS.length },
    ]);
    await pair.start();
    link = await DelayProxy.start({ roundTripMs: 0 });
    link.leadTo(Number(pair.coordinator.split(':')[1]));
    await pair.startAgent('cut', { coordinators: `127.0.0.1:${link.port}` });
    const of = { batchRecords: 5, pauseMs: 20, signal: stop.signal };
    writing = Promise.all([
      writeUnique(pair.east, { topic: 'orders', ...of }),
      writeUnique(pair.east, { topic: 'logs', partitions: LOGS, ...of }),
    ]);
    await worksOn('cut', [...allOf('orders', [0]), ...allOf('logs', LOGS)]);
    await isCopied('orders');
    await isCopied('logs');
  });

  after(async () => {
    stop.abort();
    await pair.stop();
    await link.close();
    await pair.close();
  });

  it('lets go of the partition in which it meets a rival, and copies the others on', async () => {
    await cutOff();
    await isCopied('orders');
    await isCopied('logs');
    // That one agent cannot be told of it makes the answer a degraded one.
    await pair.mirrorctl('pause', FLOW, '--topics', 'logs');
    await pair.startAgent('rival');
    await worksOn('cut', allOf('logs', LOGS));
    await worksOn('rival', ['orders/0']);
    await isCopied('orders');
    await isCopied('logs');
    assert.deepEqual(await agents(), ['rival']);
  });

  it('stops what is no longer its own once it is back, and has its share again', async () => {
    link.release();
    // Its share of what is not paused may be with it again by then.
    const paused = async (): Promise<string[]> =>
      [...(await copies('cut')).keys()].filter((key) => key.startsWith('logs/'));
    await eventually(async () => (await paused()).length === 0, paused, LIMIT_MS);
    assert.equal((await pair.mirrorctl('resume', FLOW)).code, 0);
    await eventually(
      async () => {
        const shares = [await copies('cut'), await copies('rival')];
        const held = shares.flatMap((share) => [...share.keys()]).sort();
        const all = [...allOf('logs', LOGS), ...allOf('orders', [0])];
        return shares.every(({ size }) => size > 0) && held.join() === all.join();
      },
      async () => [await copies('cut'), await copies('rival')],
      LIMIT_MS,
    );
    await isCopied('orders');
    await isCopied('logs');
  });

  it('lets go of what a promotion has fenced, of which it cannot be told', async () => {
    await cutOff();
    const held = (await copies('cut')).size;
    assert.ok(held > 0, 'it copies on');
    const promoted = await pair.mirrorctl('promote', FLOW, '--yes', '--unplanned');
    assert.equal(promoted.code, 0, promoted.out + promoted.err);
    const before = [await targetEnds('orders'), await targetEnds('logs')];
    await worksOn('cut', []);
    assert.deepEqual([await targetEnds('orders'), await targetEnds('logs')], before);
    link.release();
  });

  it('copied each record once and in order all the time', async () => {
    stop.abort();
    await writing;
    for (const topic of ['orders', 'logs']) {
      const source = await readTopic(pair.east, topic);
      const target = await readTopic(pair.west, `us-east.${topic}`);
      // What came after the promotion did not cross.
      const copied = new Map<number, number>();
      for (const { partition } of target) copied.set(partition, (copied.get(partition) ?? 0) + 1);
      const crossed = source.filter(({ partition }) => {
        const left = copied.get(partition) ?? 0;
        copied.set(partition, left - 1);
        return left > 0;
      });
      assertMirrored(crossed, target);
    }
  });
});
