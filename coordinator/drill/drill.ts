import type { Clock } from '../../common/clock.js';
import { describeError, TimeoutError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { AdminClient } from '../../kafka/admin/admin-client.js';
import { appendRecords } from '../../kafka/admin/append-records.js';
import { readRecords } from '../../kafka/admin/read-records.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import { TIMESTAMP_LATEST } from '../../kafka/messages/list-offsets.js';
import { drillName, isDrillName } from '../../mirror/drill-names.js';
import type { PromotionStep } from '../promotion/promote.js';
import type { PromotionHost } from '../promotion/promotion-look.js';
import { selectionOf, type PromotionSelection } from '../promotion/promotion-selection.js';
import type { CanaryPartition, CanaryResult, CanaryTask } from '../service/site-task-kinds.js';
import type { FlowTarget } from '../target/flow-target.js';
import { canaryValues, judgeRead } from './canary-values.js';
import { DrillFailedError, DrillRefusedError, NotReleasedError } from './drill-errors.js';
import type { DrillReport, DrillStep, DrillStepName } from './drill-report.js';

/** Partitions of the canary topic. */
const PARTITIONS = 2;

/** Records in each: read on the source, left unread there, written after the failover, and last. */
const READ_BEFORE = 100;
const WRITTEN = 150;
const WRITTEN_AFTER = 170;
const WRITTEN_LAST = 180;

/** How long one thing that a rehearsal waits for may take; a healthy flow needs seconds. */
export const DRILL_WAIT_MS_MAX = 60_000;

const LOOK_INTERVAL_MS = 50;

/** What a rehearsal asks of the coordinator that runs the flow. */
export interface DrillHost extends PromotionHost {
  /** Topics of the source that are to be copied now, in the last words of the site's agent. */
  listedTopics(flow: string): readonly string[];
  /** Whether every partition of it is held, and has told where it stands. */
  isCopied(flow: string, topic: string, partitions: number): boolean;
  forgetTopic(flow: string, topic: string): void;
}

export interface DrillOptions {
  readonly id: string;
  readonly operator: string;
  readonly targetAlias: string;
  readonly target: FlowTarget;
  readonly admin: AdminClient;
  readonly cluster: KafkaCluster;
  readonly host: DrillHost;
  /** The site's agent, at the source. */
  readonly atSource: (task: CanaryTask, signal: AbortSignal) => Promise<CanaryResult>;
  /** The very promotion of a flow. */
  readonly promote: (
    selection: PromotionSelection,
    onStep: (step: PromotionStep) => void,
  ) => Promise<unknown>;
  readonly onStep: (step: DrillStep) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * A failover and a failback in earnest, of a topic and a group that are made for it:
 *
 *   prepare ─► mirror ─► consume ─► detect ─► promote ─► takeover ─► failback ─► cleanup
 *                          └─────────── RTO ──────────────┘
 *
 * Nothing else of the flow is stopped, fenced or moved. Rejects with DrillRefusedError when nothing was
 * begun; whatever goes wrong later is in the report, and what was made is taken away again.
 */
export async function drill(options: DrillOptions, signal: AbortSignal): Promise<DrillReport> {
  const { target, host } = options;
  const flow = target.flowId;
  if (target.promoted !== undefined) {
    throw new DrillRefusedError(`${flow} is promoted: there is nothing to rehearse`);
  }
  const { state, evidence } = host.sourceState(flow);
  if (state !== 'reachable') {
    throw new DrillRefusedError(`the source of ${flow} is ${state}: ${evidence}`);
  }
  return new Drill(options).run(signal);
}

class Drill {
  readonly #options: DrillOptions;
  readonly #flow: string;
  readonly #topic: string;
  readonly #targetTopic: string;
  readonly #report: DrillReport;
  readonly #startedMs: number;
  #stoppedMs = 0;

  constructor(options: DrillOptions) {
    const { id, operator, targetAlias, target, clock } = options;
    this.#options = options;
    this.#flow = target.flowId;
    this.#topic = drillName(targetAlias, id);
    this.#targetTopic = target.targetTopicOf(this.#topic);
    this.#startedMs = clock.nowMs();
    this.#report = {
      ...{ id, flow: this.#flow, operator, startedAtMs: clock.wallMs(), topic: this.#topic },
      ...{ group: this.#topic, partitions: PARTITIONS, written: WRITTEN * PARTITIONS },
      ...{ readBefore: READ_BEFORE * PARTITIONS, replicationMs: undefined, detectionMs: undefined },
      ...{ translationMs: undefined, takeoverMs: undefined, rtoMs: undefined },
      ...{ failbackMs: undefined, rpoRecords: undefined, skipped: 0, duplicated: 0 },
      ...{ steps: [], failure: '', elapsedMs: 0 },
    };
  }

  async run(signal: AbortSignal): Promise<DrillReport> {
    const { clock, log } = this.#options;
    const report = this.#report;
    try {
      await this.#rehearse(signal);
    } catch (error) {
      report.failure = describeError(error);
      log.warn({ flow: this.#flow, drill: report.id, failure: report.failure }, 'drill failed');
    }
    try {
      await this.#step('cleanup', () => this.#cleanUp([this.#topic], signal));
    } catch (error) {
      const rest = `what it made is not all taken away: ${describeError(error)}`;
      report.failure = report.failure === '' ? rest : `${report.failure}; ${rest}`;
    }
    report.elapsedMs = clock.nowMs() - this.#startedMs;
    return report;
  }

  async #rehearse(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const report = this.#report;
    await this.#step('prepare', () => this.#prepare(signal));
    report.replicationMs = await this.#step('mirror', () => this.#mirror(signal));
    await this.#step('consume', () => this.#consume(signal));
    this.#stoppedMs = clock.nowMs();
    let ends: readonly CanaryPartition[] = [];
    report.detectionMs = await this.#step('detect', async () => {
      ends = (await this.#ask('look', [], signal)).partitions;
      const { host } = this.#options;
      await host.probeSource(this.#flow, signal);
      const { state, evidence } = host.sourceState(this.#flow);
      return `the source is ${state}: ${evidence}`;
    });
    await this.#step('promote', () => this.#promote());
    report.takeoverMs = await this.#step('takeover', () => this.#takeOver(ends, signal));
    report.rtoMs = clock.nowMs() - this.#stoppedMs;
    report.failbackMs = await this.#step('failback', () => this.#failBack(signal));
  }

  async #prepare(signal: AbortSignal): Promise<string> {
    const { host, target, targetAlias } = this.#options;
    const known = [
      ...host.listedTopics(this.#flow),
      ...target.mappedPartitions().map(({ topic }) => topic),
    ];
    const left = [...new Set(known)].filter((topic) => isDrillName(targetAlias, topic));
    await this.#cleanUp(left, signal);
    await this.#ask('create', [], signal);
    await this.#until('the canary topic to be mirrored', signal, () =>
      host.isCopied(this.#flow, this.#topic, PARTITIONS),
    );
    const also = left.length === 0 ? '' : `; ${left.length} left by an earlier drill were removed`;
    return `${this.#topic} is mirrored to ${this.#targetTopic}${also}`;
  }

  async #mirror(signal: AbortSignal): Promise<string> {
    await this.#ask('append', this.#values(0, WRITTEN), signal);
    await this.#until('the canary records on the target', signal, async () => {
      return (await this.#targetEnds(signal)).every((end) => end >= BigInt(WRITTEN));
    });
    return `${WRITTEN * PARTITIONS} records are on the target`;
  }

  async #consume(signal: AbortSignal): Promise<string> {
    const { target } = this.#options;
    const from = this.#each(() => 0n);
    const { partitions } = await this.#ask('read', from, signal);
    this.#judge(0, WRITTEN, (partition) => partitions[partition]?.values ?? []);
    await this.#ask(
      'commit',
      this.#each(() => BigInt(READ_BEFORE)),
      signal,
    );
    await this.#until("the group's offsets to be known", signal, () => {
      const rows = target.groupPositions().filter(({ group }) => group === this.#topic);
      return (
        rows.filter(({ sourceOffset }) => sourceOffset === BigInt(READ_BEFORE)).length ===
        PARTITIONS
      );
    });
    return `the group stopped after ${READ_BEFORE * PARTITIONS} of ${WRITTEN * PARTITIONS} records`;
  }

  async #promote(): Promise<string> {
    const { promote, onStep } = this.#options;
    const exactly = this.#topic.replace(/[.]/g, '\\.');
    const choice = { topics: [exactly], groups: [exactly], mode: 'auto', accept: [] } as const;
    let translationMs = 0;
    await promote(selectionOf(choice), (step) => {
      const { name, done, elapsedMs } = step;
      if (done && (name === 'translate' || name === 'commit')) translationMs += elapsedMs;
      const inside: DrillStep = { ...step, name: `promote/${name}` };
      if (done) this.#report.steps.push(inside);
      onStep(inside);
    });
    this.#report.translationMs = translationMs;
    return 'the topic and the group, by the code that promotes flows';
  }

  /** The shadow group starts on the target where promotion put it. */
  async #takeOver(sourceEnds: readonly CanaryPartition[], signal: AbortSignal): Promise<string> {
    const { admin, cluster } = this.#options;
    const offsets = (await admin.groupOffsets([this.#topic], { signal })).get(this.#topic) ?? [];
    const read: string[][] = [];
    let onTarget = 0n;
    const ends = await this.#targetEnds(signal);
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const from = offsets.find(
        (each) => each.topic === this.#targetTopic && each.partition === partition,
      )?.offset;
      if (from === undefined) throw new DrillFailedError(`no offset of partition ${partition}`);
      const at = { topic: this.#targetTopic, partition, until: ends[partition]! };
      const records = await readRecords(cluster, { ...at, from }, { signal });
      read.push(records.map(({ value }) => value?.toString() ?? ''));
      onTarget += BigInt((await readRecords(cluster, { ...at, from: 0n }, { signal })).length);
    }
    const onSource = sourceEnds.reduce((sum, { offset }) => sum + offset, 0n);
    this.#report.rpoRecords = Number(onSource > onTarget ? onSource - onTarget : 0n);
    this.#judge(READ_BEFORE, WRITTEN, (partition) => read[partition] ?? []);
    return `read ${read.flat().length} records, the first unread one first`;
  }

  /** What the new primary wrote goes back, and the group goes on at the source behind it. */
  async #failBack(signal: AbortSignal): Promise<string> {
    const { cluster, clock } = this.#options;
    const ends = await this.#targetEnds(signal);
    const back: CanaryPartition[] = [];
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const timestamp = BigInt(clock.wallMs());
      const range = { from: WRITTEN, until: WRITTEN_AFTER };
      const records = canaryValues(this.#report.id, partition, range).map((value) => {
        return { key: null, value: Buffer.from(value), timestamp };
      });
      const at = { topic: this.#targetTopic, partition };
      await appendRecords(cluster, { ...at, records }, { signal });
      const [from, until] = [ends[partition]!, (await this.#targetEnds(signal))[partition]!];
      const written = await readRecords(cluster, { ...at, from, until }, { signal });
      const values = written.map(({ value }) => value?.toString() ?? '');
      back.push({ partition, offset: 0n, values });
    }
    this.#judge(WRITTEN, WRITTEN_AFTER, (partition) => back[partition]?.values ?? []);
    const { partitions } = await this.#ask('append', back, signal);
    await this.#ask('commit', partitions, signal);
    await this.#ask('append', this.#values(WRITTEN_AFTER, WRITTEN_LAST), signal);
    const { committed } = await this.#ask('look', [], signal);
    const read = (await this.#ask('read', committed, signal)).partitions;
    this.#judge(WRITTEN_AFTER, WRITTEN_LAST, (partition) => {
      return read.find((each) => each.partition === partition)?.values ?? [];
    });
    const whole = (
      await this.#ask(
        'read',
        this.#each(() => 0n),
        signal,
      )
    ).partitions;
    this.#judge(0, WRITTEN_LAST, (partition) => whole[partition]?.values ?? []);
    return 'what was written on the target is on the source, and the group went on behind it';
  }

  /** First on the source, so that nobody makes the target's anew. */
  async #cleanUp(topics: readonly string[], signal: AbortSignal): Promise<string> {
    const { admin, host, target, atSource } = this.#options;
    for (const topic of topics) {
      const holders = await host.stopFlow(this.#flow, [topic], signal);
      if (holders.length > 0) throw new NotReleasedError(topic, holders);
      const task = {
        act: 'delete',
        topic,
        group: topic,
        partitionCount: 0,
        partitions: [],
      } as const;
      await atSource(task, signal);
      await this.#until(`${topic} to be gone from the source`, signal, () => {
        return !host.listedTopics(this.#flow).includes(topic);
      });
      await admin.deleteTopic(target.targetTopicOf(topic), { signal });
      await admin.deleteGroup(topic, { signal });
      await target.removeTopic(topic, signal);
      host.forgetTopic(this.#flow, topic);
    }
    return 'the topic and the group are gone from both sides';
  }

  #ask(
    act: CanaryTask['act'],
    partitions: readonly CanaryPartition[],
    signal: AbortSignal,
  ): Promise<CanaryResult> {
    const { atSource } = this.#options;
    const names = { topic: this.#topic, group: this.#topic };
    return atSource({ act, ...names, partitionCount: PARTITIONS, partitions }, signal);
  }

  #each(offsetOf: (partition: number) => bigint): CanaryPartition[] {
    return [...Array(PARTITIONS).keys()].map((partition) => {
      return { partition, offset: offsetOf(partition), values: [] };
    });
  }

  #values(from: number, until: number): CanaryPartition[] {
    return this.#each(() => 0n).map((each) => {
      return { ...each, values: canaryValues(this.#report.id, each.partition, { from, until }) };
    });
  }

  #judge(from: number, until: number, read: (partition: number) => readonly string[]): void {
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const expected = canaryValues(this.#report.id, partition, { from, until });
      const { skipped, duplicated, fault } = judgeRead(expected, read(partition));
      this.#report.skipped += skipped;
      this.#report.duplicated += duplicated;
      if (fault !== '') throw new DrillFailedError(`partition ${partition}: ${fault}`);
    }
  }

  async #targetEnds(signal: AbortSignal): Promise<bigint[]> {
    const { cluster } = this.#options;
    const topic = this.#targetTopic;
    const partitions = this.#each(() => 0n).map(({ partition }) => ({ topic, partition }));
    const found = await cluster.listOffsets(partitions, TIMESTAMP_LATEST, { signal });
    return partitions.map(({ partition }) => found.get(`${topic}:${partition}`)?.offset ?? -1n);
  }

  async #until(
    what: string,
    signal: AbortSignal,
    look: () => boolean | Promise<boolean>,
  ): Promise<void> {
    const { clock } = this.#options;
    const deadlineMs = clock.nowMs() + DRILL_WAIT_MS_MAX;
    while (!(await look())) {
      if (clock.nowMs() >= deadlineMs) throw new TimeoutError(what, DRILL_WAIT_MS_MAX);
      await clock.sleep(LOOK_INTERVAL_MS, signal);
    }
  }

  async #step(name: DrillStepName, work: () => Promise<string>): Promise<number> {
    const { clock, onStep } = this.#options;
    const startedMs = clock.nowMs();
    onStep({ name, done: false, message: '', elapsedMs: 0 });
    const message = await work();
    const elapsedMs = clock.nowMs() - startedMs;
    const step = { name, done: true, message, elapsedMs };
    this.#report.steps.push(step);
    onStep(step);
    return elapsedMs;
  }
}
