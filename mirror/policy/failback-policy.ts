import { NameFilter } from './name-filter.js';
import type { ReplicationPolicy } from './replication-policy.js';

/** After a source's alias, in the internal topics of a failback: those of a plain flow stay apart. */
const INTERNAL_SUFFIX = '-failback';

/**
 * The names of a flow the other way round: what lies as `A.orders` on B goes back into `orders` on A,
 * which is the topic that it once came from. Everything else is as the flow's own policy has it.
 */
export class FailbackPolicy implements ReplicationPolicy {
  readonly name: ReplicationPolicy['name'];
  readonly #base: ReplicationPolicy;
  /** The cluster that topics go back to. */
  readonly #home: string;

  constructor(base: ReplicationPolicy, home: string) {
    this.name = base.name;
    this.#base = base;
    this.#home = home;
  }

  /** Only of topics that `isCopy` accepts: any other has no place to go back to. */
  formatRemoteTopic(_sourceAlias: string, topic: string): string {
    return this.isCopy(topic) ? (this.#base.upstreamTopic(topic) ?? topic) : topic;
  }

  /** Whether the flow, as it was before, would have given a topic of its source this name. */
  isCopy(topic: string): boolean {
    const upstream = this.#base.upstreamTopic(topic);
    return upstream !== null && this.#base.formatRemoteTopic(this.#home, upstream) === topic;
  }

  /** Nothing tells a topic that came back from one that never left. */
  topicSource(_topic: string): string | null {
    return null;
  }

  upstreamTopic(topic: string): string | null {
    return this.#base.formatRemoteTopic(this.#home, topic);
  }

  originalTopic(topic: string): string {
    return this.#base.originalTopic(topic);
  }

  isHeartbeatsTopic(topic: string): boolean {
    return this.#base.isHeartbeatsTopic(topic);
  }

  isCheckpointsTopic(topic: string): boolean {
    return this.#base.isCheckpointsTopic(topic);
  }

  isMM2InternalTopic(topic: string): boolean {
    return this.#base.isMM2InternalTopic(topic);
  }

  isInternalTopic(topic: string): boolean {
    return this.#base.isInternalTopic(topic);
  }

  heartbeatsTopic(): string {
    return this.#base.heartbeatsTopic();
  }

  offsetSyncsTopic(alias: string): string {
    return this.#base.offsetSyncsTopic(alias + INTERNAL_SUFFIX);
  }

  checkpointsTopic(sourceAlias: string): string {
    return this.#base.checkpointsTopic(sourceAlias + INTERNAL_SUFFIX);
  }

  offsetMapTopic(sourceAlias: string): string {
    return this.#base.offsetMapTopic(sourceAlias + INTERNAL_SUFFIX);
  }

  groupPositionsTopic(sourceAlias: string): string {
    return this.#base.groupPositionsTopic(sourceAlias + INTERNAL_SUFFIX);
  }

  quarantineTopic(sourceAlias: string): string {
    return this.#base.quarantineTopic(sourceAlias + INTERNAL_SUFFIX);
  }

  /** It is meant to go back; the flow itself stands still meanwhile. */
  wouldCycle(): boolean {
    return false;
  }
}

/** Names on the target of a flow whose names on its source the flow's own filter accepts. */
export class FailbackTopicFilter extends NameFilter {
  readonly #policy: FailbackPolicy;
  /** As on the cluster that topics go back to. */
  readonly #leftOut: ReadonlySet<string>;

  constructor(base: NameFilter, policy: FailbackPolicy, leftOut: ReadonlySet<string>) {
    super(base.include, base.exclude);
    this.#policy = policy;
    this.#leftOut = leftOut;
  }

  /** Heartbeats are no records of applications, and keep coming. */
  override accepts(name: string): boolean {
    if (!this.#policy.isCopy(name) || this.#policy.isHeartbeatsTopic(name)) return false;
    const home = this.#policy.formatRemoteTopic('', name);
    return !this.#leftOut.has(home) && super.accepts(home);
  }
}
