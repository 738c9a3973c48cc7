import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { eventually } from '../kit/eventually.js';
import { assertMirrored } from '../kit/history-checker.js';
import { MirroredPair } from '../kit/mirrored-pair.js';
import { readTopic } from '../kit/read-topic.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const FLOW = 'us-east:us-west';
const PARTITIONS = [0, 1, 2, 3];
const STEP = 200;

/** The exit code while an agent has not let go. */
const DEGRADED = 3;

describe('steering by operators, with etcd, a coordinator and two agents', () => {
  let pair: MirroredPair;
  let written = 0;

  /** So many records more in each partition of both topics. */
  async function write(): Promise<void> {
    for (const topic of ['orders', 'logs'])
      await writeUnique(pair.east, { topic, partitions: PARTITIONS, count: STEP, from: written });
    written += STEP;
  }

  const count = async (topic: string): Promise<number> =>
    (await readTopic(pair.west, `us-east.${topic}`).catch(() => [])).length;

  async function mirrored(topic: string): Promise<void> {
    const wanted = written * PARTITIONS.length;
    await eventually(
      async () => (await count(topic)) === wanted,
      () => `${wanted} records in ${topic}`,
      90_000,
    );
  }

  async function run<T>(...args: string[]): Promise<T> {
    const { code, out, err } = await pair.mirrorctl('--json', ...args);
    assert.equal(code, 0, out + err);
    return JSON.parse(out) as T;
  }

  /** The answer to the act, once each agent has let go: it takes effect, and may be told before that. */
  async function stops<T>(act: 'pause' | 'exclude', topics: string): Promise<T> {
    const ask = () => pair.mirrorctl('--json', act, FLOW, '--topics', topics);
    const first = await ask();
    let last = first;
    await eventually(
      async () => last.code !== DEGRADED || (last = await ask()).code !== DEGRADED,
      () => last,
    );
    assert.equal(last.code, 0, last.out + last.err);
    return JSON.parse(first.out) as T;
  }

  before(async () => {
    pair = await MirroredPair.open({ flowLines: [], agents: ['agent-a', 'agent-b'] });
    const topics = ['orders', 'logs'].map((topic) => ({ topic, partitions: PARTITIONS.length }));
    await createTopics(pair.east, topics);
    await write();
    await pair.start();
    await mirrored('orders');
    await mirrored('logs');
  });

  after(async () => {
    await pair.stop();
    await pair.close();
  });

  it('stops what is paused and nothing else, and again after the coordinator was replaced', async () => {
    const paused = await stops<{ changed: boolean; topics: string[] }>('pause', 'lo.*');
    assert.deepEqual([paused.changed, paused.topics], [true, ['logs']]);
    const before = await count('logs');
    await write();
    await mirrored('orders');
    assert.equal(await count('logs'), before);
    assert.equal(
      (await run<{ changed: boolean }>('pause', FLOW, '--topics', 'lo.*')).changed,
      false,
    );

    await pair.programs.get('mirror-coordinator')?.kill('SIGKILL');
    await pair.startCoordinator();
    await write();
    await mirrored('orders');
    assert.equal(await count('logs'), before);
  });

  it('takes an agent’s work away, and leaves none of it behind when the agent is stopped', async () => {
    await eventually(
      async () => (await pair.mirrorctl('drain', 'agent-a')).code === 0,
      () => 'agent-a holds nothing',
      90_000,
    );
    const { out } = await pair.mirrorctl('--json', 'agents');
    const { agents } = JSON.parse(out) as { agents: { agentId: string; partitions: number }[] };
    assert.equal(agents.find(({ agentId }) => agentId === 'agent-a')?.partitions, 0);
    await pair.programs.get('agent-a')?.stop();
    await write();
    await mirrored('orders');
    await run('drain', 'agent-a', '--undo');
    await pair.startAgent('agent-a');
  });

  it('goes on with everything that was paused, without loss or repetition', async () => {
    const { unpaused } = await run<{ unpaused: boolean }>('resume', FLOW);
    assert.equal(unpaused, true);
    await mirrored('logs');
    for (const topic of ['orders', 'logs']) {
      assertMirrored(
        await readTopic(pair.east, topic),
        await readTopic(pair.west, `us-east.${topic}`),
      );
    }
  });

  it('leaves an excluded topic out, and takes it in where it was', async () => {
    await stops('exclude', 'logs');
    const before = await count('logs');
    await write();
    await mirrored('orders');
    assert.equal(await count('logs'), before);
    await run('exclude', FLOW, '--topics', 'logs', '--undo');
    await mirrored('logs');
    assertMirrored(await readTopic(pair.east, 'logs'), await readTopic(pair.west, 'us-east.logs'));
  });

  it('refuses what names nothing', async () => {
    assert.equal((await pair.mirrorctl('drain', 'agent-z')).code, 4);
    assert.equal((await pair.mirrorctl('pause', FLOW, '--topics', '(')).code, 2);
    assert.equal((await pair.mirrorctl('exclude', FLOW)).code, 2);
  });
});
