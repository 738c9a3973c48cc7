import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { promote, type PromoteOptions } from '../../../coordinator/promotion/promote.js';
import {
  selectionOf,
  selectionOfUnfinished,
  type PromotionSelection,
} from '../../../coordinator/promotion/promotion-selection.js';
import type { KafkaCluster } from '../../../kafka/client/index.js';
import { ErrorCode } from '../../../kafka/messages/error-codes.js';
import { startKafka, type KafkaServers } from '../../kit/start-kafka.js';
import { NEVER, TargetProcess } from '../target/open-on-broker.js';
import { twoTopics } from './scene.js';

let kafka: KafkaServers;

before(async () => {
  kafka = await startKafka({ name: 'promote-topics' });
});

after(async () => {
  await kafka?.stop();
});

function only(...topics: string[]): PromotionSelection {
  return selectionOf({ topics, groups: [], mode: 'auto', accept: [] });
}

describe('promote of some topics', () => {
  it('fences and moves only those, for good, and leaves the others running', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const scene = await twoTopics('some', process);
    const result = await promote(scene.options({ selection: only('ord.*') }), NEVER);

    assert.deepEqual(
      result.plan.topics.map(({ topic }) => topic),
      ['orders'],
    );
    assert.equal(await scene.append(0, 11n, 1), ErrorCode.INVALID_PRODUCER_EPOCH);
    assert.equal(await scene.append(0, 10n, 1, 'audit'), ErrorCode.NONE);
    assert.deepEqual(await scene.committed('billing'), { 0: '5' });
    assert.deepEqual(await scene.committed('billing', 'audit'), {});
    assert.deepEqual(scene.host.stopped, [['orders']]);

    await scene.reopen();
    assert.equal(scene.target.unfinishedPromotion, undefined);
    assert.deepEqual([...scene.target.promotedTopics], [['orders', 'promoted']]);
    assert.throws(() => scene.target.assignment('orders', 0), { problem: 'flow-promoted' });
    assert.equal(
      scene.target.assignment('audit', 0).producerEpoch,
      scene.target.producer.producerEpoch,
    );
    const again = await promote(scene.options({ selection: only('orders') }), NEVER);
    assert.equal(again.alreadyPromoted, true);

    // Then the rest: what was promoted by name keeps its one marker.
    const rest = await promote(scene.options(), NEVER);
    assert.deepEqual(
      rest.plan.topics.map(({ topic }) => topic),
      ['audit'],
    );
    assert.deepEqual(await scene.committed('billing', 'audit'), { 0: '5' });
    const ends = scene.target.mappedPartitions().map(({ fenceEnd }) => fenceEnd);
    assert.deepEqual(ends, [11n, 1n, 1n, 12n]);
    assert.notEqual(scene.target.promoted?.completedAtMs, undefined);
  });

  it('asks about those only: one without a leader does not stand in the way of others', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const scene = await twoTopics('leaderless', process);
    const { cluster } = process;
    const listOffsets: KafkaCluster['listOffsets'] = async (partitions, ...rest) => {
      const found = await cluster.listOffsets(partitions, ...rest);
      const answer = found.get('leaderless.audit:0');
      if (answer !== undefined) answer.errorCode = ErrorCode.LEADER_NOT_AVAILABLE;
      return found;
    };
    const limping = new Proxy(cluster, {
      get: (real, name) => {
        if (name === 'listOffsets') return listOffsets;
        const member: unknown = Reflect.get(real, name, real);
        return typeof member === 'function' ? (member as () => unknown).bind(real) : member;
      },
    });
    const options = scene.options({ cluster: limping, selection: only('audit') });
    await assert.rejects(promote(options, NEVER), /target-unreachable/);
    await promote({ ...options, selection: only('orders') }, NEVER);
    assert.deepEqual(await scene.committed('billing'), { 0: '5' });
  });

  it('moves only the groups that are named, and the others when they are named later', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const scene = await twoTopics('groups', process);
    const choice = { topics: ['orders'], mode: 'auto', accept: [] } as const;
    const billing = selectionOf({ ...choice, groups: ['billing'] });
    await promote(scene.options({ selection: billing }), NEVER);
    assert.deepEqual(await scene.committed('mail'), {});
    const mail = selectionOf({ ...choice, groups: ['mail'] });
    const later = await promote(scene.options({ selection: mail }), NEVER);
    assert.equal(later.alreadyPromoted, false);
    assert.deepEqual(await scene.committed('mail'), { 0: '5' });
  });

  for (const step of ['fence', 'translate', 'commit', 'verify']) {
    it(`is ended by a successor when the coordinator dies in ${step}`, async () => {
      await using process = new TargetProcess(kafka.bootstrapServers);
      const scene = await twoTopics(`dies-${step}`, process);
      const death = new AbortController();
      const onStep: PromoteOptions['onStep'] = (each) => {
        if (each.name === step && each.done) death.abort(new Error('died'));
      };
      const selection = only('orders');
      await promote(scene.options({ onStep, selection }), death.signal).catch(() => undefined);
      await scene.reopen();
      const { unfinishedPromotion } = scene.target;
      assert.deepEqual(unfinishedPromotion, { topics: ['orders'], groups: [], accept: [] });

      await promote(
        scene.options({ selection: selectionOfUnfinished(unfinishedPromotion) }),
        NEVER,
      );
      assert.equal(scene.target.unfinishedPromotion, undefined);
      assert.deepEqual(await scene.committed('billing'), { 0: '5' });
      assert.deepEqual(await scene.committed('billing', 'audit'), {});
      assert.equal(scene.target.mappedPartitions()[0]?.fenceEnd, 11n);
      assert.equal(await scene.append(0, 10n, 1, 'audit'), ErrorCode.NONE);
    });
  }
});
