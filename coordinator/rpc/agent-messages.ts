import type {
  AgentMessage,
  CoordinatorMessage,
  GroupOffset,
  InventoryTopic,
  PartitionProgress,
  StandingPartitions,
} from '../../proto/gen/mirror/v1/agent.js';
import { PartitionState, type MapRun, type WorkItem } from '../../proto/gen/mirror/v1/common.js';
import type { CopierState, LeaseRef, SourceTopic } from '../core/events.js';
import { itemKey, parseItemKey } from '../core/work-item.js';
import { ProtocolViolationError } from '../service/errors.js';
import type {
  AgentHello,
  AgentSays,
  CoordinatorSays,
  GrantMessage,
  GroupOffsetReport,
  ProgressReport,
  StandingReport,
} from '../service/messages.js';
import { readSiteTaskReport, writeSiteTaskMessage } from './site-task-messages.js';
import {
  AGENT_ID_LENGTH_MAX,
  CLUSTERS_PER_AGENT_MAX,
  GRANTS_PER_MESSAGE_MAX,
  HELD_LEASES_MAX,
  LEASES_PER_MESSAGE_MAX,
  PARTITIONS_PER_TOPIC_MAX,
  SITE_LENGTH_MAX,
} from './limits.js';
import { readMissingTopics, readSourceAcls, readTopicConfigs } from './source-messages.js';

/** Between the wire's types and ours: what does not fit is refused here, and goes no further. */

const AGENT_ID = new RegExp(`^[a-zA-Z0-9._-]{1,${AGENT_ID_LENGTH_MAX}}$`);

type HelloMessage = Extract<NonNullable<AgentMessage['message']>, { $case: 'hello' }>['value'];

export function readHello(message: AgentMessage): AgentHello {
  if (message.message?.$case !== 'hello')
    throw new ProtocolViolationError('the first message of a session must be hello');
  const hello: HelloMessage = message.message.value;
  if (!AGENT_ID.test(hello.agentId))
    throw new ProtocolViolationError(
      `an agent needs an id of up to ${AGENT_ID_LENGTH_MAX} letters, digits, dots, dashes and underscores`,
    );
  if (hello.site.length > SITE_LENGTH_MAX || hello.clusters.length > CLUSTERS_PER_AGENT_MAX)
    throw new ProtocolViolationError(
      `hello has a site of over ${SITE_LENGTH_MAX} characters, or over ${CLUSTERS_PER_AGENT_MAX} clusters`,
    );
  if (hello.held.length > HELD_LEASES_MAX)
    throw new ProtocolViolationError(`hello claims more than ${HELD_LEASES_MAX} leases`);
  const { agentId, site, clusters, version, sessionId, siteTaskKinds } = hello;
  // Agents of the first version did not say it.
  const protocol = hello.protocol === 0 ? 1 : hello.protocol;
  const held = hello.held.map((lease) => readLease(lease));
  return { agentId, site, clusters, version, sessionId, held, siteTaskKinds, protocol };
}

export function readAgentMessage({ message }: AgentMessage): AgentSays {
  switch (message?.$case) {
    case 'heartbeat':
      return { kind: 'heartbeat', ...message.value };
    case 'inventory':
      return {
        kind: 'inventory',
        flow: message.value.flow,
        topics: message.value.topics.map(readTopic),
      };
    case 'progress':
      return {
        kind: 'progress',
        reports: message.value.partitions.map(readProgress),
        standing: message.value.standing.map(readStanding),
      };
    case 'groupOffsets':
      return {
        kind: 'group-offsets',
        flow: message.value.flow,
        offsets: message.value.offsets.map((offset: GroupOffset): GroupOffsetReport => offset),
      };
    case 'topicConfigs':
      return readTopicConfigs(message.value);
    case 'sourceAcls':
      return readSourceAcls(message.value);
    case 'missingTopics':
      return readMissingTopics(message.value);
    case 'released':
      return {
        kind: 'released',
        leases: message.value.releases.map((release) => ({
          ...readLease(release),
          reason: release.reason,
        })),
      };
    case 'siteProblem':
      return { kind: 'site-problem', ...message.value };
    case 'draining':
      return { kind: 'draining' };
    case 'siteTaskReport':
      return readSiteTaskReport(message.value);
    case 'hello':
      throw new ProtocolViolationError('hello comes once, first');
    case undefined:
      return { kind: 'unknown' };
    default:
      return message satisfies never;
  }
}

export function readItem(item: WorkItem | undefined): string {
  if (item?.work?.$case === 'site') return itemKey({ kind: 'site', flow: item.flow });
  if (item?.work?.$case === 'partition')
    return itemKey({ kind: 'partition', flow: item.flow, ...item.work.value });
  throw new ProtocolViolationError('a work item without its kind of work');
}

export function writeItem(key: string): WorkItem {
  const work = parseItemKey(key);
  if (work === undefined) throw new Error(`not a work item: ${key}`);
  if (work.kind === 'site') return { flow: work.flow, work: { $case: 'site', value: {} } };
  const { flow, topic, partition } = work;
  return { flow, work: { $case: 'partition', value: { topic, partition } } };
}

/** One message of ours as one or more of the wire's, each far below the largest size. */
export function* writeCoordinatorMessage(says: CoordinatorSays): Iterable<CoordinatorMessage> {
  switch (says.kind) {
    case 'welcome': {
      const { sessionId, term } = says;
      const leaseTtlMs = BigInt(says.leaseTtlMs);
      const properties = new Map(says.properties);
      yield {
        message: {
          $case: 'welcome',
          value: {
            ...{ sessionId, leaseTtlMs, term, properties: Object.fromEntries(properties) },
            takesStanding: true,
          },
        },
      };
      return;
    }
    case 'configuration': {
      const properties = Object.fromEntries(says.properties);
      yield { message: { $case: 'configuration', value: { properties } } };
      return;
    }
    case 'heartbeat-ack':
      yield { message: { $case: 'heartbeatAck', value: { sequence: says.sequence } } };
      return;
    case 'flow-limit': {
      const { flow } = says;
      const bytesPerSecond = BigInt(says.bytesPerSecond);
      yield { message: { $case: 'flowLimit', value: { flow, bytesPerSecond } } };
      return;
    }
    case 'grants':
      for (const part of parts(says.grants, GRANTS_PER_MESSAGE_MAX))
        yield { message: { $case: 'grants', value: { grants: part.map(writeGrant) } } };
      return;
    case 'revokes':
      for (const part of parts(says.leases, LEASES_PER_MESSAGE_MAX)) {
        const { reason } = says;
        const revokes = part.map((lease) => ({ ...writeLease(lease), reason }));
        yield { message: { $case: 'revokes', value: { revokes } } };
      }
      return;
    case 'map-acks':
      for (const part of parts(says.acks, LEASES_PER_MESSAGE_MAX)) {
        const acks = part.map(({ lease, sourceNext, targetNext }) => ({
          ...writeLease(lease),
          sourceNext,
          targetNext,
        }));
        yield { message: { $case: 'mapAcks', value: { acks } } };
      }
      return;
    case 'site-task':
    case 'site-task-ack':
    case 'cancel-site-task':
      yield { message: writeSiteTaskMessage(says) };
      return;
    default:
      says satisfies never;
  }
}

function writeGrant({ lease, assignment, mirroredTopics }: GrantMessage) {
  const news = assignment?.mapNews;
  const partition = assignment && {
    ...assignment,
    mapTail: [...assignment.mapTail],
    mapNews: news && { ...news, runs: [...news.runs] },
    sourceEpoch: assignment.sourceEpoch,
  };
  return { ...writeLease(lease), partition, mirroredTopics: [...mirroredTopics] };
}

function writeLease({ item, leaseEpoch }: LeaseRef): { item: WorkItem; leaseEpoch: bigint } {
  return { item: writeItem(item), leaseEpoch };
}

const TOPIC_NAME = /^[a-zA-Z0-9._-]{1,249}$/;
const TOPIC_ID = /^[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}$/;

/** These become topics on the target and keys of the store: an agent's fault ends here. */
function readTopic({ name, topicId, partitionCount }: InventoryTopic): SourceTopic {
  if (!TOPIC_NAME.test(name)) throw new ProtocolViolationError('not the name of a topic');
  if (!TOPIC_ID.test(topicId))
    throw new ProtocolViolationError(`topic ${name}: its id is not a lower-case UUID`);
  if (partitionCount < 1 || partitionCount > PARTITIONS_PER_TOPIC_MAX)
    throw new ProtocolViolationError(`topic ${name} cannot have ${partitionCount} partitions`);
  return { name, topicId, partitionCount };
}

function readRun(run: MapRun): MapRun {
  if (run.sourceStart < 0n || run.targetStart < 0n || run.length < 0n)
    throw new ProtocolViolationError('a run of the offset map with a negative number');
  return run;
}

function readLease(lease: { item?: WorkItem | undefined; leaseEpoch: bigint }): LeaseRef {
  return { item: readItem(lease.item), leaseEpoch: lease.leaseEpoch };
}

function readProgress(progress: PartitionProgress): ProgressReport {
  const { truncatedTo, halt, sourceEpoch } = progress;
  const runs = progress.runs.map(readRun);
  const { sourceNext, targetNext, sourceEnd, records, bytes, trouble } = progress;
  return {
    lease: readLease(progress),
    copier: readCopierState(progress.state),
    ...{ halt, runs, truncatedTo, sourceEpoch, sourceNext, targetNext, sourceEnd },
    ...{ records, bytes, trouble },
    mapRestarted: progress.mapRestarted,
    standing: progress.standing,
    sequenceBase: progress.sequenceBase,
    sourceEndAgeMs: Number(progress.sourceEndAgeMs),
    lastTimestampMs: Number(progress.lastTimestampMs),
  };
}

function readStanding({ flow, sourceEndAgeMs }: StandingPartitions): StandingReport {
  if (sourceEndAgeMs < 0n) throw new ProtocolViolationError('an age below zero');
  return { flow, sourceEndAgeMs: Number(sourceEndAgeMs) };
}

function readCopierState(state: PartitionState): CopierState {
  switch (state) {
    case PartitionState.RUNNING:
      return 'running';
    case PartitionState.HALTED:
      return 'halted';
    case PartitionState.PROMOTED:
      return 'promoted';
    default:
      return 'recovering';
  }
}

function* parts<T>(all: readonly T[], max: number): Iterable<readonly T[]> {
  for (let start = 0; start < all.length; start += max) yield all.slice(start, start + max);
}
