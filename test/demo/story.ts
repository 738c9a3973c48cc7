/** The story: a cluster dies while an application uses it, and its consumers go on elsewhere. */
import { setTimeout as delay } from 'node:timers/promises';
import { formatCount, formatDuration } from '../../cli/output/format.js';
import type { HistoryRecord } from '../kit/history-checker.js';
import { readTopic } from '../kit/read-topic.js';
import type { KafkaServers } from '../kit/start-kafka.js';
import { withAdmin } from '../kit/with-admin.js';
import { GROUP, GroupReader, OrderWriter, TOPICS } from './application.js';
import { Mirrorctl, type PlanView, type StatusView } from './mirrorctl.js';
import { DemoFailure, type Narrator } from './narrator.js';
import { FLOW, type Stage } from './stage.js';
import { printSummary } from './summary.js';
import { judge, type SentRecord, type Verdict } from './verdict.js';

const READER_RECORDS_PER_SECOND = 900;
const LAG_RECORDS_MIN = 5_000;

/** What takes longer on the slowest machine is broken. */
const ASSIGNED_MS_MAX = 90_000;
const TAKEN_OVER_MS_MAX = 90_000;
const LAG_MS_MAX = 90_000;
const OFFSETS_KNOWN_MS_MAX = 60_000;
const UNREACHABLE_MS_MAX = 60_000;
const READ_MS_MAX = 90_000;
const ACKNOWLEDGED_MS_MAX = 30_000;

/** The writer goes on for this long after the reader's last commit is known. */
const WRITE_ON_MS = 700;

const PARTITIONS = Object.values(TOPICS).reduce((sum, count) => sum + count, 0);
const SOURCE_TOPICS = Object.keys(TOPICS);
const TARGET_TOPICS = SOURCE_TOPICS.map((topic) => `us-east.${topic}`);

interface Disaster {
  readonly killedAtMs: number;
  readonly killedAtWallMs: number;
  readonly detectionMs: number;
  readonly plan: PlanView;
  /** What the plan says may be lost at most, by topic. */
  readonly reported: ReadonlyMap<string, number>;
}

export class Story {
  readonly #stage: Stage;
  readonly #narrator: Narrator;
  readonly #mirrorctl: Mirrorctl;
  readonly #writer: OrderWriter;
  readonly #reader: GroupReader;

  constructor(stage: Stage, narrator: Narrator) {
    this.#stage = stage;
    this.#narrator = narrator;
    this.#mirrorctl = new Mirrorctl(stage.coordinatorAddress, narrator);
    const { bootstrapServers } = stage.east;
    this.#writer = new OrderWriter(bootstrapServers);
    this.#reader = new GroupReader({
      bootstrapServers,
      topics: SOURCE_TOPICS,
      recordsPerSecond: READER_RECORDS_PER_SECOND,
    });
  }

  async play(): Promise<Verdict> {
    await this.#mirror();
    await this.#loseCopier();
    await this.#stopReader();
    const disaster = await this.#loseSource();
    const promotionMs = await this.#promote();
    return await this.#continueOnTarget(disaster, promotionMs);
  }

  async #mirror(): Promise<void> {
    const narrator = this.#narrator;
    narrator.step('An application writes orders and payments to us-east, a group reads them');
    await Promise.all([this.#writer.start(), this.#reader.start()]);
    const startedMs = performance.now();
    await this.#waitForCopies(ASSIGNED_MS_MAX, this.#stage.preferred);
    narrator.done(
      `${PARTITIONS} partitions are mirrored to us-west, after ${formatDuration(performance.now() - startedMs)}`,
    );
    await this.#stage.wait({
      expected: 'the group order-processor to read and commit on us-east',
      limitMs: LAG_MS_MAX,
      concerned: ['us-east'],
      look: () => (this.#reader.positions.size === PARTITIONS ? true : this.#assertApplication()),
    });
    await this.#mirrorctl.show('status', FLOW);
  }

  /** Until every partition is copied, by one of these, and all of them copy. */
  async #waitForCopies(limitMs: number, by: readonly string[]): Promise<StatusView> {
    let seen: StatusView | undefined;
    return await this.#stage.wait({
      expected: `${PARTITIONS} partitions to be copied by ${by.join(' and ')}`,
      limitMs,
      concerned: [this.#stage.leader, ...by],
      look: async () => {
        this.#assertApplication();
        seen = await this.#mirrorctl.status();
        return isCopying(seen, this.#stage.embedded ? undefined : by) ? seen : undefined;
      },
      describe: () => `mirrorctl status says ${JSON.stringify(seen?.flows[0]?.partitionDetails)}`,
    });
  }

  async #loseCopier(): Promise<void> {
    if (this.#stage.embedded) return await this.#loseMirrorMaker();
    const status = await this.#mirrorctl.status();
    const holders = status?.flows[0]?.partitionDetails.map(({ holder }) => holder) ?? [];
    const count = (name: string): number => holders.filter((holder) => holder === name).length;
    const [victim = 'agent-east', survivor = 'agent-west'] = [...this.#stage.agents].sort(
      (a, b) => count(b) - count(a),
    );
    const narrator = this.#narrator;
    narrator.step(`${victim}, which copies ${count(victim)} partitions, is killed with SIGKILL`);
    const pid = await this.#stage.kill(victim);
    const killedMs = performance.now();
    narrator.line(`kill -KILL ${pid}`);
    await this.#waitForCopies(TAKEN_OVER_MS_MAX, [survivor]);
    const tookMs = performance.now() - killedMs;
    narrator.done(
      `${survivor} has taken all its work over, ${formatDuration(tookMs)} after the kill`,
    );
    await this.#mirrorctl.show('status');
  }

  async #loseMirrorMaker(): Promise<void> {
    this.#narrator.step('mirror-maker is killed with SIGKILL, and started again');
    const pid = await this.#stage.kill('mirror-maker');
    const killedMs = performance.now();
    this.#narrator.line(`kill -KILL ${pid}`);
    await this.#stage.restartMirrorMaker();
    await this.#waitForCopies(TAKEN_OVER_MS_MAX, ['mirror-maker']);
    const tookMs = performance.now() - killedMs;
    this.#narrator.done(`it copies again, ${formatDuration(tookMs)} after the kill`);
    await this.#mirrorctl.show('status');
  }

  /** The group stops in the middle of its work, so that what it committed is known for certain. */
  async #stopReader(): Promise<void> {
    const [narrator, writer, reader] = [this.#narrator, this.#writer, this.#reader];
    narrator.step('The group stops, thousands of records behind');
    await this.#stage.wait({
      expected: `the slow group to be ${LAG_RECORDS_MIN} records behind`,
      limitMs: LAG_MS_MAX,
      concerned: ['us-east'],
      look: () => {
        this.#assertApplication();
        return writer.acknowledged - reader.committed.length >= LAG_RECORDS_MIN ? true : undefined;
      },
      describe: () => `${writer.acknowledged} written, ${reader.committed.length} read`,
    });
    await reader.stop();
    const [read, written] = [reader.committed.length, writer.acknowledged];
    narrator.line(`read and committed ${formatCount(read)} of ${formatCount(written)} records`);
    let seen: StatusView | undefined;
    await this.#stage.wait({
      expected: 'mirrorctl status to show the last commits of the group',
      limitMs: OFFSETS_KNOWN_MS_MAX,
      concerned: [this.#stage.leader, ...this.#stage.copiers],
      look: async () => {
        this.#assertApplication();
        seen = await this.#mirrorctl.status();
        return knowsPositions(seen, reader.positions) ? true : undefined;
      },
      describe: () =>
        `it shows ${JSON.stringify(seen?.flows[0]?.groups)}, ` +
        `committed is ${JSON.stringify(Object.fromEntries([...reader.positions].map(([key, next]) => [key, Number(next)])))}`,
    });
    narrator.done('the coordinator knows where it stopped; the application goes on writing');
    await delay(WRITE_ON_MS);
  }

  async #loseSource(): Promise<Disaster> {
    const [narrator, writer] = [this.#narrator, this.#writer];
    this.#assertApplication();
    narrator.step('us-east is killed with SIGKILL, while the application writes to it');
    narrator.line(`kill -KILL ${this.#stage.east.brokers.map(({ pid }) => pid).join(' ')}`);
    const { killedAtMs, killedAtWallMs } = await this.#killSource();
    let seen: PlanView | undefined;
    let askedAtMs = 0;
    const plan = await this.#stage.wait({
      expected: 'mirrorctl promote --plan to call us-east unreachable',
      limitMs: UNREACHABLE_MS_MAX,
      concerned: [this.#stage.leader, ...this.#stage.copiers],
      look: async () => {
        askedAtMs = performance.now();
        seen = await this.#mirrorctl.plan(FLOW);
        return seen?.sourceState === 'unreachable' ? seen : undefined;
      },
      describe: () => `it says ${seen?.sourceState}: ${seen?.sourceEvidence}`,
    });
    const detectionMs = performance.now() - killedAtMs;
    await writer.stop();
    narrator.done(`us-east counts as unreachable after ${formatDuration(detectionMs)}`);
    narrator.line(`${formatCount(writer.acknowledged)} records were acknowledged until then`);
    const reported = reportedLoss(plan, writer.sent, askedAtMs);
    return { killedAtMs, killedAtWallMs, detectionMs, plan, reported };
  }

  /** At the worst moment: the application was just told that its records are safe. */
  async #killSource(): Promise<Pick<Disaster, 'killedAtMs' | 'killedAtWallMs'>> {
    let killed: Promise<Pick<Disaster, 'killedAtMs' | 'killedAtWallMs'>> | undefined;
    this.#writer.onNextAcknowledgement(() => {
      const times = { killedAtMs: performance.now(), killedAtWallMs: Date.now() };
      killed = this.#stage.killSource().then(() => times);
    });
    const found = await this.#stage.wait({
      expected: 'us-east to acknowledge one more write',
      limitMs: ACKNOWLEDGED_MS_MAX,
      concerned: ['us-east'],
      look: () => (killed === undefined ? this.#assertApplication() : { killed }),
    });
    return await found.killed;
  }

  async #promote(): Promise<number> {
    this.#narrator.step('us-west becomes the primary: first the plan, then the promotion');
    await this.#mirrorctl.show('promote', FLOW, '--plan');
    const startedMs = performance.now();
    await this.#mirrorctl.show('promote', FLOW, '--yes');
    return performance.now() - startedMs;
  }

  async #continueOnTarget(disaster: Disaster, promotionMs: number): Promise<Verdict> {
    const narrator = this.#narrator;
    narrator.step('The same group goes on, on us-west');
    const { bootstrapServers } = this.#stage.west;
    const reader = new GroupReader({ bootstrapServers, topics: TARGET_TOPICS });
    await reader.start();
    const firstAtMs = await this.#stage.wait({
      expected: 'the group to read its first record on us-west',
      limitMs: READ_MS_MAX,
      concerned: ['us-west', this.#stage.leader],
      look: () => reader.firstAtMs ?? assertReading(reader),
    });
    const recoveryMs = firstAtMs - disaster.killedAtMs;
    narrator.line(`first record ${formatDuration(recoveryMs)} after the kill of us-east`);
    const histories = await Promise.all(
      TARGET_TOPICS.map((topic) => readTopic({ bootstrapServers }, topic)),
    );
    await this.#stage.wait({
      expected: 'the group to come to the end of us-west',
      limitMs: READ_MS_MAX,
      concerned: ['us-west'],
      look: async () =>
        (await hasReadAll(this.#stage.west, histories)) ? true : assertReading(reader),
    });
    await reader.stop();
    narrator.done(`${formatCount(reader.delivered.length)} records read on us-west, to the end`);

    narrator.step('What was written, mirrored and read, compared by unique id');
    const verdict = judge({
      sent: this.#writer.sent,
      mirrored: new Map(SOURCE_TOPICS.map((topic, index) => [topic, histories[index] ?? []])),
      readOnSource: this.#reader.committed,
      readOnTarget: reader.delivered,
      reported: disaster.reported,
    });
    const lostMs = Math.max(
      0,
      ...verdict.lost.map(({ timestampMs }) => disaster.killedAtWallMs - timestampMs),
    );
    const { detectionMs } = disaster;
    printSummary(narrator, verdict, { recoveryMs, detectionMs, promotionMs, lostMs });
    return verdict;
  }

  /** Until the disaster the application works; returns undefined, so that a wait goes on. */
  #assertApplication(): undefined {
    const failure = this.#writer.failure ?? this.#reader.failure;
    if (failure === undefined) return undefined;
    const message = `expected the application to work on us-east: ${failure.message}`;
    throw new DemoFailure(message, ['us-east']);
  }
}

function assertReading(reader: GroupReader): undefined {
  if (reader.failure === undefined) return undefined;
  const message = `expected the group to work on us-west: ${reader.failure.message}`;
  throw new DemoFailure(message, ['us-west']);
}

/** The group has committed behind the last record of every partition, as the cluster says. */
async function hasReadAll(
  servers: KafkaServers,
  histories: readonly (readonly HistoryRecord[])[],
): Promise<boolean> {
  const offsets = await withAdmin(servers, (admin) => admin.groupOffsets([GROUP]));
  const committed = new Map(
    (offsets.get(GROUP) ?? []).map((each) => [`${each.topic}:${each.partition}`, each.offset]),
  );
  const isRead = (topic: string, { partition, offset }: HistoryRecord): boolean =>
    (committed.get(`${topic}:${partition}`) ?? -1n) > offset;
  return TARGET_TOPICS.every((topic, index) =>
    (histories[index] ?? []).every((record) => isRead(topic, record)),
  );
}

/** Every partition runs and has copied something, and the named agents hold all of them. */
function isCopying(
  status: StatusView | undefined,
  holders: readonly string[] | undefined,
): boolean {
  const partitions = status?.flows[0]?.partitionDetails ?? [];
  if (partitions.length < PARTITIONS) return false;
  const running = partitions.every(
    ({ state, targetNext }) => state === 'running' && targetNext > 0,
  );
  if (holders === undefined) return running;
  const found = new Set(partitions.map(({ holder }) => holder));
  return running && holders.length === found.size && holders.every((name) => found.has(name));
}

function knowsPositions(
  status: StatusView | undefined,
  positions: ReadonlyMap<string, bigint>,
): boolean {
  const groups = status?.flows[0]?.groups ?? [];
  return [...positions].every(([key, next]) =>
    groups.some(
      ({ topic, partition, sourceOffset, targetOffset }) =>
        `${topic}:${partition}` === key &&
        BigInt(sourceOffset) === next &&
        targetOffset !== undefined,
    ),
  );
}

/** What the plan knows to be missing, plus what was written after its last look at the source. */
function reportedLoss(
  plan: PlanView,
  sent: readonly SentRecord[],
  askedAtMs: number,
): Map<string, number> {
  const reported = new Map<string, number>();
  for (const { topic, rpoRecords, uncertaintyMs } of plan.topics) {
    if (rpoRecords === undefined) {
      throw new DemoFailure(`expected the plan to know the RPO of ${topic}`, []);
    }
    const lookedAtMs = askedAtMs - uncertaintyMs;
    const since = sent.filter(
      (record) => record.topic === topic && (record.acknowledgedAtMs ?? 0) >= lookedAtMs,
    );
    reported.set(topic, rpoRecords + since.length);
  }
  return reported;
}
