import type { Clock } from '../../common/clock.js';
import { describeError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import { AdminClient } from '../../kafka/admin/admin-client.js';
import { emitPeriodically, SideTopic } from '../../kafka/admin/side-topic.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import type { FlowConfig } from '../../mirror/config/mirror-config.js';
import { heartbeatRecord } from '../../mirror/heartbeats.js';
import type { AgentMessage } from '../../proto/gen/mirror/v1/agent.js';
import { GroupWatch } from './group-watch.js';
import { selectTopics } from './select-topics.js';

/** Topics and partitions are looked at this often: new ones are copied within seconds. */
const DISCOVERY_INTERVAL_MS = 2_000;

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
  readonly #groups: GroupWatch;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>[] = [];
  #inventory = '';
  /** Why the source cannot be looked at; empty while it can. */
  #problem = '';
  #problemTold = true;

  constructor(options: SiteWorkerOptions) {
    this.#options = options;
    const { flow, source, clock, log, send } = options;
    this.#groups = new GroupWatch({
      ...{ flow, source, clock, log },
      admin: new AdminClient({ cluster: source, clock }),
      send: (offsets) => send({ $case: 'groupOffsets', value: { flow: flow.id, offsets } }),
    });
  }

  start(): void {
    this.#running.push(
      this.#every(DISCOVERY_INTERVAL_MS, 'topics', (signal) => this.#discover(signal)),
      this.#groups.run(this.#stop.signal),
      this.#emitHeartbeats(),
    );
  }

  /** A new session knows nothing: the next looks report everything. */
  repeatAll(): void {
    this.#inventory = '';
    this.#problemTold = false;
    this.#groups.repeatAll();
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
        this.#tell('');
      } catch (error) {
        if (signal.aborted) return;
        const reason = describeError(error);
        // Said once: an outage of hours would fill the log with one sentence.
        if (this.#tell(reason)) log.warn({ what, error: reason }, 'the source cannot be looked at');
      }
      await clock.sleep(intervalMs, signal).catch(() => undefined);
    }
  }

  /** True if that is news. */
  #tell(message: string): boolean {
    const isNews = message !== this.#problem;
    this.#problem = message;
    const { flow, send } = this.#options;
    if (isNews || !this.#problemTold)
      this.#problemTold = send({ $case: 'siteProblem', value: { flow: flow.id, message } });
    return isNews;
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
}
