import { describeError } from '../../common/errors.js';
import { AdminClient } from '../../kafka/admin/admin-client.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import { producerId } from '../../kafka/records/batch-header.js';
import type { CompareRanges, RangeDifference } from '../../proto/gen/mirror/v1/site_task.js';
import { LogCursor } from './log-cursor.js';
import { LogReader } from './read-log.js';
import { foreignRecord, SegmentComparison } from './segment-comparison.js';
import type { SiteTaskContext, SiteTaskExecutor } from './site-task.js';
import { Throttle } from './throttle.js';

/** Compares stretches of one partition on both sides, record by record; see `CompareRanges`. */
export const compareRanges: SiteTaskExecutor<'compareRanges'> = async (task, context) => {
  const { topic, targetTopic, segments, tailProducerId } = task;
  const { flow, signal, report } = context;
  const sides = openSides(task, context);
  const { source, target, readSource, readTarget } = sides;
  const [sourceCompacted, targetCompacted] = await Promise.all([
    mayBeCompacted(flow.source, topic, context),
    mayBeCompacted(flow.target, targetTopic, context),
  ]);
  const comparison = new SegmentComparison({
    ...{ source, target, sourceCompacted, targetCompacted, onRange: report },
    takeBytes: () => {
      const bytes = readSource.bytes + readTarget.bytes;
      readSource.bytes = 0;
      readTarget.bytes = 0;
      return bytes;
    },
  });
  const difference = await comparison.run(segments);
  signal.throwIfAborted();
  if (difference !== undefined || tailProducerId === undefined) return { difference };
  return { difference: await foreignTail(sides, tailProducerId) };
};

interface Sides {
  readonly source: LogCursor;
  readonly target: LogCursor;
  readonly readSource: LogReader;
  readonly readTarget: LogReader;
}

function openSides(task: CompareRanges, context: SiteTaskContext<'compareRanges'>): Sides {
  const { topic, targetTopic, sourceTopicId, targetTopicId, partition, segments } = task;
  const { flow, clock, signal } = context;
  const throttle = new Throttle(clock, task.bytesPerSecond);
  const shared = { partition, clock, throttle, signal };
  const readSource = new LogReader({
    ...{ cluster: flow.source, topic, topicId: sourceTopicId, ...shared },
  });
  const readTarget = new LogReader({
    ...{ cluster: flow.target, topic: targetTopic, topicId: targetTopicId, ...shared },
  });
  const first = segments[0];
  return {
    ...{ readSource, readTarget },
    source: new LogCursor((offset) => readSource.readSource(offset), first?.sourceFrom ?? 0n),
    target: new LogCursor((offset) => readTarget.readTarget(offset), first?.targetFrom ?? 0n),
  };
}

/** What another producer wrote behind all that was copied; what the flow wrote is on its way. */
async function foreignTail(sides: Sides, ours: bigint): Promise<RangeDifference | undefined> {
  const { target, readTarget } = sides;
  const end = await readTarget.end();
  while (await target.has(end)) {
    const batch = target.wholeBatch;
    if (batch === undefined) {
      const { record } = target; // the rest of a batch that was begun
      if (record === undefined) return undefined;
      target.takeRecord();
    } else {
      if (producerId(batch.bytes) !== ours) return foreignRecord({ offset: batch.firstOffset });
      target.takeBatch();
    }
  }
  return undefined;
}

/** Unless the cluster says that it is not: who may not ask takes missing records for compacted. */
async function mayBeCompacted(
  cluster: KafkaCluster,
  topic: string,
  context: SiteTaskContext<'compareRanges'>,
): Promise<boolean> {
  const { clock, log, signal } = context;
  try {
    const admin = new AdminClient({ cluster, clock });
    const entries = await admin.describeTopicConfigs(topic, { signal });
    const policy = entries.find(({ name }) => name === 'cleanup.policy')?.value;
    return policy?.includes('compact') ?? true;
  } catch (error) {
    if (signal.aborted) throw error;
    const reason = describeError(error);
    log.warn({ topic, cluster: cluster.alias, reason }, 'taken for compacted: it cannot be asked');
    return true;
  }
}
