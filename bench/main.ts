import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { initCodecs } from '../kafka/records/compression.js';
import { projectRoot } from '../test/kit/project-root.js';
import { parseBenchOptions, type BenchOptions } from './bench-options.js';
import { MM2_JAVA_OPTIONS, MM2_TUNING, type Settings } from './copier-config.js';
import { evaluateGoals } from './goals.js';
import { commit, describeMachine, versions } from './machine.js';
import { runMicro } from './micro/run-micro.js';
import { reportMarkdown } from './report-markdown.js';
import { SUBJECTS, type BenchReport, type CopyResult, type WorkloadResult } from './results.js';
import { runProgram } from './run-program.js';
import { runCopyWorkload, runLatencyWorkload, type RunOptions } from './run-workload.js';
import { startTestBed } from './test-bed.js';
import {
  QUICK_WITH_MM2,
  QUICK_WORKLOADS,
  WORKLOADS,
  type CopyWorkload,
  type Workload,
} from './workloads.js';

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Once through everything, unmeasured: Java compiles what it has seen often. */
function warmUpWorkload(): CopyWorkload {
  const first = WORKLOADS.find((each) => each.kind === 'copy');
  if (first === undefined) throw new Error('there is no workload to warm up with');
  return { ...first, name: 'warm-up', title: 'Warm-up', records: 300_000, quickRecords: 5_000 };
}

function mm2Settings(workloads: readonly Workload[]): Record<string, Settings> {
  const codec = 'that of the source';
  const settings: Record<string, Settings> = {
    'every workload': { ...MM2_TUNING, 'producer.compression.type': codec },
  };
  for (const { name, mm2 } of workloads) if (mm2 !== undefined) settings[`besides, ${name}`] = mm2;
  return settings;
}

/** Where a goal is missed, the reader is told where the time went. */
function missesGoal(result: CopyResult): boolean {
  return evaluateGoals([result]).some(({ met }) => !met);
}

async function runWorkloads(options: BenchOptions): Promise<WorkloadResult[]> {
  const shortened = options.quick && options.only.length === 0;
  const names = shortened ? QUICK_WORKLOADS : options.only;
  const selected = WORKLOADS.filter(({ name }) => names.length === 0 || names.includes(name));
  print('starting two brokers');
  await using bed = await startTestBed();
  const run: RunOptions = {
    bed,
    subjects: options.subjects,
    rounds: options.rounds,
    quick: options.quick,
    report: (line) => print(`  ${line}`),
    wantsProfile: (result) => options.profile || (!options.quick && missesGoal(result)),
  };
  if (!options.quick) {
    print('warm-up');
    await runCopyWorkload(warmUpWorkload(), { ...run, rounds: 1, wantsProfile: () => false });
  }
  const results: WorkloadResult[] = [];
  for (const workload of selected) {
    print(workload.name);
    const withoutMm2 = shortened && workload.name !== QUICK_WITH_MM2;
    const subjects = run.subjects.filter((subject) => subject !== 'mm2' || !withoutMm2);
    results.push(
      workload.kind === 'copy'
        ? await runCopyWorkload(workload, { ...run, subjects })
        : await runLatencyWorkload(workload, { ...run, subjects }),
    );
  }
  return results;
}

/** A full run is the project's own record; anything less is written only where asked. */
function filesOf(options: BenchOptions): { json: string; markdown: string } | undefined {
  const everything = options.only.length === 0 && options.subjects.length === SUBJECTS.length;
  const full = !options.quick && everything;
  const json = options.jsonFile ?? (full ? join(projectRoot(), 'docs', 'benchmarks.json') : '');
  return json === '' ? undefined : { json, markdown: `${json.replace(/\.json$/, '')}.md` };
}

async function main(options: BenchOptions): Promise<number> {
  await initCodecs();
  if (options.micro) {
    for (const line of runMicro(options.quick)) print(line);
    return 0;
  }
  const about = {
    startedAt: new Date().toISOString(),
    machine: describeMachine(),
    versions: versions(),
    commit: commit(),
    quick: options.quick,
    rounds: options.rounds,
    mm2Settings: mm2Settings(WORKLOADS),
    mm2JavaOptions: MM2_JAVA_OPTIONS,
  };
  const report: BenchReport = { ...about, workloads: await runWorkloads(options) };
  const markdown = reportMarkdown(report);
  print(`\n${markdown}`);
  const files = filesOf(options);
  if (files !== undefined) {
    writeFileSync(files.json, `${JSON.stringify(report, undefined, 2)}\n`);
    writeFileSync(files.markdown, markdown);
    print(`written: ${files.json}, ${files.markdown}`);
  }
  const failed = report.workloads.filter(({ failures }) => failures.length > 0);
  for (const { name, failures } of failed) print(`failed: ${name}: ${failures.join('; ')}`);
  return failed.length === 0 ? 0 : 1;
}

const names = WORKLOADS.map(({ name }) => name);
await runProgram((argv) => main(parseBenchOptions(argv, names)));
