import type { Clock } from '../../common/clock.js';
import { describeError, MirrorError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import { AdminClient } from '../../kafka/admin/admin-client.js';
import { KafkaCluster } from '../../kafka/client/index.js';
import { requestTimeoutMs, securityOf } from '../../kafka/client/security-options.js';
import { FAILBACK_SUFFIX } from '../../mirror/flow.js';
import type { FlowConfig, MirrorConfig } from '../../mirror/config/mirror-config.js';
import { agentRelay, RELAY_BOOTSTRAP_SERVER } from './agent-relay.js';
import { AGENT_WAIT_MAX_MS, type SiteTasks } from './site-tasks.js';

/** A relay that waits for an agent says so itself. */
const RELAY_CONNECT_MS_MAX = AGENT_WAIT_MAX_MS + 5_000;

export interface TargetOpenerOptions {
  /** Asked at each opening: a reload may have changed it. */
  readonly config: () => MirrorConfig;
  /** Of the present term; throws while another coordinator leads. */
  readonly siteTasks: () => Pick<SiteTasks, 'run'>;
  readonly clientId: string;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface ConnectedTarget {
  readonly cluster: KafkaCluster;
  readonly admin: AdminClient;
}

/** Reaches the target of a flow. The sockets are whoever's that calls. */
export type ConnectTarget = (flow: FlowConfig, signal: AbortSignal) => Promise<ConnectedTarget>;

/**
 * The old primary of a failback is a site's cluster, which this coordinator need not reach: then the
 * site's agent sends the requests. Every other target is reached from here, and its sockets are
 * closed as yet.
 */
export function targetConnector(options: TargetOpenerOptions): ConnectTarget {
  return async (flow, signal) => {
    if (!flow.id.endsWith(FAILBACK_SUFFIX)) return connectDirectly(options, flow);
    const servers = options.config().clusters.get(flow.target)?.bootstrapServers ?? [];
    if (servers.length === 0) return connectThroughAgents(options, flow);
    const direct = connectDirectly(options, flow);
    const problem = await problemOf(direct, signal);
    if (problem === undefined) return direct;
    await direct.cluster.close();
    const relayed = connectThroughAgents(options, flow);
    if ((await problemOf(relayed, signal)) === undefined) {
      const { log } = options;
      log.info({ flow: flow.id, cluster: flow.target, problem }, 'reached through an agent');
      return relayed;
    }
    await relayed.cluster.close();
    return connectDirectly(options, flow); // nobody reaches it: whoever asks it next is told so
  };
}

function connectDirectly(options: TargetOpenerOptions, flow: FlowConfig): ConnectedTarget {
  const { config, clientId, clock, log } = options;
  const alias = flow.target;
  const client = config().clusters.get(alias);
  const properties = { ...client?.client, ...flow.targetAdmin };
  const cluster = new KafkaCluster({
    ...{ alias, clock, log },
    clientId: properties['client.id'] ?? clientId,
    bootstrapServers: client?.bootstrapServers ?? [],
    security: securityOf(alias, properties),
    requestTimeoutMs: requestTimeoutMs(properties),
  });
  return { cluster, admin: new AdminClient({ cluster, clock }) };
}

function connectThroughAgents(options: TargetOpenerOptions, flow: FlowConfig): ConnectedTarget {
  const { clientId, clock, log, siteTasks } = options;
  const cluster = new KafkaCluster({
    ...{ alias: flow.target, clientId, clock, log },
    bootstrapServers: [RELAY_BOOTSTRAP_SERVER],
    relay: agentRelay(flow, siteTasks),
    connectTimeoutMs: RELAY_CONNECT_MS_MAX,
  });
  return { cluster, admin: new AdminClient({ cluster, clock }) };
}

/** In words, why a cluster does not answer; undefined if it does. Closes it if it throws. */
async function problemOf(
  { cluster }: ConnectedTarget,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    await cluster.metadata([], { signal });
    return undefined;
  } catch (error) {
    if (signal.aborted || !(error instanceof MirrorError)) {
      await cluster.close();
      throw error;
    }
    return describeError(error);
  }
}
