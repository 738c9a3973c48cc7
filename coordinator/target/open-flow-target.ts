import type { AdminClient } from '../../kafka/admin/admin-client.js';
import { encodeOffsetMapRecord } from '../../mirror/records/offset-map-record.js';
import { isAnyDrillName } from '../../mirror/drill-names.js';
import {
  flowTransactionalId,
  mapTransactionalId,
  type FlowTargetOptions,
  type FlowTargetParts,
} from './flow-target-parts.js';
import { translate } from './flow-positions.js';
import { Belongings } from './belongings.js';
import { GroupPositions } from './group-positions.js';
import { InternalTopic } from './internal-topic.js';
import { OffsetMapStore } from './offset-map-store.js';
import { nameMissingRight } from './missing-right.js';
import { ensureInternalTopic } from './topics.js';

/**
 * Takes over a flow's internal topics.
 *
 *   make the topics ─► obtain the writer's producer ─► append `writer` ─► read to the end
 *                        epoch + 1                       older epochs are refused from here on
 *
 * Only what was read after the writer record was acknowledged is the whole truth: before it, an
 * earlier coordinator could still have written.
 */
export async function openFlowTarget(
  options: FlowTargetOptions,
  signal: AbortSignal,
): Promise<FlowTargetParts> {
  const { flow } = options;
  const mapTopic = flow.policy.offsetMapTopic(flow.source);
  // Turned off, MM2's topic is not written, and not even made; a promotion needs the positions still.
  const checkpointsTopic = flow.emitCheckpointsEnabled
    ? flow.policy.checkpointsTopic(flow.source)
    : flow.policy.groupPositionsTopic(flow.source);
  try {
    return await openTopics(options, { mapTopic, checkpointsTopic }, signal);
  } catch (error) {
    throw nameMissingRight(error, flow, {
      topics: [mapTopic, checkpointsTopic],
      transactionalIds: [mapTransactionalId(flow.id), flowTransactionalId(flow.id)],
    });
  }
}

async function openTopics(
  options: FlowTargetOptions,
  { mapTopic, checkpointsTopic }: { mapTopic: string; checkpointsTopic: string },
  signal: AbortSignal,
): Promise<FlowTargetParts> {
  const { flow, admin, cluster, clock, log, term } = options;
  const sleep = (ms: number): Promise<void> => clock.sleep(ms, signal);
  const on = { admin, cluster };
  const mapWanted = {
    name: mapTopic,
    replicationFactor: flow.offsetSyncsTopicReplicationFactor,
    replicationFactorKey: 'offset-syncs.topic.replication.factor',
  };
  await ensureInternalTopic(on, mapWanted, { sleep, signal });
  const checkpointsWanted = {
    name: checkpointsTopic,
    replicationFactor: flow.checkpointsTopicReplicationFactor,
    replicationFactorKey: 'checkpoints.topic.replication.factor',
  };
  await ensureInternalTopic(on, checkpointsWanted, { sleep, signal });

  const producer = await admin.obtainProducer(mapTransactionalId(flow.id), { signal });
  const topic = new InternalTopic({ cluster, topic: mapTopic, clock, log, producer });
  const writer = encodeOffsetMapRecord({ kind: 'writer', value: { term } });
  const writtenUntil = await topic.append([writer], signal);

  const belongings = new Belongings(topic);
  const maps = new OffsetMapStore({ flow: flow.id, topic, belongings, clock, log });
  await maps.load(writtenUntil, signal);
  await settleProducer(options, maps, signal);

  const groups = new GroupPositions({
    topic: new InternalTopic({ cluster, topic: checkpointsTopic, clock, log, producer }),
    policy: flow.policy,
    sourceAlias: flow.source,
    // Of a rehearsal that this coordinator did not see begin, nothing is kept.
    accepts: (group) => !isAnyDrillName(group) && flow.groupFilter.accepts(group),
    clock,
    writtenCheckpoints: options.writtenCheckpoints,
    log,
    translate: (row) => translate(maps, row),
  });
  await groups.load(signal);
  await groups.announce(signal);
  const showLife = async (until: AbortSignal): Promise<void> => {
    await topic.append([writer], until);
  };
  return { maps, groups, belongings, showLife };
}

/** The flow's producer is obtained once, and kept as long as the flow lives. */
async function settleProducer(
  options: FlowTargetOptions,
  maps: OffsetMapStore,
  signal: AbortSignal,
): Promise<void> {
  const { flow, log } = options;
  const admin: AdminClient = options.admin;
  // Also when it is known already: that keeps the broker from forgetting the transactional id.
  const obtained = await admin.obtainProducer(flowTransactionalId(flow.id), { signal });
  if (maps.flow === undefined) {
    const fresh = { ...obtained, promotedAtMs: -1n, completedAtMs: -1n };
    await maps.saveFlow(fresh, signal);
  } else if (maps.flow.producerId !== obtained.producerId) {
    const { producerId } = maps.flow;
    const producers = { producerId: String(producerId), obtained: String(obtained.producerId) };
    log.error(
      { flow: flow.id, ...producers },
      'the target has forgotten the transactional id of the flow: a fence will not hold',
    );
  }
}
