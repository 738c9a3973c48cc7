import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { promote } from '../../../coordinator/promotion/promote.js';
import { PromotionRefusedError } from '../../../coordinator/promotion/promotion-errors.js';
import {
  selectionOf,
  selectionOfUnfinished,
  type PromotionSelection,
} from '../../../coordinator/promotion/promotion-selection.js';
import { ErrorCode } from '../../../kafka/messages/error-codes.js';
import { buildBatch } from '../../../kafka/records/build-batch.js';
import { encodeCheckpoint } from '../../../mirror/records/checkpoint.js';
import { encodeOffsetMapKey } from '../../../mirror/records/offset-map-key.js';
import { produceBatch } from '../../kafka/records/on-broker.js';
import { startKafka, type KafkaServers } from '../../kit/start-kafka.js';
import { NEVER, TargetProcess } from '../target/open-on-broker.js';
import { twoTopics, type Scene } from './scene.js';

let kafka: KafkaServers;

before(async () => {
  kafka = await startKafka({ name: 'promote-bad-input' });
});

after(async () => {
  await kafka?.stop();
});

function accepting(...accept: string[]): PromotionSelection {
  return selectionOf({ topics: [], groups: [], mode: 'auto', accept });
}

/** Refused with this code, and nothing is changed. */
async function refused(scene: Scene, code: string, message: RegExp): Promise<void> {
  await assert.rejects(promote(scene.options(), NEVER), (error: unknown) => {
    assert.ok(error instanceof PromotionRefusedError);
    assert.deepEqual(
      error.blockers.map((each) => each.code),
      [code],
    );
    assert.match(error.message, message);
    return true;
  });
  assert.equal(scene.target.promoted, undefined);
  assert.equal(scene.host.stops, 0);
  assert.equal(scene.host.phases.at(-1), 'running');
}

async function damage(process: TargetProcess, topic: string, record: object): Promise<void> {
  const records = [{ key: null, value: Buffer.from('?'), timestamp: 0n, ...record }];
  const { cluster } = process;
  const { errorCode } = await produceBatch(
    { cluster, topic, partition: 0 },
    buildBatch({ records }),
  );
  assert.equal(errorCode, ErrorCode.NONE);
}

describe('promote, where the target is not as it should be', () => {
  it('refuses when half of the topics are missing, and moves the others once that is accepted', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const scene = await twoTopics('half', process);
    await process.deleteTopic('half.audit');

    await refused(
      scene,
      'target-topic-missing',
      /half\.audit was mirrored.*--accept target-topic-m/,
    );

    assert.equal(await scene.append(0, 10n, 1), ErrorCode.NONE);
    const { plan } = await promote(
      scene.options({ selection: accepting('target-topic-missing') }),
      NEVER,
    );
    assert.deepEqual(await scene.committed('billing'), { 0: '5' });
    const notes = plan.groups.filter(({ topic }) => topic === 'audit').map(({ note }) => note);
    assert.deepEqual(new Set(notes), new Set(['the partition is not on the target']));
  });

  it('refuses when a part of the offset map cannot be read, and moves nobody there', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const scene = await twoTopics('torn-map', process);
    const key = encodeOffsetMapKey({ kind: 'chunk', topic: 'audit', partition: 0, chunkIndex: 0 });
    await scene.target.close();
    await damage(process, 'mm2-offset-map.torn-map.internal', { key });
    await scene.reopen();

    await refused(scene, 'map-corrupt', /audit-0 cannot be translated.*cannot be read/);

    // Accepted by whoever dies behind the fence: the one who ends it need not ask again.
    const died = new AbortController();
    const options = scene.options({
      selection: accepting('map-corrupt'),
      onStep: ({ name }) => name === 'translate' && died.abort(new Error('died')),
    });
    await assert.rejects(promote(options, died.signal), /died/);
    await scene.reopen();
    const unfinished = scene.target.unfinishedPromotion!;
    assert.deepEqual(unfinished.accept, ['map-corrupt']);
    await promote(scene.options({ selection: selectionOfUnfinished(unfinished) }), NEVER);
    assert.deepEqual(await scene.committed('billing'), { 0: '5' });
    assert.deepEqual(await scene.committed('billing', 'audit'), {});
  });

  it('refuses when a checkpoint cannot be read, unless the source can tell it again', async () => {
    await using process = new TargetProcess(kafka.bootstrapServers);
    const scene = await twoTopics('torn-point', process);
    const { key } = encodeCheckpoint({
      ...{ group: 'lost', topic: 'torn-point.orders', partition: 0 },
      ...{ upstreamOffset: 1n, downstreamOffset: 1n, metadata: '' },
    });
    await damage(process, 'torn-point.checkpoints.internal', { key });
    await scene.reopen();

    await refused(scene, 'checkpoint-corrupt', /1 stored group positions cannot be read/);

    scene.host.state = 'reachable';
    await promote(scene.options(), NEVER);
    assert.deepEqual(await scene.committed('mail', 'audit'), { 0: '5' });
  });

  it('refuses when the target does not answer', async () => {
    const lonely = await startKafka({ name: 'promote-lonely' });
    await using process = new TargetProcess(lonely.bootstrapServers);
    const scene = await twoTopics('away', process);
    await lonely.stop();

    await refused(scene, 'target-unreachable', /the target does not answer/);
  });
});
