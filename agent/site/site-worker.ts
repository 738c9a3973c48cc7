import type { Clock } from '../../common/clock.js';
import { describeError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import { AdminClient } from '../../kafka/admin/admin-client.js';
import { emitPeriodically, SideTopic } from '../../kafka/admin/side-topic.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import type { FlowConfig } from '../../mirror/config/mirror-config.js';
import { heartbeatRecord } from '../../mirror/heartbeats.js';
import type { AgentMessage, GroupOffset } from '../../proto/gen/mirror/v1/agent.js';
import { changedOffsets } from './changed-offsets.js';
import { selectTopics } from './select-topics.js';

/** Topics and partitions are looked at this often: new ones are copied within seconds. */
const DISCOVERY_INTERVAL_MS = 2_000;

/** Committed offsets of groups are looked at this often. */
const GROUPS_INTERVAL_MS = 500;

export interface SiteWorkerOptions {
  flow: FlowConfig;
  /** The pair whose heartbeats are to be written to the source, if any. */
  heartbeats: FlowConfig | undefined;
  source: KafkaCluster;
  clock: Clock;
  log: Logger;
  /** False when nobody took it: it is said again after the next welcome. */
  send: (message: NonNullable<AgentMessage['message']>) => boolean;
}

/**
 * What one agent does for a flow's whole source cluster: finds the topics to copy, and watches what
 * the consumer groups commit. Unknown is never reported as empty: a look that fails reports nothing.
 */
export class SiteWorker {
  readonly #options: SiteWorkerOptions;
  readonly #admin: AdminClient;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>[] = [];
  #inventory = '';
  readonly #offsets = new Map<string, GroupOffset>();

  constructor(options: SiteWorkerOptions) {
    this.#options = options;
    this.#admin = new AdminClient({ cluster: options.source, clock: options.clock });
  }

  start(): void {
    this.#running.push(
      this.#every(DISCOVERY_INTERVAL_MS, 'topics', (signal) => this.#discover(signal)),
      this.#every(GROUPS_INTERVAL_MS, 'groups', (signal) => this.#readGroups(signal)),
      this.#emitHeartbeats(),
    );
  }

  /** A new session knows nothing: the next looks report everything. */
  repeatAll(): void {
    this.#inventory = '';
    this.#offsets.clear();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
  }

  async #every(
    intervalMs: number,
    what: string,
    look: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await look(signal);
      } catch (error) {
        if (signal.aborted) return;
        log.warn({ what, error: describeError(error) }, 'the source cannot be looked at');
      }
      await clock.sleep(intervalMs, signal).catch(() => undefined);
    }
  }

  async #emitHeartbeats(): Promise<void> {
    const { heartbeats: flow, source: cluster, clock, log } = this.#options;
    if (flow === undefined) return;
    const replicationFactor = flow.heartbeatsTopicReplicationFactor;
    const topic = new SideTopic({
      cluster,
      topic: flow.policy.heartbeatsTopic(),
      replicationFactor,
    });
    const intervalMs = flow.emitHeartbeatsIntervalMs;
    const records = () => [heartbeatRecord(flow, clock.wallMs())];
    await emitPeriodically({ topic, intervalMs, records, clock, log }, this.#stop.signal);
  }

  async #discover(signal: AbortSignal): Promise<void> {
    const { flow, source, send } = this.#options;
    const metadata = await source.metadata(null, { signal });
    const topics = selectTopics(flow, metadata);
    const inventory = JSON.stringify(topics);
    if (inventory === this.#inventory) return;
    if (send({ $case: 'inventory', value: { flow: flow.id, topics } })) this.#inventory = inventory;
  }

  async #readGroups(signal: AbortSignal): Promise<void> {
    const { flow, send } = this.#options;
    const groups: string[] = [];
    for (const { groupId } of await this.#admin.listGroups({ signal })) {
      if (flow.groupFilter.accepts(groupId)) groups.push(groupId);
    }
    if (groups.length === 0) return;
    const committed = await this.#admin.groupOffsets(groups, { signal });
    const changed = changedOffsets(flow, committed, this.#offsets);
    if (changed.length === 0) return;
    if (!send({ $case: 'groupOffsets', value: { flow: flow.id, offsets: changed } })) return;
    for (const offset of changed) {
      this.#offsets.set(`${offset.group}|${offset.topic}|${offset.partition}`, offset);
    }
  }
}
