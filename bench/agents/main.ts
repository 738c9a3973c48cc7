import { eventually } from '../../test/kit/eventually.js';
import { assertMirrored } from '../../test/kit/history-checker.js';
import { readTopic } from '../../test/kit/read-topic.js';
import { createTopics, writeUnique } from '../../test/kit/write-unique.js';
import {
  AGENTS_PARTITIONS_MAX,
  AGENTS_TOPICS as TOPICS,
  parseAgentsOptions,
  type AgentsOptions,
} from '../bench-options.js';
import { commit, describeMachine } from '../machine.js';
import { runProgram } from '../run-program.js';
import { writeRealPart } from '../scale/scale-document.js';
import { agentsMarkdown, type AgentsReport } from './agents-markdown.js';
import { Deployment } from './deployment.js';
import { residentOf, sample } from './sample.js';

const FULL = { agents: 20, partitions: AGENTS_PARTITIONS_MAX, brokerHeapMb: 1_024, restMs: 60_000 };
const QUICK = { agents: 3, partitions: 300, brokerHeapMb: 320, restMs: 5_000 };

const LEASE_TTL_MS = 10_000;

/** A lease runs out, and what it held is granted and found again. */
const LOSS_WINDOW_MS = 30_000;

/** What follows a start has calmed down by then, and idle partitions are reported together. */
const CALM_MS = 60_000;
const SETTLE_MS_MAX = 900_000;

type Size = typeof FULL;

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function until(what: string, holds: () => Promise<boolean>): Promise<number> {
  const fromMs = performance.now();
  await eventually(holds, () => what, SETTLE_MS_MAX);
  const tookMs = performance.now() - fromMs;
  print(`${what}: ${(tookMs / 1_000).toFixed(1)} s`);
  return tookMs;
}

async function measure(deployment: Deployment, size: Size): Promise<AgentsReport> {
  const { agents, partitions, restMs } = size;
  const perTopic = partitions / TOPICS;
  const topics = Array.from({ length: TOPICS }, (_, index) => `scale-${index}`);
  for (const topic of topics)
    await createTopics(deployment.source, [{ topic, partitions: perTopic }]);
  print(`${partitions} partitions are there; starting ${agents} agents`);
  const fromMs = performance.now();
  await deployment.start(size);
  await until('all are copied', () => deployment.allCopied(topics));
  const settledMs = performance.now() - fromMs;
  await pause(CALM_MS);
  const rest = await sample(deployment, restMs);
  const resident = residentOf(deployment);
  await deployment.kill(`agent-${agents}`);
  const loss = await sample(deployment, LOSS_WINDOW_MS);
  await until('others hold what was lost', () => deployment.allHeld(partitions));
  await deployment.kill(`agent-${agents - 1}`);
  const what = 'others hold what one more had held';
  const regrantMs = await until(what, () => deployment.allHeld(partitions));
  await check(deployment, { topic: topics[0]!, partitions: perTopic });
  const about = { machine: describeMachine(), node: process.versions.node, commit: commit() };
  const measured = { settledMs, rest, loss, regrantMs, resident, leaseTtlMs: LEASE_TTL_MS };
  return { agents, partitions, topics: TOPICS, ...measured, ...about };
}

/** A record in each partition of one topic, copied after all of that. */
async function check(
  { source, target }: Deployment,
  { topic, partitions }: { topic: string; partitions: number },
): Promise<void> {
  const all = Array.from({ length: partitions }, (_, partition) => partition);
  await writeUnique(source, { topic, partitions: all, count: 1, batchRecords: 1 });
  const original = await readTopic(source, topic);
  const copies = async (): Promise<boolean> =>
    (await readTopic(target, `factory.${topic}`)).length === original.length;
  await until('a record in each partition of one topic is copied', copies);
  assertMirrored(original, await readTopic(target, `factory.${topic}`));
}

async function main({ quick, partitions }: AgentsOptions): Promise<number> {
  const usual = quick ? QUICK : FULL;
  const size = partitions === undefined ? usual : { ...usual, partitions };
  const deployment = await Deployment.open(size);
  try {
    const text = agentsMarkdown(await measure(deployment, size));
    print(`\n${text}`);
    if (!quick) writeRealPart(text);
  } finally {
    await deployment.close();
  }
  return 0;
}

await runProgram((argv) => main(parseAgentsOptions(argv)));
