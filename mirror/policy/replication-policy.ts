/**
 * How topics are named on the other side, and which topics belong to mirroring itself. The rules
 * are those of MirrorMaker 2 from 4.0 on, because both may run beside each other on one cluster.
 */
export interface ReplicationPolicy {
  readonly name: 'default' | 'identity';

  /** The name on the target of a topic that comes from `sourceAlias`. */
  formatRemoteTopic(sourceAlias: string, topic: string): string;

  /** The cluster that a topic was copied from; null if it was not, or if names cannot tell. */
  topicSource(topic: string): string | null;

  /** The name that a copied topic has on its source; null if it was not copied. */
  upstreamTopic(topic: string): string | null;

  /** The name a topic had where it was first written, however many hops ago. */
  originalTopic(topic: string): string;

  isHeartbeatsTopic(topic: string): boolean;
  isCheckpointsTopic(topic: string): boolean;

  /** Offset syncs, offset maps, checkpoints and the topics of Connect. */
  isMM2InternalTopic(topic: string): boolean;

  /** Those, and what Kafka keeps for itself. None of them is ever copied. */
  isInternalTopic(topic: string): boolean;

  heartbeatsTopic(): string;

  /** On the source, `alias` is the target's; on the target, the source's (KIP-716). */
  offsetSyncsTopic(alias: string): string;
  checkpointsTopic(sourceAlias: string): string;

  /** Ours: the exact map of offsets. Its affixes make MirrorMaker 2 leave it alone, too. */
  offsetMapTopic(sourceAlias: string): string;

  /** Ours: where groups stand, for flows that write no checkpoints. */
  groupPositionsTopic(sourceAlias: string): string;

  /** Ours: records of a source that never crossed before its target was promoted. */
  quarantineTopic(sourceAlias: string): string;

  /** Whether a copy to `targetAlias` would bring records back to a cluster they came through. */
  wouldCycle(topic: string, targetAlias: string): boolean;
}

export interface ReplicationPolicyOptions {
  /** Between the alias and the topic. May be longer than one character. */
  readonly separator: string;

  /** Whether internal topics use the separator as well (KIP-949), or always a dot. */
  readonly internalTopicSeparatorEnabled: boolean;
}

const HEARTBEATS_TOPIC = 'heartbeats';

/** `orders` from `us-east` is `us-east.orders` on the target. */
export class DefaultReplicationPolicy implements ReplicationPolicy {
  readonly name: 'default' | 'identity' = 'default';
  readonly #separator: string;
  readonly #internalSeparator: string;

  constructor(options: ReplicationPolicyOptions) {
    this.#separator = options.separator;
    this.#internalSeparator = options.internalTopicSeparatorEnabled ? options.separator : '.';
  }

  formatRemoteTopic(sourceAlias: string, topic: string): string {
    return `${sourceAlias}${this.#separator}${topic}`;
  }

  topicSource(topic: string): string | null {
    if (this.#separator === '') return null;
    const end = topic.indexOf(this.#separator);
    if (end === -1) return null;
    // Java's split drops empty parts at the end, so that `orders.` is no remote topic to MM2.
    const rest = topic.slice(end).replaceAll(this.#separator, '');
    return rest === '' ? null : topic.slice(0, end);
  }

  upstreamTopic(topic: string): string | null {
    const source = this.topicSource(topic);
    return source === null ? null : topic.slice(source.length + this.#separator.length);
  }

  originalTopic(topic: string): string {
    // Ends because every step upstream makes the name shorter.
    for (let current = topic; ;) {
      const upstream = this.upstreamTopic(current);
      if (upstream === null || upstream === current) return current;
      current = upstream;
    }
  }

  isHeartbeatsTopic(topic: string): boolean {
    return this.originalTopic(topic) === HEARTBEATS_TOPIC;
  }

  isCheckpointsTopic(topic: string): boolean {
    const separator = this.#internalSeparator;
    return topic.endsWith(`${separator}checkpoints${separator}internal`);
  }

  isMM2InternalTopic(topic: string): boolean {
    const isMm2 = topic.startsWith('mm2') && topic.endsWith(`${this.#internalSeparator}internal`);
    return isMm2 || this.isCheckpointsTopic(topic);
  }

  isInternalTopic(topic: string): boolean {
    return topic.startsWith('__') || topic.startsWith('.') || this.isMM2InternalTopic(topic);
  }

  heartbeatsTopic(): string {
    return HEARTBEATS_TOPIC;
  }

  offsetSyncsTopic(alias: string): string {
    return this.#internalTopic('mm2-offset-syncs', alias);
  }

  checkpointsTopic(sourceAlias: string): string {
    return this.#internalTopic(sourceAlias, 'checkpoints');
  }

  offsetMapTopic(sourceAlias: string): string {
    return this.#internalTopic('mm2-offset-map', sourceAlias);
  }

  groupPositionsTopic(sourceAlias: string): string {
    return this.#internalTopic('mm2-group-positions', sourceAlias);
  }

  quarantineTopic(sourceAlias: string): string {
    return this.#internalTopic('mm2-quarantine', sourceAlias);
  }

  wouldCycle(topic: string, targetAlias: string): boolean {
    for (let current = topic; ;) {
      const source = this.topicSource(current);
      if (source === null) return false;
      if (source === targetAlias) return true;
      const upstream = this.upstreamTopic(current);
      if (upstream === null || upstream === current) return false;
      current = upstream;
    }
  }

  #internalTopic(first: string, second: string): string {
    return [first, second, 'internal'].join(this.#internalSeparator);
  }
}

/**
 * Topics keep their names; heartbeats alone get the alias, so that those of several sources stay
 * apart. Names then say nothing about origin: the configuration must rule out cycles.
 */
export class IdentityReplicationPolicy extends DefaultReplicationPolicy {
  override readonly name = 'identity';

  override formatRemoteTopic(sourceAlias: string, topic: string): string {
    return looksLikeHeartbeats(topic) ? super.formatRemoteTopic(sourceAlias, topic) : topic;
  }

  override topicSource(topic: string): string | null {
    return looksLikeHeartbeats(topic) ? super.topicSource(topic) : null;
  }

  override upstreamTopic(topic: string): string | null {
    return looksLikeHeartbeats(topic) ? super.upstreamTopic(topic) : topic;
  }
}

/** The test MirrorMaker 2 uses: by the end of the name alone. */
function looksLikeHeartbeats(topic: string): boolean {
  return topic.endsWith(HEARTBEATS_TOPIC);
}
