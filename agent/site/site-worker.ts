import type { Clock } from '../../common/clock.js';
import { describeError, MirrorError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import { AdminClient } from '../../kafka/admin/admin-client.js';
import { emitPeriodically, SideTopic } from '../../kafka/admin/side-topic.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import type { FlowConfig } from '../../mirror/config/mirror-config.js';
import { heartbeatRecord } from '../../mirror/heartbeats.js';
import type { AgentMessage, InventoryTopic } from '../../proto/gen/mirror/v1/agent.js';
import { AclLook } from './acl-look.js';
import { ConfigLook } from './config-look.js';
import { GroupWatch } from './group-watch.js';
import { MissingTopicsLook } from './missing-topics.js';
import { selectTopics } from './select-topics.js';

/**
 * Topics and partitions are looked at this often: new ones are copied within seconds. MM2's
 * `refresh.topics.interval.seconds` (600) makes it more often, but never less.
 */
const DISCOVERY_INTERVAL_MS_MAX = 2_000;
const DISCOVERY_INTERVAL_MS_MIN = 500;

/** How often it is looked whether a look at the ACLs is due. */
const ACL_CHECK_MS = 500;

export interface SiteWorkerOptions {
  flow: FlowConfig;
  /** The pair whose heartbeats are to be written to the source, if any. */
  heartbeats: FlowConfig | undefined;
  source: KafkaCluster;
  clock: Clock;
  log: Logger;
  /** Source topics that the flow has a copy of already. */
  mirroredTopics: readonly string[];
  /** Told what right the heartbeats lack; see `emitPeriodically`. */
  onMissingRight: (right: string) => void;
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
  readonly #configs: ConfigLook;
  readonly #acls: AclLook;
  readonly #missing: MissingTopicsLook;
  /** As listed last; undefined before the first listing. */
  #topics: InventoryTopic[] | undefined;
  #inventory = '';
  /** Looks at the topics take turns, so that an older list never follows a newer one. */
  #discovering: Promise<unknown> = Promise.resolve();
  /** Why the source cannot be looked at, by what was looked for. */
  readonly #problems = new Map<string, string>();
  /** Why its groups are not followed. */
  #groupProblem = '';
  /** False at first: a coordinator may still know of a trouble of who had the site before. */
  #problemTold = false;

  constructor(options: SiteWorkerOptions) {
    this.#options = options;
    const { flow, source, clock, log, send, mirroredTopics } = options;
    const admin = new AdminClient({ cluster: source, clock });
    this.#groups = new GroupWatch({
      ...{ flow, source, clock, log, admin },
      send: (offsets) => send({ $case: 'groupOffsets', value: { flow: flow.id, offsets } }),
      trouble: (problem) => {
        this.#groupProblem = problem;
        this.#sendProblem();
      },
    });
    this.#configs = new ConfigLook({
      ...{ flow, admin, clock },
      send: (value) => send({ $case: 'topicConfigs', value }),
    });
    this.#acls = new AclLook({
      ...{ flow, admin, clock, log },
      send: (value) => send({ $case: 'sourceAcls', value }),
    });
    this.#missing = new MissingTopicsLook({
      ...{ flow, source, clock, mirrored: mirroredTopics },
      send: (value) => send({ $case: 'missingTopics', value }),
    });
  }

  start(): void {
    this.#running.push(
      this.#every(this.#discoveryIntervalMs, 'topics', async (signal) => {
        await this.#discover(signal);
        return true;
      }),
      this.#every(ACL_CHECK_MS, 'acls', (signal) => this.#acls.look(signal)),
      this.#groups.run(this.#stop.signal),
      this.#emitHeartbeats(),
    );
  }

  /** A new session knows nothing: the next looks report everything. */
  repeatAll(): void {
    this.#inventory = '';
    this.#problemTold = false;
    this.#groups.repeatAll();
    this.#configs.repeatAll();
    this.#acls.repeatAll();
    this.#missing.repeatAll();
  }

  /**
   * Resolves once it is reported which topics there were when this was called, and all that groups had
   * committed by then; to those topics.
   */
  async reportGroups(signal: AbortSignal): Promise<readonly InventoryTopic[]> {
    const either = AbortSignal.any([signal, this.#stop.signal]);
    if (!(await this.#discover(either))) throw new NotTakenError();
    await this.#groups.reportNow(either);
    return this.#topics ?? [];
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
  }

  async #every(
    intervalMs: number,
    what: string,
    look: (signal: AbortSignal) => Promise<boolean>,
  ): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        if (await look(signal)) this.#tell(what, '');
      } catch (error) {
        if (signal.aborted) return;
        const reason = describeError(error);
        // Said once: an outage of hours would fill the log with one sentence.
        if (this.#tell(what, reason))
          log.warn({ what, error: reason }, 'the source cannot be looked at');
      }
      await clock.sleep(intervalMs, signal).catch(() => undefined);
    }
  }

  /** True if that is news. One look's success says nothing of the others. */
  #tell(what: string, problem: string): boolean {
    const isNews = problem !== (this.#problems.get(what) ?? '');
    if (problem === '') this.#problems.delete(what);
    else this.#problems.set(what, problem);
    if (isNews || !this.#problemTold) this.#sendProblem();
    return isNews;
  }

  #sendProblem(): void {
    const { flow, send } = this.#options;
    const [message = ''] = this.#problems.values();
    const value = { flow: flow.id, message, groups: this.#groupProblem };
    this.#problemTold = send({ $case: 'siteProblem', value });
  }

  async #emitHeartbeats(): Promise<void> {
    const { heartbeats: flow, source: cluster, clock, log, onMissingRight } = this.#options;
    if (flow === undefined) return;
    const replicationFactor = flow.heartbeatsTopicReplicationFactor;
    const topic = new SideTopic({
      cluster,
      topic: flow.policy.heartbeatsTopic(),
      replicationFactor,
    });
    const intervalMs = flow.emitHeartbeatsIntervalMs;
    const records = () => [heartbeatRecord(flow, clock.wallMs())];
    const emit = { topic, intervalMs, records, clock, log, onMissingRight };
    await emitPeriodically(emit, this.#stop.signal);
  }

  get #discoveryIntervalMs(): number {
    const { flow } = this.#options;
    const syncMs = flow.syncTopicConfigsEnabled ? flow.syncTopicConfigsIntervalMs : Infinity;
    const askedMs = Math.min(flow.refreshTopicsIntervalMs, syncMs, DISCOVERY_INTERVAL_MS_MAX);
    return Math.max(askedMs, DISCOVERY_INTERVAL_MS_MIN);
  }

  #discover(signal: AbortSignal): Promise<boolean> {
    const result = this.#discovering.then(() => this.#discoverNow(signal));
    this.#discovering = result.catch(() => undefined);
    return result;
  }

  /**
   * Configurations go before the inventory: a topic is created with them. False when nobody took what
   * there is to say.
   */
  async #discoverNow(signal: AbortSignal): Promise<boolean> {
    const { flow, source, send } = this.#options;
    signal.throwIfAborted();
    let topics = this.#topics;
    // Without refreshing, what was found when the work began is all there ever is, as in MM2.
    if (topics === undefined || flow.refreshTopicsEnabled) {
      topics = selectTopics(flow, await source.metadata(null, { signal }));
      this.#topics = topics;
    }
    const names = topics.map(({ name }) => name);
    if (!(await this.#configs.look(names, signal))) return false;
    const inventory = JSON.stringify(topics);
    if (inventory !== this.#inventory) {
      if (!send({ $case: 'inventory', value: { flow: flow.id, topics } })) return false;
      this.#inventory = inventory;
    }
    if (flow.refreshTopicsEnabled) await this.#missing.look(new Set(names), signal);
    return true;
  }
}

/** The coordinator's stream is gone: what there is to say is said on the next one. */
class NotTakenError extends MirrorError {
  readonly code = 'MIRROR_SITE_NOT_TAKEN';
  readonly retriable = true;

  constructor() {
    super('no coordinator took what there is to say of the source');
  }
}
