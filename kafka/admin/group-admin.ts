import {
  UnsupportedVersionError,
  type ClusterRequestOptions,
  type KafkaCluster,
} from '../client/index.js';
import { describeGroups } from '../messages/describe-groups.js';
import { describeErrorCode, ErrorCode } from '../messages/error-codes.js';
import { listGroups } from '../messages/list-groups.js';
import { offsetCommit, type OffsetCommitTopic } from '../messages/offset-commit.js';
import { offsetFetch } from '../messages/offset-fetch.js';
import { consumerGroupDescribe } from './consumer-group-describe.js';
import { ensureSuccess } from './errors.js';
import { deleteGroups } from './foreign-api.js';
import type { AdminCallOptions } from './topic-admin.js';

/** Groups whose offsets are asked for at a time: each is one request to its own coordinator. */
const GROUPS_ASKED_MAX = 16;

/** Generation and member of a commit from outside: brokers take it for an empty group only. */
const GENERATION_NONE = -1;
const MEMBER_NONE = '';

/** The state of a group that does not exist. */
const DEAD = 'Dead';

export interface ListedGroup {
  groupId: string;
  /** Kafka's spelling: 'Stable', 'Empty', 'PreparingRebalance', ... */
  state: string;
  /** 'consumer' for consumers of either protocol; empty for offsets without any. */
  protocolType: string;
}

export interface GroupDescription {
  groupId: string;
  /** 'Dead' only when no protocol knows the group. */
  state: string;
  protocolType: string;
  memberCount: number;
}

export interface GroupOffset {
  topic: string;
  partition: number;
  /** The next offset to read. */
  offset: bigint;
  /** Of the last record read, -1 if unknown. */
  leaderEpoch: number;
  metadata: string | null;
}

export interface OffsetToCommit {
  topic: string;
  partition: number;
  offset: bigint;
  leaderEpoch?: number; // -1: a translated offset knows none
  metadata?: string | null;
}

/** What became of one partition's commit. */
export interface CommitFailure {
  topic: string;
  partition: number;
  errorCode: number;
  errorName: string;
  retriable: boolean;
}

/** 'absent' when there was no such group. Throws KafkaApiError while it has members. */
export async function deleteGroup(
  cluster: KafkaCluster,
  group: string,
  options: AdminCallOptions = {},
): Promise<'deleted' | 'absent'> {
  const response = await cluster.request({ group }, deleteGroups, [[group]], options);
  const errorCode = response.results[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
  if (errorCode === ErrorCode.GROUP_ID_NOT_FOUND) return 'absent';
  ensureSuccess({ api: deleteGroups.name, subject: `group ${group}`, errorCode });
  return 'deleted';
}

/** All groups of the cluster. Each broker knows only its own: one that is silent fails the whole. */
export async function listAllGroups(
  cluster: KafkaCluster,
  options: AdminCallOptions = {},
): Promise<ListedGroup[]> {
  const { brokers } = await cluster.metadata([], options);
  const answers = await Promise.all(
    brokers.map(async ({ nodeId }) => {
      const request = { statesFilter: [] };
      const response = await cluster.request({ nodeId }, listGroups, request, options);
      const { errorCode, groups } = response;
      ensureSuccess({ api: listGroups.name, subject: `groups of node ${nodeId}`, errorCode });
      return groups;
    }),
  );
  // A group that moves between two answers may be in both.
  const found = new Map<string, ListedGroup>();
  for (const { groupId, groupState, protocolType } of answers.flat()) {
    found.set(groupId, { groupId, state: groupState, protocolType });
  }
  return [...found.values()];
}

/**
 * State and members of one group, of either protocol. DescribeGroups calls a group of the new
 * protocol (KIP-848) dead, however alive it is, so that answer is never believed on its own.
 */
export async function describeGroup(
  cluster: KafkaCluster,
  group: string,
  options: AdminCallOptions = {},
): Promise<GroupDescription> {
  const request = { groups: [group] };
  const response = await cluster.request({ group }, describeGroups, request, options);
  const classic = response.groups[0];
  const errorCode = classic?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
  if (errorCode !== ErrorCode.GROUP_ID_NOT_FOUND) {
    ensureSuccess({ api: describeGroups.name, subject: `group ${group}`, errorCode });
  }
  if (classic !== undefined && errorCode === 0 && classic.groupState !== DEAD) {
    const { groupState: state, protocolType, members } = classic;
    return { groupId: group, state, protocolType, memberCount: members.length };
  }
  return describeNewGroup(cluster, group, options);
}

async function describeNewGroup(
  cluster: KafkaCluster,
  group: string,
  options: AdminCallOptions,
): Promise<GroupDescription> {
  const dead = { groupId: group, state: DEAD, protocolType: '', memberCount: 0 };
  let answer;
  try {
    const request = { groupIds: [group] };
    answer = await cluster.request({ group }, consumerGroupDescribe, request, options);
  } catch (error) {
    // A broker without the API has no such groups, so the classic answer was the truth.
    if (error instanceof UnsupportedVersionError) return dead;
    throw error;
  }
  const found = answer.groups[0];
  const errorCode = found?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
  // A broker with the API and the protocol switched off says UNSUPPORTED_VERSION.
  if (errorCode === ErrorCode.GROUP_ID_NOT_FOUND || errorCode === ErrorCode.UNSUPPORTED_VERSION) {
    return dead;
  }
  const brokerMessage = found?.errorMessage;
  const api = consumerGroupDescribe.name;
  ensureSuccess({ api, subject: `group ${group}`, errorCode, brokerMessage });
  const { groupState: state, memberCount } = found!;
  return { groupId: group, state, protocolType: 'consumer', memberCount };
}

/** Everything that the groups have committed. A group without commits has an empty list. */
export async function groupOffsets(
  cluster: KafkaCluster,
  groups: readonly string[],
  options: AdminCallOptions = {},
): Promise<Map<string, GroupOffset[]>> {
  const found = new Map<string, GroupOffset[]>();
  for (let start = 0; start < groups.length; start += GROUPS_ASKED_MAX) {
    const chunk = groups.slice(start, start + GROUPS_ASKED_MAX);
    const answers = chunk.map((group) => offsetsOfGroup(cluster, group, options));
    for (const [index, offsets] of (await Promise.all(answers)).entries()) {
      found.set(chunk[index]!, offsets);
    }
  }
  return found;
}

async function offsetsOfGroup(
  cluster: KafkaCluster,
  group: string,
  options: AdminCallOptions,
): Promise<GroupOffset[]> {
  // Offsets of an open transaction do not count before it is committed: the last stable ones do.
  const request = { groups: [{ groupId: group, topics: null }], requireStable: false };
  const response = await cluster.request({ group }, offsetFetch, request, options);
  const answer = response.groups[0];
  const groupCode = answer?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
  const api = offsetFetch.name;
  ensureSuccess({ api, subject: `group ${group}`, errorCode: groupCode });
  const offsets: GroupOffset[] = [];
  for (const { name: topic, partitions } of answer!.topics) {
    for (const entry of partitions) {
      const { partitionIndex: partition, errorCode, committedOffset: offset, metadata } = entry;
      ensureSuccess({ api, subject: `group ${group}, ${topic}-${partition}`, errorCode });
      if (offset < 0n) continue; // nothing committed
      const leaderEpoch = entry.committedLeaderEpoch;
      offsets.push({ topic, partition, offset, leaderEpoch, metadata });
    }
  }
  return offsets;
}

/**
 * Commits from outside the group, which brokers take only while it has no members. Partitions fail
 * one by one: the returned list is empty when all are committed, and must be looked at.
 */
export async function commitGroupOffsets(
  cluster: KafkaCluster,
  commit: { group: string; offsets: readonly OffsetToCommit[] },
  options: ClusterRequestOptions = {},
): Promise<CommitFailure[]> {
  const { group, offsets } = commit;
  if (offsets.length === 0) return [];
  const request = {
    groupId: group,
    generationIdOrMemberEpoch: GENERATION_NONE,
    memberId: MEMBER_NONE,
    groupInstanceId: null,
    topics: byTopic(offsets),
  };
  const response = await cluster.request({ group }, offsetCommit, request, options);
  const answered = new Map<string, number>();
  for (const { name, partitions } of response.topics) {
    for (const { partitionIndex, errorCode } of partitions) {
      answered.set(`${name}:${partitionIndex}`, errorCode);
    }
  }
  const failures: CommitFailure[] = [];
  for (const { topic, partition } of offsets) {
    const errorCode = answered.get(`${topic}:${partition}`) ?? ErrorCode.UNKNOWN_SERVER_ERROR;
    if (errorCode === ErrorCode.NONE) continue;
    const { name: errorName, retriable } = describeErrorCode(errorCode);
    failures.push({ topic, partition, errorCode, errorName, retriable });
  }
  return failures;
}

function byTopic(offsets: readonly OffsetToCommit[]): OffsetCommitTopic[] {
  const topics = new Map<string, OffsetCommitTopic>();
  for (const { topic, partition, offset, leaderEpoch = -1, metadata = '' } of offsets) {
    let entry = topics.get(topic);
    if (entry === undefined) topics.set(topic, (entry = { name: topic, partitions: [] }));
    entry.partitions.push({
      partitionIndex: partition,
      committedOffset: offset,
      committedLeaderEpoch: leaderEpoch,
      committedMetadata: metadata,
    });
  }
  return [...topics.values()];
}
