import type { Clock } from '../../common/clock.js';
import { isCoordinatorError } from '../client/coordinator-finder.js';
import { backoffMs, type ClusterRequestOptions, type KafkaCluster } from '../client/index.js';
import { addAcls, deleteAcls, listAcls, type AclBinding } from './acl-admin.js';
import { KafkaApiError } from './errors.js';
import {
  commitGroupOffsets,
  deleteGroup,
  describeGroup,
  groupOffsets,
  listAllGroups,
  type CommitFailure,
  type GroupDescription,
  type GroupOffset,
  type ListedGroup,
  type OffsetToCommit,
} from './group-admin.js';
import { GroupsLoaded } from './groups-loaded.js';
import {
  fencePartitions,
  obtainProducer,
  type Fence,
  type ProducerIdentity,
} from './producer-fence.js';
import {
  alterTopicConfigs,
  createTopic,
  deleteRecordsBefore,
  deleteTopic,
  describeTopicConfigs,
  growPartitions,
  type AdminCallOptions,
  type NewTopic,
  type RecordsToDelete,
  type TopicConfigChanges,
  type TopicConfigEntry,
} from './topic-admin.js';

/** Some seconds: as many as a question about one group has. */
const LIST_GROUPS_ATTEMPTS_MAX = 8;

export interface AdminClientOptions {
  cluster: KafkaCluster;
  clock: Clock;
}

/**
 * Everything but copying that is asked of a cluster. Owns no socket: the cluster does, and whoever
 * made it closes it. Every error code becomes a KafkaApiError unless a method says otherwise.
 */
export class AdminClient {
  readonly #cluster: KafkaCluster;
  readonly #clock: Clock;
  readonly #groupsLoaded: GroupsLoaded;

  constructor(options: AdminClientOptions) {
    this.#cluster = options.cluster;
    this.#clock = options.clock;
    this.#groupsLoaded = new GroupsLoaded(options.cluster);
  }

  /** 'exists' says nothing about the existing topic's partitions or configuration. */
  createTopic(topic: NewTopic, options?: AdminCallOptions): Promise<'created' | 'exists'> {
    return createTopic(this.#cluster, topic, options);
  }

  /** 'unchanged' when the topic has that many partitions or more. */
  growPartitions(
    topic: string,
    partitionCount: number,
    options?: AdminCallOptions,
  ): Promise<'grown' | 'unchanged'> {
    return growPartitions(this.#cluster, { topic, partitionCount }, options);
  }

  deleteTopic(topic: string, options?: AdminCallOptions): Promise<'deleted' | 'absent'> {
    return deleteTopic(this.#cluster, topic, options);
  }

  async describeTopicConfigs(
    topic: string,
    options?: AdminCallOptions,
  ): Promise<TopicConfigEntry[]> {
    const found = (await describeTopicConfigs(this.#cluster, [topic], options)).get(topic);
    if (found instanceof KafkaApiError) throw found;
    return found ?? [];
  }

  /** Of many topics, in few requests. No topic is left out: one that is refused has its error. */
  describeConfigsOfTopics(
    topics: readonly string[],
    options?: AdminCallOptions,
  ): Promise<Map<string, TopicConfigEntry[] | KafkaApiError>> {
    return describeTopicConfigs(this.#cluster, topics, options);
  }

  /** Sets values, or with null goes back to the default; leaves all other entries alone. */
  alterTopicConfigs(
    topic: string,
    changes: TopicConfigChanges,
    options?: AdminCallOptions,
  ): Promise<void> {
    return alterTopicConfigs(this.#cluster, { topic, changes }, options);
  }

  /** Returns the new log starts by `topic-partition`. */
  deleteRecords(
    deletions: readonly RecordsToDelete[],
    options?: AdminCallOptions,
  ): Promise<Map<string, bigint>> {
    return deleteRecordsBefore(this.#cluster, deletions, options);
  }

  /** Asks every broker; one that does not answer, or has not loaded its groups yet, fails the listing. */
  async listGroups(options: AdminCallOptions = {}): Promise<ListedGroup[]> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#groupsLoaded.require(options);
        return await listAllGroups(this.#cluster, options);
      } catch (error) {
        const mayPass = error instanceof KafkaApiError && isCoordinatorError(error.errorCode);
        if (!mayPass || attempt === LIST_GROUPS_ATTEMPTS_MAX) throw error;
      }
      await this.#clock.sleep(backoffMs(attempt, Math.random()), options.signal);
    }
  }

  /** State 'Dead' means that there is no such group of either protocol. */
  describeGroup(group: string, options?: AdminCallOptions): Promise<GroupDescription> {
    return describeGroup(this.#cluster, group, options);
  }

  deleteGroup(group: string, options?: AdminCallOptions): Promise<'deleted' | 'absent'> {
    return deleteGroup(this.#cluster, group, options);
  }

  groupOffsets(
    groups: readonly string[],
    options?: AdminCallOptions,
  ): Promise<Map<string, GroupOffset[]>> {
    return groupOffsets(this.#cluster, groups, options);
  }

  /** Only for groups without members. Returns the partitions that failed: look at them. */
  commitGroupOffsets(
    group: string,
    offsets: readonly OffsetToCommit[],
    options?: ClusterRequestOptions,
  ): Promise<CommitFailure[]> {
    return commitGroupOffsets(this.#cluster, { group, offsets }, options);
  }

  /** Bumps the epoch: whoever had the one before is fenced wherever the new one appends. */
  obtainProducer(transactionalId: string, options?: AdminCallOptions): Promise<ProducerIdentity> {
    return obtainProducer(this.#cluster, { transactionalId, clock: this.#clock, ...options });
  }

  /** Returns the new epoch, once every partition's leader refuses the older ones. */
  fencePartitions(fence: Fence, options?: AdminCallOptions): Promise<number> {
    return fencePartitions(this.#cluster, fence, { clock: this.#clock, ...options });
  }

  /** All on topics and groups. Throws SECURITY_DISABLED where the cluster has no authorizer. */
  listAcls(options?: AdminCallOptions): Promise<AclBinding[]> {
    return listAcls(this.#cluster, options);
  }

  addAcls(bindings: readonly AclBinding[], options?: AdminCallOptions): Promise<void> {
    return addAcls(this.#cluster, bindings, options);
  }

  /** Deletes exactly these; one that is not there changes nothing. */
  deleteAcls(bindings: readonly AclBinding[], options?: AdminCallOptions): Promise<void> {
    return deleteAcls(this.#cluster, bindings, options);
  }
}
