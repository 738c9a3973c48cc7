import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { SourceFacts, type TopicConfigFacts } from '../../../coordinator/target/source-facts.js';
import { FlowTarget } from '../../../coordinator/target/flow-target.js';
import type { FlowTargetOptions } from '../../../coordinator/target/flow-target-parts.js';
import { AdminClient } from '../../../kafka/admin/admin-client.js';
import type { KafkaCluster } from '../../../kafka/client/index.js';
import type { FlowConfig } from '../../../mirror/config/mirror-config.js';
import { loadMirrorConfig } from '../../../mirror/config/mm2-config.js';
import { eventually } from '../../kit/eventually.js';
import { clusterOf } from '../../kafka/records/on-broker.js';

export const NEVER = new AbortController().signal;

/** A source topic's id; nothing asks the source for it. */
export const SOURCE_TOPIC_ID = '00112233-4455-6677-8899-aabbccddeeff';

/** Each test takes an alias of its own, so that one broker serves them all. */
export function flowFrom(source: string, ...lines: string[]): FlowConfig {
  const text = [
    `clusters = ${source}, west`,
    `${source}.bootstrap.servers = s:9092`,
    'west.bootstrap.servers = t:9092',
    `${source}->west.enabled = true`,
    'replication.factor = 1',
    'offset-syncs.topic.replication.factor = 1',
    'checkpoints.topic.replication.factor = 1',
    ...lines,
  ].join('\n');
  const config = loadMirrorConfig({ path: 'f', text, requireSourceBootstrap: true });
  const flow = config.flows.find(({ enabled }) => enabled);
  if (flow === undefined) throw new TypeError('no flow');
  return flow;
}

const NO_CONFIGS: TopicConfigFacts = {
  ...{ values: new Map(), names: new Set(), kept: new Set(), problem: undefined },
};

/** As if an agent had told of every topic that it has no configuration of its own. */
export class PlainTopics extends SourceFacts {
  override configsOf(): TopicConfigFacts {
    return NO_CONFIGS;
  }
}

/** A coordinator's view of the target: its own sockets, as in a process of its own. */
export class TargetProcess implements AsyncDisposable {
  readonly cluster: KafkaCluster;
  /** The real client without any of the faults. */
  readonly realAdmin: AdminClient;
  readonly admin: AdminClient;
  /** Methods to be called instead of the real ones: for what a broker does once in a blue moon. */
  faults: Partial<
    Pick<AdminClient, 'fencePartitions' | 'commitGroupOffsets' | 'listGroups' | 'groupOffsets'>
  > = {};
  readonly bootstrapServers: string;
  readonly #opened: FlowTarget[] = [];

  constructor(bootstrapServers: string) {
    this.bootstrapServers = bootstrapServers;
    this.cluster = clusterOf(bootstrapServers);
    const real = new AdminClient({ cluster: this.cluster, clock: systemClock });
    this.realAdmin = real;
    this.admin = new Proxy(real, {
      get: (_, name) => {
        const fault: unknown = Reflect.get(this.faults, name);
        const member: unknown = fault ?? Reflect.get(real, name, real);
        return typeof member === 'function' ? (member as () => unknown).bind(real) : member;
      },
    });
  }

  async open(flow: FlowConfig, change: Partial<FlowTargetOptions> = {}): Promise<FlowTarget> {
    const { cluster, admin } = this;
    const facts = new PlainTopics();
    const options = {
      flow,
      cluster,
      admin,
      facts,
      term: 1n,
      clock: systemClock,
      log: silentLogger,
    };
    const target = await FlowTarget.open({ ...options, ...change }, NEVER);
    this.#opened.push(target);
    return target;
  }

  /** Resolves when the broker knows: the controller answers before that. */
  async deleteTopic(name: string): Promise<void> {
    await this.admin.deleteTopic(name);
    await eventually(async () => {
      const { topics } = await this.cluster.metadata([name]);
      return topics.get(name)?.partitions.length === 0;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const target of this.#opened) await target.close();
    await this.cluster.close();
  }
}
