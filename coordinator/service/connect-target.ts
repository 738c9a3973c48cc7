import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import { AdminClient } from '../../kafka/admin/admin-client.js';
import { KafkaCluster } from '../../kafka/client/index.js';
import { requestTimeoutMs, securityOf } from '../../kafka/client/security-options.js';
import type { FlowConfig, MirrorConfig } from '../../mirror/config/mirror-config.js';

export interface TargetOpenerOptions {
  /** Asked at each opening: a reload may have changed it. */
  readonly config: () => MirrorConfig;
  readonly clientId: string;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface ConnectedTarget {
  readonly cluster: KafkaCluster;
  readonly admin: AdminClient;
}

/** Sockets to the target of a flow, as yet closed; without an address nothing can be asked there. */
export function connectTarget(options: TargetOpenerOptions, flow: FlowConfig): ConnectedTarget {
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

/** How a failback reaches the old primary; undefined where the configuration has no address of it. */
export function targetConnector(
  options: TargetOpenerOptions,
): (flow: FlowConfig) => ConnectedTarget | undefined {
  return (flow) => {
    const client = options.config().clusters.get(flow.target);
    const isKnown = client !== undefined && client.bootstrapServers.length > 0;
    return isKnown ? connectTarget(options, flow) : undefined;
  };
}
