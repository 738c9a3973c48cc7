import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';

import { eventually } from '../kit/eventually.js';
import { assertMirrored } from '../kit/history-checker.js';
import { MirroredPair } from '../kit/mirrored-pair.js';
import { readTopic } from '../kit/read-topic.js';
import type { LogLine } from '../kit/start-process.js';
import { untilStretches } from '../kit/stretches.js';
import { temporaryFolder } from '../kit/temporary-folder.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const FLOW = 'us-east:us-west';
const COPY = 'us-east.orders';
const SELECTION = 'us-east->us-west.topics = orders';

describe('a configuration that changes while a flow is failed back', () => {
  let pair: MirroredPair;
  const folder = temporaryFolder('failback-reload');
  const writer = new AbortController();
  let writing: ReturnType<typeof writeUnique>;

  before(async () => {
    pair = await MirroredPair.open({ flowLines: [SELECTION] });
    await createTopics(pair.east, [{ topic: 'orders' }, { topic: 'paid' }]);
    for (const topic of ['orders', 'paid'])
      await writeUnique(pair.east, { topic, producer: 'first', count: 100 });
    await pair.start();
    await pair.caughtUp(['orders']);
    const promoted = await pair.mirrorctl('promote', FLOW, '--yes');
    assert.equal(promoted.code, 0, promoted.err);
    const load = { topic: COPY, producer: 'busy', pauseMs: 100, batchRecords: 2 };
    writing = writeUnique(pair.west, { ...load, signal: writer.signal });
  });

  after(async () => {
    writer.abort();
    await writing?.catch(() => undefined); // its broker may be gone by now
    await pair?.close();
  });

  const FAILBACK = ['failback', FLOW, '--yes', '--quarantine-dir', folder];
  const lines = (): readonly LogLine[] => pair.programs.get('mirror-maker')!.lines;

  /** Writes more lines behind the selection, and waits for what is said of it. */
  async function change(outcome: RegExp, selection: string, ...more: string[]): Promise<LogLine> {
    const told = lines().length;
    const text = readFileSync(pair.configFile, 'utf8');
    const [before = ''] = text.split(/^us-east->us-west\.topics = .*$/m);
    writeFileSync(pair.configFile, `${[before.trimEnd(), selection, ...more].join('\n')}\n`);
    return said(outcome, told);
  }

  async function said(what: RegExp, from: number): Promise<LogLine> {
    const found = (): LogLine | undefined =>
      lines()
        .slice(from)
        .find(({ msg }) => what.test(String(msg)));
    await eventually(
      () => found() !== undefined,
      () => lines().slice(-20),
    );
    return found()!;
  }

  it('is applied while the copy back waits for an operator, and the copy goes on', async () => {
    const busy = await pair.mirrorctl(...FAILBACK);
    assert.equal(busy.code, 4, busy.out);
    assert.match(busy.err, /producers write on us-west/);
    const told = lines().length;
    await change(/^configuration applied$/, SELECTION, 'refresh.groups.interval.seconds = 77');
    await said(/^taking up a failback/, told);
    const { length } = await readTopic(pair.east, 'orders');
    await eventually(
      async () => (await readTopic(pair.east, 'orders')).length > length + 20,
      () => lines().slice(-20),
    );
  });

  it('waits for a failback that an operator waits for, and is applied after it', async () => {
    const call = pair.startMirrorctl(...FAILBACK, '--wait');
    await eventually(
      () => /waiting: producers write on us-west/.test(call.out),
      () => call.out,
    );
    const told = lines().length;
    const waits = await change(/^configuration waits/, `${SELECTION}, paid`);
    assert.deepEqual(waits['acts'], { 'us-east->us-west': 'failback' });
    const status = (): Promise<string> => pair.mirrorctl('status', FLOW).then(({ out }) => out);
    await eventually(
      async () => /configuration-waits: .* until the failback has ended/.test(await status()),
      status,
    );
    writer.abort();
    const { next } = await writing;
    const done = await call.finished;
    assert.equal(done.code, 0, done.out + done.err);
    await said(/^configuration applied$/, told);
    await pair.caughtUp(['orders', 'paid']);
    await writeUnique(pair.east, { topic: 'orders', producer: 'back', count: 10 });
    const place = { topic: COPY, partitions: [0] };
    await untilStretches(pair.west, place, `first:100 busy:${next} back:10`);
    assertMirrored(await readTopic(pair.east, 'orders'), await readTopic(pair.west, COPY));
  });
});
