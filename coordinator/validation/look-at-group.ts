import type { Clock } from '../../common/clock.js';
import { MirrorError } from '../../common/errors.js';
import type { AdminClient } from '../../kafka/admin/admin-client.js';
import { BrokerResponseError, type KafkaCluster } from '../../kafka/client/index.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import { TIMESTAMP_LATEST } from '../../kafka/messages/list-offsets.js';
import type { GroupLag, GroupLook } from './group-validation.js';

/** What Kafka calls a group that does not exist. */
const DEAD = 'Dead';

export class GroupNotOnTargetError extends MirrorError {
  readonly code = 'MIRROR_GROUP_NOT_ON_TARGET';
  readonly retriable = false;

  constructor(group: string, target: string) {
    super(`there is no consumer group '${group}' on ${target}: no members, and nothing committed`);
  }
}

export interface GroupLookOptions {
  readonly admin: AdminClient;
  readonly cluster: KafkaCluster;
  readonly clock: Clock;
  readonly group: string;
  readonly signal: AbortSignal;
}

/** A group on its cluster now: state, members, and how far it lags. Throws GroupNotOnTargetError. */
export async function lookAtGroup(options: GroupLookOptions): Promise<GroupLook> {
  const { admin, cluster, clock, group, signal } = options;
  const { state, memberCount } = await admin.describeGroup(group, { signal });
  const committed = (await admin.groupOffsets([group], { signal })).get(group) ?? [];
  if (state === DEAD && committed.length === 0)
    throw new GroupNotOnTargetError(group, cluster.alias);
  const partitions: GroupLag[] = [];
  const ends = await cluster.listOffsets(committed, TIMESTAMP_LATEST, { signal });
  for (const { topic, partition, offset } of committed) {
    const end = ends.get(`${topic}:${partition}`);
    const errorCode = end?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
    // A commit on a topic that was deleted since is nobody's lag.
    if (errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) continue;
    if (end === undefined || errorCode !== ErrorCode.NONE)
      throw new BrokerResponseError('ListOffsets', errorCode, `${topic}-${partition}`);
    const lagRecords = end.offset > offset ? end.offset - offset : 0n;
    const logEndOffset = end.offset;
    partitions.push({ topic, partition, committedOffset: offset, logEndOffset, lagRecords });
  }
  const lagRecords = partitions.reduce((sum, each) => sum + each.lagRecords, 0n);
  return { atMs: clock.wallMs(), state, members: memberCount, partitions, lagRecords };
}
