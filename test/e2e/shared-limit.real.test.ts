import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before, it } from 'node:test';

import { eventually } from '../kit/eventually.js';
import { assertMirrored } from '../kit/history-checker.js';
import { MirroredPair } from '../kit/mirrored-pair.js';
import { readTopic } from '../kit/read-topic.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const BYTES_PER_SECOND = 256 * 1024;
const AGENTS = ['agent-a', 'agent-b'];
const VALUE_BYTES = 1_000;
const RECORDS = 5_000;

/** What each agent may take at once, beside the rate: a quarter of a second's burst and one answer. */
const AT_ONCE_BYTES = AGENTS.length * (BYTES_PER_SECOND / 4 + 256 * 1024);
const WINDOW_MS = 8_000;

let pair: MirroredPair;

before(async () => {
  pair = await MirroredPair.open({
    flowLines: [`us-east->us-west.bandwidth.bytes.per.second = ${BYTES_PER_SECOND}`],
    agents: AGENTS,
  });
});

after(async () => {
  await pair.stop();
  await pair.close();
});

it('keeps a flow’s bandwidth limit over all its agents together', async () => {
  const copied = async (): Promise<number> =>
    (await readTopic(pair.west, 'us-east.orders').catch(() => [])).length;
  const holders = async (): Promise<number[]> => {
    const { out } = await pair.mirrorctl('--json', 'agents');
    if (!out.startsWith('{')) return []; // nobody leads yet
    const { agents } = JSON.parse(out) as { agents: { partitions: number }[] };
    return agents.map(({ partitions }) => partitions);
  };
  const partitions = [0, 1, 2, 3];
  await createTopics(pair.east, [{ topic: 'orders', partitions: partitions.length }]);
  await pair.start();
  await eventually(
    async () => (await holders()).filter((held) => held >= 2).length === 2,
    holders,
    90_000,
  );
  const count = RECORDS / partitions.length;
  const beganMs = performance.now();
  await writeUnique(pair.east, { topic: 'orders', partitions, count, valueBytes: VALUE_BYTES });

  const startedMs = performance.now();
  const before = await copied();
  await delay(WINDOW_MS); // the window of the measurement: nothing is waited for
  const bytes = ((await copied()) - before) * VALUE_BYTES;
  const allowed = (BYTES_PER_SECOND * (performance.now() - startedMs)) / 1_000 + AT_ONCE_BYTES;
  assert.ok(bytes <= allowed, `copied ${bytes} bytes, ${allowed} are allowed`);

  await pair.programs.get('agent-b')?.kill('SIGKILL');
  await eventually(async () => (await copied()) === RECORDS, copied, 90_000);
  // And over all of it, also while the share of the one that ended went to the other.
  const leastMs = ((RECORDS * VALUE_BYTES - 2 * AT_ONCE_BYTES) / BYTES_PER_SECOND) * 1_000;
  const tookMs = performance.now() - beganMs;
  assert.ok(tookMs >= leastMs, `all in ${tookMs} ms, which takes ${leastMs} ms at least`);
  assertMirrored(
    await readTopic(pair.east, 'orders'),
    await readTopic(pair.west, 'us-east.orders'),
  );
});
