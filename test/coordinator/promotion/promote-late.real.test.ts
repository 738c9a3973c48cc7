import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DRAIN_MS_MAX, promote } from '../../../coordinator/promotion/promote.js';
import { planPromotion } from '../../../coordinator/promotion/promotion-look.js';
import { PromotionRefusedError } from '../../../coordinator/promotion/promotion-errors.js';
import { eventually } from '../../kit/eventually.js';
import { startKafka, type KafkaServers } from '../../kit/start-kafka.js';
import { NEVER, SOURCE_TOPIC_ID, TargetProcess } from '../target/open-on-broker.js';
import { filledScene, hastyClock, position } from './scene.js';

/** What a promotion learns while it is under way, and what was true just before. */
describe('promote, of a source where things change', () => {
  let kafka: KafkaServers;

  before(async () => {
    kafka = await startKafka({ name: 'late' });
  });

  after(() => kafka.stop());

  it('waits for a topic that the source tells of only when it is asked', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const scene = await filledScene('new-topic', process);
    const { host } = scene;
    host.state = 'reachable';
    const fresh = { topic: 'fresh', targetTopic: 'new-topic.fresh', partition: 0 };
    const unknown = { lagRecords: undefined, sourceEndAgeMs: undefined, sourceEnd: undefined };
    // A leader that has just begun to lead knows of no topic at all.
    let [looks, asked] = [0, 0];
    host.onReport = () => {
      asked += 1;
      // Once for the plan, and once for the drain.
      if (asked === 2) host.positions = [position(scene, 0, fresh)];
    };
    const known = host.partitionPositions.bind(host);
    host.partitionPositions = () => {
      const isCopied = host.positions.length > 0 && (looks += 1) > 5;
      return known().map((each) => (isCopied ? each : { ...each, ...unknown }));
    };
    const options = scene.options({ clock: hastyClock() });
    host.positions = [];
    await promote(options, NEVER);
    assert.ok(looks > 5);
  });

  it('does not take a topic for gone that is made while it looks', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const scene = await filledScene('made-meanwhile', process);
    const { cluster } = process;
    let made = false;
    const looking = {
      metadata: cluster.metadata.bind(cluster),
      topicIdOf: cluster.topicIdOf.bind(cluster),
      listOffsets: async (...args: Parameters<typeof cluster.listOffsets>) => {
        const found = await cluster.listOffsets(...args);
        const fresh = { name: 'fresh', topicId: SOURCE_TOPIC_ID, partitionCount: 1 };
        await scene.target.ensureTopic(fresh);
        const runs = [{ sourceStart: 0n, targetStart: 0n, length: 1n }];
        scene.target.applyProgress({ topic: 'fresh', partition: 0, runs });
        made = true;
        return found;
      },
    } as unknown as typeof cluster;
    const { blockers } = await planPromotion(scene.options({ cluster: looking }), NEVER);
    assert.ok(made);
    assert.deepEqual(blockers, []);
  });

  it('does not wait for a topic of which nothing more comes', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const scene = await filledScene('gone-topic', process);
    scene.host.state = 'reachable';
    const gone = { topic: 'old', targetTopic: 'gone-topic.old', lagRecords: undefined, gone: true };
    scene.host.positions = [position(scene, 0, {}), position(scene, 0, gone)];
    await promote(scene.options({ clock: hastyClock() }), NEVER);
    assert.ok(scene.target.promoted?.completedAtMs !== undefined);
  });

  it('waits for what a report that was long on its way did not know of', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const scene = await filledScene('late-report', process);
    const { host } = scene;
    host.state = 'reachable';
    // As fresh as can be by their age; the source itself says that there are 50 more, and nothing of one.
    host.positions = [position(scene, 0, {}), position(scene, 1, {})];
    let asked = 0;
    host.onReport = () => {
      asked += 1;
      const ends = new Map([0, 1].map((partition) => [partition, 260n]));
      if (asked === 3) ends.set(1, -1n);
      host.ends = new Map([['orders', ends]]);
      const copied = { sourceNext: 260n, sourceEnd: 260n };
      if (asked >= 3) host.positions = [position(scene, 0, copied), position(scene, 1, copied)];
    };
    await promote(scene.options({ clock: hastyClock() }), NEVER);
    assert.equal(asked, 4);
  });

  it('refuses while what is new is not copied', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const scene = await filledScene('never-copied', process);
    const { host } = scene;
    host.state = 'reachable';
    let asked = 0;
    host.onReport = () => {
      asked += 1;
      if (asked === 2) host.positions = [position(scene, 0, { lagRecords: 7n })];
    };
    const clock = hastyClock();
    const startedMs = clock.nowMs();
    await assert.rejects(promote(scene.options({ clock }), NEVER), (error) => {
      assert.ok(error instanceof PromotionRefusedError);
      assert.equal(error.blockers[0]?.code, 'lag-remains');
      return true;
    });
    assert.ok(clock.nowMs() - startedMs >= DRAIN_MS_MAX);
    assert.equal(scene.target.promoted, undefined);
  });

  it('moves a group back that its source has set back since its offsets were synchronised', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const scene = await filledScene('rewound', process);
    const metadata = '';
    const at = { topic: 'orders', metadata };
    scene.target.recordGroupOffsets([
      { group: 'reset', ...at, partition: 0, offset: 190n },
      { group: 'reset', ...at, partition: 2, offset: 20n },
    ]);
    await scene.target.close(); // which writes them: the first round finds them however late it is
    scene.target = await process.open({
      ...scene.flow,
      syncGroupOffsetsEnabled: true,
      // The first round within seconds. The second one comes after the promotion, or has nothing to do.
      syncGroupOffsetsIntervalMs: 20_000,
    });
    const committed = () => scene.committed('reset');
    await eventually(async () => (await committed())[0] === '80', committed, 120_000);
    scene.target.recordGroupOffsets([{ group: 'reset', ...at, partition: 0, offset: 120n }]);
    await promote(scene.options(), NEVER);
    assert.deepEqual(await scene.committed('reset'), { 0: '20', 2: '20' });
  });
});
