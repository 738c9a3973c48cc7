import { systemClock } from '../common/clock.js';
import { lastLogLines, type ServerProcess } from '../test/kit/server-process.js';
import { targetTopicOf, type CopierPlace } from './copier-config.js';
import type { SourceContent } from './fill-source.js';
import { cpuSecondsOf, peakBytesOf } from './process-usage.js';
import { produceBatches } from './produce-batches.js';
import type { CopyRound } from './results.js';
import { startCopier, type CopierKind } from './start-copier.js';
import { bootstrapOf, createReadyTopic, type TestBed } from './test-bed.js';
import { countRecords, watchTarget } from './watch-target.js';
import type { CopyWorkload } from './workloads.js';

/**
 * The first part of each copy is not measured: a copier warms up on it, and that takes a Java
 * machine longer than ours.
 */
const WARM_UP_SHARE = 0.2;

const COPY_MS_MAX = 180_000;

/** After a copy, so that a record too many would have arrived. */
const SETTLE_MS = 300;

const IDLE_MS = 3_000;
const IDLE_MS_QUICK = 500;

export interface CopyTask {
  readonly bed: TestBed;
  readonly workload: CopyWorkload;
  readonly content: SourceContent;
  readonly round: number;
  readonly place: CopierPlace;
  readonly quick: boolean;
}

/** CPU seconds at one moment, with the progress of the copy. */
interface Mark {
  readonly nowMs: number;
  readonly records: number;
  readonly copier: number;
  readonly source: number;
  readonly target: number;
  readonly bench: number;
}

function takeMark(bed: TestBed, records: number, copier: number): Mark {
  const own = process.cpuUsage();
  return {
    nowMs: systemClock.nowMs(),
    records,
    copier,
    source: cpuSecondsOf(bed.source.pid),
    target: cpuSecondsOf(bed.target.pid),
    bench: (own.user + own.system) / 1e6,
  };
}

/** Names everything that belongs to one run, so that none meets what another left. */
export function placeOf(
  task: { readonly bed: TestBed; readonly workload: { readonly link?: CopyWorkload['link'] } },
  topic: string,
  suffix: string,
): CopierPlace {
  const { bed, workload } = task;
  const linkTo = (side: 'source' | 'target'): CopyWorkload['link'] =>
    workload.link?.to === side ? workload.link : undefined;
  return {
    sourceAlias: `s${suffix}`,
    targetAlias: `t${suffix}`,
    sourceBootstrap: bootstrapOf(bed.source, linkTo('source')),
    targetBootstrap: bootstrapOf(bed.target, linkTo('target')),
    topic,
  };
}

export interface MeasureOptions {
  readonly kind: CopierKind;
  readonly profileFolder?: string;
}

/** One copier, from its start with everything there to copy, to its end. */
export async function measureCopy(task: CopyTask, options: MeasureOptions): Promise<CopyRound> {
  const { workload, place } = task;
  const launched = takeMark(task.bed, 0, 0);
  const copier = startCopier({
    ...options,
    place,
    codec: workload.codec,
    mm2: workload.mm2 ?? {},
  });
  try {
    const round = await follow(task, { copier, kind: options.kind, launched });
    // A profile is written by an orderly end only.
    if (options.profileFolder !== undefined) await copier.stop();
    return round;
  } catch (error) {
    const message = `${options.kind}: ${(error as Error).message}`;
    throw new Error(`${message}\n${lastLogLines(copier.logFile)}`, { cause: error });
  } finally {
    await copier.kill();
  }
}

async function follow(
  task: CopyTask,
  run: { readonly copier: ServerProcess; readonly kind: CopierKind; readonly launched: Mark },
): Promise<CopyRound> {
  const { bed, workload, content, place } = task;
  const { copier, launched } = run;
  const { nowMs: startedMs } = launched;
  const { pid } = copier;
  const topic = targetTopicOf(place);
  const partitions = workload.activePartitions;
  let firstMs = 0;
  let begin: Mark | undefined;
  let end: Mark | undefined;
  await watchTarget(bed.target.client, content.records, {
    topic,
    partitions,
    startedMs,
    limitMs: COPY_MS_MAX,
    check: () => {
      if (!copier.running) throw new Error('ended before everything was copied');
    },
    onRecords: (records, nowMs) => {
      firstMs ||= nowMs;
      if (records >= content.records * WARM_UP_SHARE || begin !== undefined) {
        end = takeMark(bed, records, cpuSecondsOf(pid));
        begin ??= end;
      }
    },
  });
  if (begin === undefined || end === undefined) throw new Error('nothing was seen');
  // A copy too small to be seen twice counts from its start, start-up and all.
  if (begin.records === end.records) begin = run.launched;
  await systemClock.sleep(SETTLE_MS);
  const idleCores = await idleCoresOf(pid, task.quick ? IDLE_MS_QUICK : IDLE_MS);
  return {
    ...between(begin, end, content),
    subject: run.kind,
    round: task.round,
    cpuSeconds: end.copier - begin.copier,
    recordsFound: await countRecords(bed.target.client, topic, partitions),
    recordsExpected: content.records,
    peakBytes: peakBytesOf(pid),
    startUpMs: firstMs - startedMs,
    idleCores,
  };
}

/** The same batches from memory: no copier can be faster than the broker takes them. */
export async function measureLimit(task: CopyTask): Promise<CopyRound> {
  const { bed, workload, content } = task;
  const topic = targetTopicOf(task.place);
  const { activePartitions: partitions } = workload;
  const created = { name: topic, partitionCount: workload.partitions, replicationFactor: 1 };
  await createReadyTopic(bed.target, created, partitions);
  const begin = takeMark(bed, 0, 0);
  const produced = await produceBatches(bed.target.client, {
    topic,
    partitions,
    supply: content.supply,
  });
  const end = takeMark(bed, produced.records, 0);
  return {
    ...between(begin, end, produced),
    subject: 'limit',
    round: task.round,
    recordsFound: await countRecords(bed.target.client, topic, partitions),
    recordsExpected: produced.records,
  };
}

function between(
  begin: Mark,
  end: Mark,
  whole: { readonly records: number; readonly bytes: number },
): Pick<CopyRound, 'records' | 'bytes' | 'seconds' | 'cores'> {
  const seconds = (end.nowMs - begin.nowMs) / 1000;
  const records = end.records - begin.records;
  return {
    records,
    bytes: (records / whole.records) * whole.bytes,
    seconds,
    cores: {
      sourceBroker: (end.source - begin.source) / seconds,
      targetBroker: (end.target - begin.target) / seconds,
      bench: (end.bench - begin.bench) / seconds,
    },
  };
}

async function idleCoresOf(pid: number, ms: number): Promise<number> {
  const before = cpuSecondsOf(pid);
  await systemClock.sleep(ms);
  return (cpuSecondsOf(pid) - before) / (ms / 1000);
}
