import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compiledRoot } from '../test/kit/project-root.js';
import { temporaryFolder } from '../test/kit/temporary-folder.js';
import { fillSource } from './fill-source.js';
import { measureCopy, measureLimit, placeOf, type CopyTask } from './measure-copy.js';
import { measureCheckpoints } from './measure-checkpoints.js';
import { measureLatency } from './measure-latency.js';
import type {
  CopyResult,
  CopyRound,
  HotFunction,
  LatencyResult,
  LatencyRound,
  Subject,
} from './results.js';
import { deleteTopicsExcept, waitUntilQuiet, type TestBed } from './test-bed.js';
import { topFunctions, type CpuProfile } from './top-functions.js';
import type { CopyWorkload, LatencyWorkload } from './workloads.js';

const HOT_FUNCTIONS_SHOWN = 15;

export interface RunOptions {
  readonly bed: TestBed;
  readonly subjects: readonly Subject[];
  readonly rounds: number;
  readonly quick: boolean;
  /** Called with what was just measured. */
  readonly report: (line: string) => void;
  /** Whether to look where mirror-maker's time goes, once the rounds are known. */
  readonly wantsProfile: (result: CopyResult) => boolean;
}

/** Each second round in the opposite order: what one leaves to the next is not always the same. */
export function orderOf(round: number, subjects: readonly Subject[]): readonly Subject[] {
  return round % 2 === 0 ? subjects : [...subjects].reverse();
}

let runs = 0;

export async function runCopyWorkload(
  workload: CopyWorkload,
  options: RunOptions,
): Promise<CopyResult> {
  const { bed, quick, report } = options;
  const wanted = quick ? workload.quickRecords : workload.records;
  const content = await fillSource(bed.source, workload, wanted);
  report(`source: ${content.description}`);
  const kept = [content.topic];
  const rounds: CopyRound[] = [];
  const failures: string[] = [];
  const makeTask = (round: number): CopyTask => {
    const place = placeOf({ bed, workload }, content.topic, String(++runs));
    return { bed, workload, content, round, place, quick };
  };
  await warmUp(makeTask(0), kept);
  for (let round = 0; round < options.rounds; round++) {
    for (const subject of orderOf(round, options.subjects)) {
      await waitUntilQuiet(bed);
      try {
        const task = makeTask(round);
        const measured =
          subject === 'limit'
            ? await measureLimit(task)
            : await measureCopy(task, { kind: subject });
        rounds.push(measured);
        report(`round ${round + 1}: ${describeCopy(measured)}`);
        failures.push(...wrongCounts(measured));
      } catch (error) {
        failures.push(failureLine(error));
        report(`round ${round + 1}: failed: ${(error as Error).message}`);
      }
      await cleanUp(bed, kept);
    }
  }
  const { name, title } = workload;
  const { description } = content;
  const result = { kind: 'copy', name, title, content: description, rounds, failures } as const;
  if (!options.wantsProfile(result)) return await finish(bed, result);
  await waitUntilQuiet(bed);
  const profile = await profileCopy(makeTask(options.rounds));
  return await finish(bed, { ...result, profile });
}

/** Not measured: the brokers compile what a copy makes them do, and whoever comes first would pay for it. */
async function warmUp(task: CopyTask, kept: readonly string[]): Promise<void> {
  if (task.quick) return;
  await waitUntilQuiet(task.bed);
  await measureCopy(task, { kind: 'agent' });
  await cleanUp(task.bed, kept);
}

async function finish(bed: TestBed, result: CopyResult): Promise<CopyResult> {
  await cleanUp(bed, []);
  return result;
}

async function cleanUp(bed: TestBed, keptOnSource: readonly string[]): Promise<void> {
  await deleteTopicsExcept(bed.target, []);
  await deleteTopicsExcept(bed.source, keptOnSource);
}

/** Without the end of the copier's log, which only whoever watches wants to see. */
function failureLine(error: unknown): string {
  return (error as Error).message.split('\n')[0] ?? '';
}

function wrongCounts(round: CopyRound): string[] {
  const { subject, recordsFound, recordsExpected } = round;
  if (recordsFound === recordsExpected) return [];
  return [`${subject}: ${recordsFound} records on the target, ${recordsExpected} on the source`];
}

/** A run of its own: a profiler costs time. */
async function profileCopy(task: CopyTask): Promise<readonly HotFunction[]> {
  const profileFolder = temporaryFolder('profile');
  await measureCopy(task, { kind: 'agent', profileFolder });
  const file = readdirSync(profileFolder).find((name) => name.endsWith('.cpuprofile'));
  if (file === undefined) return [];
  const profile = JSON.parse(readFileSync(join(profileFolder, file), 'utf8')) as CpuProfile;
  return topFunctions(profile, { root: compiledRoot(), count: HOT_FUNCTIONS_SHOWN });
}

export async function runLatencyWorkload(
  workload: LatencyWorkload,
  options: RunOptions,
): Promise<LatencyResult> {
  const { bed, quick, report } = options;
  const rounds: LatencyRound[] = [];
  const failures: string[] = [];
  const topic = `bench-${workload.name}`;
  const isOfRecords = workload.of === 'records';
  const measure = isOfRecords ? measureLatency : measureCheckpoints;
  const subjects = options.subjects.filter((subject) => isOfRecords || subject !== 'limit');
  for (let round = 0; round < options.rounds; round++) {
    for (const subject of orderOf(round, subjects)) {
      await waitUntilQuiet(bed);
      try {
        const place = placeOf({ bed, workload: {} }, topic, String(++runs));
        const task = { bed, workload, topic, place, round, quick, subject };
        const measured = await measure(task);
        rounds.push(measured);
        report(`round ${round + 1}: ${describeLatency(measured)}`);
      } catch (error) {
        failures.push(failureLine(error));
        report(`round ${round + 1}: failed: ${(error as Error).message}`);
      }
      await cleanUp(bed, []);
    }
  }
  const { name, title, valueBytes, intervalMs } = workload;
  const what = isOfRecords ? '' : ', each committed by a group as soon as it is written';
  const content = `one record of ${valueBytes} bytes every ${intervalMs} ms, in one partition${what}`;
  return { kind: 'latency', name, title, content, rounds, failures };
}

function describeCopy(round: CopyRound): string {
  const { subject, bytes, records, seconds, cpuSeconds, peakBytes, startUpMs } = round;
  const parts = [
    subject.padEnd(5),
    `${(bytes / seconds / 1e6).toFixed(0)} MB/s`,
    `${(records / seconds / 1000).toFixed(1)} k records/s`,
  ];
  if (cpuSeconds !== undefined) parts.push(`${cpuSeconds.toFixed(2)} CPU s`);
  if (peakBytes !== undefined) parts.push(`${(peakBytes / 1e6).toFixed(0)} MB`);
  if (startUpMs !== undefined) parts.push(`first record after ${(startUpMs / 1000).toFixed(2)} s`);
  return parts.join(', ');
}

function describeLatency(round: LatencyRound): string {
  const { subject, p50Ms, p99Ms, p999Ms } = round;
  const parts = [p50Ms, p99Ms, p999Ms].map((ms) => ms.toFixed(1)).join(' / ');
  return `${subject.padEnd(5)}, p50 / p99 / p99.9 ${parts} ms`;
}
