import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  DRAIN_MS_MAX,
  promote,
  type PromoteOptions,
} from '../../../coordinator/promotion/promote.js';
import {
  PromotionRefusedError,
  PromotionVerifyError,
} from '../../../coordinator/promotion/promotion-errors.js';
import { readPromotion, type StepName } from '../../../coordinator/promotion/promotion-journal.js';
import { planPromotion } from '../../../coordinator/promotion/promotion-look.js';
import {
  EVERYTHING,
  selectionOf,
  selectionOfUnfinished,
} from '../../../coordinator/promotion/promotion-selection.js';
import { ErrorCode } from '../../../kafka/messages/error-codes.js';
import { buildBatch } from '../../../kafka/records/build-batch.js';
import { produceBatch } from '../../kafka/records/on-broker.js';
import { connectKafkajs } from '../../kit/kafkajs-client.js';
import { startKafka, type KafkaServers } from '../../kit/start-kafka.js';
import { flowFrom, NEVER, SOURCE_TOPIC_ID, TargetProcess } from '../target/open-on-broker.js';
import { filledScene, hastyClock, Host, position } from './scene.js';

let kafka: KafkaServers;

before(async () => {
  kafka = await startKafka({ name: 'promote' });
});

after(async () => {
  await kafka?.stop();
});

const BILLING = { 0: '20', 1: '0', 2: '30' };
const ALL_STEPS: readonly StepName[] = ['check', 'fence', 'translate', 'commit', 'verify'];

function isRefused(code: string): (error: unknown) => boolean {
  return (error) =>
    error instanceof PromotionRefusedError && error.blockers.some((each) => each.code === code);
}

describe('planPromotion', () => {
  it('says what would be read again, never seen, and committed, and changes nothing', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const scene = await filledScene('plan', process);
    scene.group('billing', 2, 65n);

    const plan = await planPromotion(scene.options(), NEVER);

    assert.equal(plan.phase, 'running');
    assert.deepEqual(plan.blockers, []);
    assert.deepEqual(
      plan.groups.map(({ group, partition, targetOffset, reread, neverSee, note }) => [
        ...[group, partition, targetOffset, reread, neverSee, note],
      ]),
      [
        ['audit', 0, 50n, 0n, 0n, ''],
        ['billing', 0, 20n, 0n, 0n, ''],
        ['billing', 1, 0n, 0n, 0n, ''],
        ['billing', 2, 30n, 20n, 15n, ''],
      ],
    );
    assert.equal(plan.topics[0]?.unmappedRecords, 20n);
    assert.equal(plan.topics[0]?.rpoRecords, undefined);
    assert.deepEqual(await scene.committed('billing'), {});
    assert.equal(await scene.append(0, 100n, 1), ErrorCode.NONE);
    assert.deepEqual(scene.host.phases, []);
  });

  it('takes a target that is away for a blocker', async () => {
    const lonely = await startKafka({ name: 'promote-away' });
    await using process = new TargetProcess(lonely.bootstrapServers);
    const target = await process.open(flowFrom('away'));
    await target.ensureTopic({ name: 'orders', topicId: SOURCE_TOPIC_ID, partitionCount: 1 });
    await target.flush();
    await lonely.stop();

    const { admin, cluster } = process;
    const plan = await planPromotion(
      { target, admin, cluster, host: new Host(), selection: EVERYTHING },
      NEVER,
    );

    assert.deepEqual(
      plan.blockers.map(({ code }) => code),
      ['target-unreachable'],
    );
  });
});

describe('promote', () => {
  it('fences, moves the groups, reads them back, and is only reported from then on', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const scene = await filledScene('whole', process);

    const result = await promote(scene.options(), NEVER);

    assert.equal(result.alreadyPromoted, false);
    assert.equal(result.plan.phase, 'promoted');
    assert.deepEqual(
      scene.steps,
      ALL_STEPS.flatMap((name) => [`${name} begun`, `${name} done`]),
    );
    assert.deepEqual(scene.host.phases, ['promoting', 'promoted']);
    assert.equal(scene.host.stops, 1);
    assert.deepEqual(await scene.committed('billing'), BILLING);
    assert.deepEqual(await scene.committed('audit'), { 0: '50' });
    const ofPartition2 = result.plan.groups.find((row) => row.partition === 2);
    assert.equal(ofPartition2?.reread, 15n);
    const metadata = (await process.admin.groupOffsets(['billing'])).get('billing')?.[0]?.metadata;
    assert.equal(metadata, 'of billing');

    await scene.reopen();
    const again = await promote(scene.options(), NEVER);
    assert.equal(again.alreadyPromoted, true);
    assert.deepEqual(scene.host.phases, ['promoting', 'promoted', 'promoted']);
  });

  it('makes the brokers refuse what an agent sends late', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const scene = await filledScene('late', process);
    const { producer } = scene.target;
    const sendLate = (partition: number, baseSequence: number): Promise<{ errorCode: number }> => {
      const records = [{ key: null, value: Buffer.from('late'), timestamp: 1n }];
      const place = { cluster: process.cluster, topic: scene.targetTopic, partition };
      return produceBatch(place, buildBatch({ records, ...producer, baseSequence }));
    };

    await promote(scene.options(), NEVER);

    for (const [partition, end] of [100, 0, 50].entries()) {
      const { errorCode } = await sendLate(partition, end);
      assert.equal(errorCode, ErrorCode.INVALID_PRODUCER_EPOCH);
    }
    assert.throws(() => scene.target.assignment('orders', 0), { problem: 'flow-promoted' });
    const ends = scene.target.mappedPartitions().map(({ fenceEnd }) => fenceEnd);
    assert.deepEqual(ends, [101n, 1n, 51n]);
  });

  for (const step of ALL_STEPS) {
    for (const done of [false, true]) {
      const when = `${step} has ${done ? 'ended' : 'begun'}`;
      it(`is finished by another coordinator when one dies after ${when}`, async () => {
        await using process = new TargetProcess(kafka.bootstrapServers);
        const scene = await filledScene(`dies-${step}-${done}`, process);
        const death = new AbortController();
        const onStep: PromoteOptions['onStep'] = (each) => {
          if (each.name === step && each.done === done) death.abort(new Error('died'));
        };
        // From now on nothing it does succeeds, as for a process that is gone.
        await promote(scene.options({ onStep }), death.signal).catch(() => undefined);
        await scene.reopen();
        const isFinished = scene.target.promoted?.completedAtMs !== undefined;

        const result = await promote(scene.options(), NEVER);

        assert.equal(result.alreadyPromoted, isFinished);
        assert.deepEqual(await scene.committed('billing'), BILLING);
        assert.deepEqual(await scene.committed('audit'), { 0: '50' });
        assert.notEqual(scene.target.promoted?.completedAtMs, undefined);
        assert.equal(scene.host.phases.at(-1), 'promoted');
      });
    }
  }

  it('fences no partition twice when it died before the fence was written down', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const scene = await filledScene('half-fence', process);
    process.faults.fencePartitions = async (...args) => {
      await process.realAdmin.fencePartitions(...args);
      throw new Error('died');
    };
    await assert.rejects(promote(scene.options(), NEVER), /died/);
    process.faults = {};
    assert.equal(scene.host.phases.at(-1), 'promoting');
    await scene.reopen();
    // Without any store: the mark on the target tells that agents may be fenced.
    assert.deepEqual(scene.target.unfinishedPromotion, {
      topics: undefined,
      groups: [],
      accept: [],
    });
    assert.throws(() => scene.target.assignment('orders', 0), { problem: 'flow-promoted' });

    const { plan } = await promote(scene.options(), NEVER);

    assert.deepEqual(await scene.committed('billing'), BILLING);
    assert.equal(scene.target.mappedPartitions()[0]?.fenceEnd, 101n);
    assert.equal(plan.topics[0]?.unmappedRecords, 20n);
    const journal = await readPromotion(scene.documents, scene.flow.id);
    assert.equal(journal?.failure, undefined);
    assert.equal(scene.target.unfinishedPromotion, undefined);
  });

  it('goes on without a fence that the target has forgotten how to make, and says so', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const scene = await filledScene('forgotten', process);
    process.faults.fencePartitions = (fence, options) =>
      process.realAdmin.fencePartitions({ ...fence, producerId: fence.producerId + 1n }, options);
    const messages: string[] = [];

    await promote(scene.options({ onStep: ({ message }) => messages.push(message) }), NEVER);

    assert.ok(messages.some((message) => /forgotten the producer/.test(message)));
    assert.deepEqual(await scene.committed('billing'), BILLING);
  });

  it('fences also those who do not release in time, and names them', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const scene = await filledScene('unreleased', process);
    scene.host.holders = ['one', 'two'];
    const messages: string[] = [];
    await promote(scene.options({ onStep: ({ message }) => messages.push(message) }), NEVER);
    assert.match(messages.join('\n'), /refuse late appends; .* by one, two$/m);
    assert.deepEqual(await scene.committed('billing'), BILLING);
  });

  it('refuses while a group is active on the target, and leaves the flow running', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const scene = await filledScene('active', process);
    const kafkajs = connectKafkajs({ bootstrapServers: kafka.bootstrapServers });
    const consumer = kafkajs.consumer({ groupId: 'billing' });
    await consumer.connect();
    await consumer.subscribe({ topics: [scene.targetTopic] });
    const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
    await consumer.run({ autoCommit: false, eachMessage: () => Promise.resolve() });
    await joined;

    await assert.rejects(promote(scene.options(), NEVER), isRefused('group-active'));

    assert.deepEqual(scene.host.phases, ['running']);
    assert.equal(scene.target.promoted, undefined);
    assert.equal(await scene.append(0, 100n, 1), ErrorCode.NONE);
    await consumer.disconnect();
    await promote(scene.options(), NEVER);
    assert.deepEqual(await scene.committed('audit'), { 0: '50' });
  });

  it('does not move a group back that is further on the target', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const scene = await filledScene('ahead', process);
    const { targetTopic } = scene;
    await process.admin.commitGroupOffsets('billing', [
      { topic: targetTopic, partition: 0, offset: 33n },
      { topic: targetTopic, partition: 2, offset: 3n },
    ]);

    const { plan } = await promote(scene.options(), NEVER);

    assert.deepEqual(await scene.committed('billing'), { ...BILLING, 0: '33' });
    assert.match(plan.groups.find(({ currentOffset }) => currentOffset === 33n)!.note, /further/);
  });

  it('refuses when a topic that the source has is gone from the target', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const scene = await filledScene('gone', process);
    scene.host.positions = [position(scene, 0, { lagRecords: 0n })];
    await process.deleteTopic(scene.targetTopic);

    await assert.rejects(promote(scene.options(), NEVER), isRefused('target-topic-missing'));
  });

  it('waits for the last records while the source answers', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const scene = await filledScene('drain', process);
    scene.host.state = 'reachable';
    scene.host.positions = [position(scene, 0, { lagRecords: 3n, sourceEndAgeMs: 0 })];
    let looks = 0;
    scene.host.partitionPositions = () => {
      looks += 1;
      // Stale at first, then lagging, then done.
      if (looks < 4) return [position(scene, 0, { lagRecords: 0n, sourceEndAgeMs: 90_000 })];
      if (looks < 6) return [position(scene, 0, { lagRecords: 3n, sourceEndAgeMs: 0 })];
      return [position(scene, 0, { lagRecords: 0n, sourceEndAgeMs: 0 })];
    };

    await promote(scene.options({ clock: hastyClock() }), NEVER);

    assert.ok(looks >= 6);
    assert.ok(scene.steps.includes('drain done'));
  });

  it('moves what a group committed just before, and refuses where that cannot be known', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const scene = await filledScene('late-commit', process);
    scene.host.state = 'reachable';
    scene.host.positions = [position(scene, 0, {})];
    scene.host.unread = 'the test says so';
    const clock = hastyClock();
    const startedMs = clock.nowMs();
    await assert.rejects(promote(scene.options({ clock }), NEVER), isRefused('commits-unknown'));
    assert.ok(clock.nowMs() - startedMs >= DRAIN_MS_MAX);
    assert.equal(scene.host.phases.at(-1), 'running');
    assert.equal(scene.target.promoted, undefined);

    scene.host.unread = undefined;
    scene.host.onReport = () => scene.group('late', 0, 110n);
    const plan = await planPromotion(scene.options(), NEVER);
    assert.ok(plan.groups.some(({ group }) => group === 'late'));
    scene.host.onReport = () => scene.group('late', 0, 120n);
    await promote(scene.options({ clock }), NEVER);
    assert.deepEqual(await scene.committed('late'), { 0: '20' });
  });

  it('calls off a planned promotion when records keep coming', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const scene = await filledScene('busy', process);
    scene.host.state = 'reachable';
    scene.host.positions = [position(scene, 0, { lagRecords: 3n, sourceEndAgeMs: 0 })];
    const clock = hastyClock();
    const startedMs = clock.nowMs();

    await assert.rejects(promote(scene.options({ clock }), NEVER), isRefused('lag-remains'));

    assert.ok(clock.nowMs() - startedMs >= DRAIN_MS_MAX);
    assert.equal(scene.host.stops, 0);
    assert.equal(scene.host.phases.at(-1), 'running');
    assert.equal(await scene.append(0, 100n, 1), ErrorCode.NONE);
  });

  it('takes what died before the fence for begun, and ends it', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const scene = await filledScene('mark-only', process);
    process.faults.fencePartitions = () => Promise.reject(new Error('died'));
    await assert.rejects(promote(scene.options(), NEVER), /died/);
    process.faults = {};
    await scene.reopen();
    assert.deepEqual(scene.target.unfinishedPromotion, {
      topics: undefined,
      groups: [],
      accept: [],
    });
    await promote(
      scene.options({
        selection: selectionOfUnfinished({ topics: undefined, groups: [], accept: [] }),
      }),
      NEVER,
    );
    assert.deepEqual(await scene.committed('billing'), BILLING);
    assert.equal(scene.target.mappedPartitions()[0]?.fenceEnd, 101n);
  });

  it('goes on unplanned when the source dies while it drains, unless planned was asked for', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const scene = await filledScene('dying', process);
    scene.host.positions = [position(scene, 0, { lagRecords: 3n, sourceEndAgeMs: 0 })];
    const dies = (): void => {
      scene.host.state = 'reachable';
      let looks = 0;
      scene.host.sourceState = () => {
        looks += 1;
        return { state: looks < 3 ? 'reachable' : 'unreachable', evidence: 'it died' };
      };
    };
    dies();
    const planned = selectionOf({ topics: [], groups: [], mode: 'planned', accept: [] });
    const asked = { clock: hastyClock(), selection: planned };
    await assert.rejects(promote(scene.options(asked), NEVER), isRefused('lag-remains'));
    assert.equal(scene.target.promoted, undefined);
    dies();
    await promote(scene.options({ clock: hastyClock() }), NEVER);
    assert.deepEqual(await scene.committed('billing'), BILLING);
  });

  it('refuses a planned promotion without a source, and what chooses nothing', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const scene = await filledScene('refuses', process);
    const choice = { topics: [], groups: [], mode: 'auto', accept: [] } as const;
    for (const [code, change] of [
      ['source-unreachable', { mode: 'planned' }],
      ['no-topic', { topics: ['nosuch'] }],
      ['no-group', { groups: ['nosuch'] }],
    ] as const) {
      const selection = selectionOf({ ...choice, ...change });
      await assert.rejects(promote(scene.options({ selection }), NEVER), isRefused(code));
    }
    assert.equal(scene.target.promoted, undefined);
    assert.equal(await scene.append(0, 100n, 1), ErrorCode.NONE);
  });

  it('does not call it done when a group reads back less than was committed', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const scene = await filledScene('lies', process);
    process.faults.commitGroupOffsets = (group, offsets, options) =>
      process.realAdmin.commitGroupOffsets(group, offsets.slice(1), options);

    await assert.rejects(promote(scene.options(), NEVER), PromotionVerifyError);

    assert.equal(scene.target.promoted?.completedAtMs, undefined);
    process.faults = {};
    await promote(scene.options(), NEVER);
    assert.deepEqual(await scene.committed('billing'), BILLING);
  });
});
