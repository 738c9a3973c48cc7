import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { eventually } from '../kit/eventually.js';
import { commitOffsets, committedOffsets } from '../kit/group-offsets.js';
import { assertMirrored } from '../kit/history-checker.js';
import { MirroredPair } from '../kit/mirrored-pair.js';
import { readTopic } from '../kit/read-topic.js';
import { untilDone, type Finished } from '../kit/run-mirrorctl.js';
import { untilStretches } from '../kit/stretches.js';
import { temporaryFolder } from '../kit/temporary-folder.js';
import { untilLed } from '../kit/topic-offsets.js';
import { createTopics, decodeUnique, writeUnique } from '../kit/write-unique.js';

const PARTITIONS = [0, 1];
const FLOW = 'us-east:us-west';
const COPY = 'us-east.orders';

describe('failback', () => {
  let pair: MirroredPair;
  const folder = temporaryFolder('failback');

  before(async () => {
    pair = await MirroredPair.open({
      flowLines: [
        'us-east->us-west.topics = orders',
        'us-east->us-west.sync.group.offsets.enabled = true',
        'us-east->us-west.sync.group.offsets.interval.seconds = 1',
      ],
    });
    await createTopics(pair.east, [{ topic: 'orders', partitions: PARTITIONS.length }]);
    await pair.start();
  });

  after(() => pair?.close());

  async function write(side: 'east' | 'west', producer: string, count: number): Promise<void> {
    const topic = side === 'east' ? 'orders' : COPY;
    await writeUnique(pair[side], { topic, partitions: PARTITIONS, count, producer });
  }

  function until(side: 'east' | 'west', expected: string): Promise<void> {
    const topic = side === 'east' ? 'orders' : COPY;
    return untilStretches(pair[side], { topic, partitions: PARTITIONS }, expected);
  }

  const commit = (side: 'east' | 'west', group: string, offset: number): Promise<void> =>
    commitOffsets(
      pair[side],
      { group, topic: side === 'east' ? 'orders' : COPY },
      PARTITIONS.map(() => offset),
    );

  const onEast = (group: string): Promise<number[]> =>
    committedOffsets(pair.east, { group, topic: 'orders' });

  const failback = (...flags: string[]): Promise<Finished> =>
    pair.mirrorctl('failback', FLOW, '--yes', '--quarantine-dir', folder, ...flags);

  it('brings back what was written since, after the source was lost with a tail', async () => {
    const { east, west } = pair;
    await write('east', 'first', 200);
    await until('west', 'first:200');
    await commit('east', 'reader', 120);
    await commit('east', 'idle', 200);
    await eventually(
      async () => (await pair.mirrorctl('--json', 'status', FLOW)).out.includes('"idle"'),
      () => 'the groups are not known',
      60_000,
    );
    await pair.stop();
    await write('east', 'lost', 10);
    await east.brokers[0]!.kill();
    await pair.start();
    const promoted = await pair.mirrorctl('promote', FLOW, '--yes');
    assert.equal(promoted.code, 0, promoted.err);
    const away = await pair.mirrorctl('failback', FLOW, '--plan');
    assert.equal(away.code, 4);
    assert.match(away.out, /blocked.* source-unreachable: us-east does not answer/);

    await Promise.all([east.brokers[0]!.start(), write('west', 'west', 50)]);
    await untilLed(east, ['orders']);
    await commit('west', 'reader', 150);
    await commit('west', 'ahead', 201 + 30);

    const plan = await pair.mirrorctl('--json', 'failback', FLOW, '--plan');
    assert.equal(plan.code, 0, plan.out + plan.err);
    const planned = JSON.parse(plan.out) as {
      partitions: { uncrossedRecords: number; copyFrom: number; copyTo: number }[];
    };
    assert.deepEqual(
      planned.partitions.map(({ uncrossedRecords, copyFrom, copyTo }) => [
        ...[uncrossedRecords, copyFrom, copyTo],
      ]),
      PARTITIONS.map(() => [10, 201, 251]),
    );

    const done = await failback();
    assert.equal(done.code, 0, done.err);
    await until('east', 'first:200 lost:10 west:50');
    const file = readFileSync(join(folder, 'quarantine.us-east-us-west.jsonl'), 'utf8');
    assert.equal(file.trimEnd().split('\n').length, 20);
    assert.deepEqual(await onEast('reader'), [150, 150]);
    assert.deepEqual(await onEast('idle'), [200, 200]);
    assert.deepEqual(await onEast('ahead'), [240, 240]);

    await write('east', 'back', 70);
    await until('west', 'first:200 west:50 back:70');
    assert.equal((await readTopic(west, COPY)).length, PARTITIONS.length * 320);
    // Of the groups that it had before, and of new ones: in the very term that promoted it.
    for (const group of ['reader', 'fresh']) {
      await commit('east', group, 261 + 30);
      const synced = (): Promise<number[]> => committedOffsets(west, { group, topic: COPY });
      await eventually(async () => (await synced()).join() === '281,281', synced, 60_000);
    }
    const again = await failback();
    assert.equal(again.code, 0, again.err);
    assert.match(again.out, /failed back before; nothing was changed/);
    await eventually(
      async () => (await pair.mirrorctl('status')).code === 0,
      () => '',
      60_000,
    );
  });

  it('does so again, waits for whoever writes on the new primary, and can be killed', async () => {
    const { east, west } = pair;
    assert.equal((await pair.mirrorctl('promote', FLOW, '--yes')).code, 0);
    const stop = new AbortController();
    const load = { topic: COPY, partitions: PARTITIONS, producer: 'busy', signal: stop.signal };
    const writing = writeUnique(west, { ...load, pauseMs: 100, batchRecords: 5 });
    const busy = await failback();
    assert.equal(busy.code, 4, busy.out);
    assert.match(busy.err, /producers write on us-west: stop them .*us-east\.orders-\d/);
    for (const step of ['hand-over', 're-arm']) {
      // It waits for the writer, is killed once the writer has stopped, and is called again.
      const call = failback('--wait');
      stop.abort();
      const program = pair.programs.get('mirror-maker')!;
      const reached = program.waitForLine((line) => line['step'] === step, 60_000);
      // Where the one before came to the end until it was dead, this step is not to come any more.
      await Promise.race([reached, untilDone(call)]);
      await program.kill('SIGKILL');
      await Promise.allSettled([call, reached]);
      await pair.start();
    }
    const { next } = await writing;
    const done = await failback('--wait');
    assert.equal(done.code, 0, done.err);
    await until('east', `first:200 lost:10 west:50 back:70 busy:${next}`);
    await write('east', 'last', 20);
    await until('west', `first:200 west:50 back:70 busy:${next} last:20`);
    const source = (await readTopic(east, 'orders')).filter(
      (record) => decodeUnique(record.value!)?.producer !== 'lost',
    );
    assertMirrored(source, await readTopic(west, COPY));
  });
});
