import type { Problem } from '../../common/config/problems.js';
import type { Properties } from '../../common/config/properties.js';
import type { FlowId } from '../flow.js';
import type { NameFilter, PatternList } from '../policy/name-filter.js';
import type { ReplicationPolicy } from '../policy/replication-policy.js';
import type { StartOffset } from '../start-offset.js';

/** Options of Kafka's clients as written, `sasl.mechanism` -> `PLAIN`. May hold secrets. */
export type ClientProperties = Readonly<Record<string, string>>;

/** A validated configuration. All times are milliseconds. */
export interface MirrorConfig {
  readonly clusters: ReadonlyMap<string, ClusterConfig>;

  /**
   * The flows that the file names, and the reverse of every enabled one; not all ordered pairs,
   * which for a thousand sites would be a million. A pair that is not here is disabled.
   */
  readonly flows: readonly FlowConfig[];
  readonly coordinator: CoordinatorConfig;
  readonly warnings: readonly Problem[];

  /** The properties that are understood, references unresolved. Holds secrets; do not print. */
  readonly properties: Properties;

  /**
   * Keys of flows that a reload let keep their names, which are not those of the file any more until the
   * process is started again. Over `properties`, for whoever loads them elsewhere.
   */
  readonly keptNames?: ReadonlyMap<string, string>;
}

export interface ClusterConfig {
  readonly alias: string;

  /** `host:port`; empty where only an agent knows them. */
  readonly bootstrapServers: readonly string[];

  /** `<alias>.x` over the security options of the whole file; no role, no bootstrap servers. */
  readonly client: ClientProperties;
}

export interface FlowConfig {
  readonly id: FlowId;
  readonly source: string;
  readonly target: string;
  readonly enabled: boolean;

  readonly policy: ReplicationPolicy;
  readonly topicFilter: NameFilter;
  readonly groupFilter: NameFilter;

  /** Topic configurations that are not copied. */
  readonly configPropertiesExclude: PatternList;
  readonly useDefaultsFrom: 'source' | 'target';

  /** Of topics created on the target; -1 means the broker's default. */
  readonly replicationFactor: number;
  readonly offsetSyncsTopicReplicationFactor: number;
  readonly checkpointsTopicReplicationFactor: number;
  readonly heartbeatsTopicReplicationFactor: number;

  readonly refreshTopicsEnabled: boolean;
  readonly refreshTopicsIntervalMs: number;
  readonly refreshGroupsEnabled: boolean;
  readonly refreshGroupsIntervalMs: number;
  readonly syncTopicConfigsEnabled: boolean;
  readonly syncTopicConfigsIntervalMs: number;
  readonly syncTopicAclsEnabled: boolean;
  readonly syncTopicAclsIntervalMs: number;

  /** Literal topic ACLs only, as MM2 has it; or those on prefixes, all topics and groups as well. */
  readonly syncTopicAclsScope: 'literal' | 'all';

  /** Of the copies of topics that the source no longer has. */
  readonly topicDeletionPolicy: 'keep' | 'delete';
  readonly topicDeletionQuarantineMs: number;
  readonly syncGroupOffsetsEnabled: boolean;
  readonly syncGroupOffsetsIntervalMs: number;
  readonly emitCheckpointsEnabled: boolean;
  readonly emitCheckpointsIntervalMs: number;
  readonly emitHeartbeatsEnabled: boolean;
  readonly emitHeartbeatsIntervalMs: number;
  readonly heartbeatsReplicationEnabled: boolean;
  readonly emitOffsetSyncsEnabled: boolean;

  /** Bounds how far apart MM2's offset syncs are; our own map is exact whatever it says. */
  readonly offsetLagMax: number;
  readonly offsetSyncsTopicLocation: 'source' | 'target';

  /** Where a partition begins that has never been copied: `auto.offset.reset` of the consumer. */
  readonly startOffset: StartOffset;

  /** What one agent may fetch for it; zero is no limit. */
  readonly bandwidthBytesPerSecond: number;

  readonly adminTimeoutMs: number;
  readonly consumerPollTimeoutMs: number;

  /** Where a MirrorMaker 2 on this pair kept its progress; read once, to take over from it. */
  readonly connectOffsetsTopic: string;

  /** The group of its workers, which has members on the target while it runs. */
  readonly connectGroup: string;

  /** What each client takes over its cluster's `client`; security is complete in itself. */
  readonly sourceConsumer: ClientProperties;
  readonly sourceAdmin: ClientProperties;
  readonly targetProducer: ClientProperties;
  readonly targetAdmin: ClientProperties;
}

/** Paths of PEM files. */
export interface TlsFiles {
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
}

export interface CoordinatorConfig {
  /** Null: the caller chooses, for example the name of the host. */
  readonly id: string | null;

  /** `host:port`, as are all addresses here. Port 0 asks for any free one. */
  readonly listen: string;

  /** What standbys and agents are told to call; null: the bound address. */
  readonly advertisedListen: string | null;
  readonly httpListen: string;
  readonly tls: TlsFiles;

  /** Empty in a standalone process. */
  readonly etcdEndpoints: readonly string[];

  /** Begins every key of the store; has no slash at its end. */
  readonly etcdPrefix: string;
  readonly etcdUser: string | null;
  readonly etcdPassword: string | null;
  readonly etcdTls: TlsFiles;
  readonly leaseTtlMs: number;
}
