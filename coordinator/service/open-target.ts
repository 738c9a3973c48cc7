import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import { AdminClient } from '../../kafka/admin/admin-client.js';
import { KafkaCluster } from '../../kafka/client/index.js';
import { securityOf } from '../../kafka/client/security-options.js';
import type { MirrorConfig } from '../../mirror/config/mirror-config.js';
import { FlowTarget } from '../target/flow-target.js';
import { startHeartbeats } from '../target/heartbeats.js';
import type { OpenedFlowTarget, OpenFlowTarget } from './flow-target-port.js';

export interface TargetOpenerOptions {
  /** Asked at each opening: a reload may have changed it. */
  readonly config: () => MirrorConfig;
  readonly clientId: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A flow's target on its Kafka cluster, with the sockets that it alone uses. */
export interface ConnectedFlowTarget extends OpenedFlowTarget {
  readonly target: FlowTarget;
  readonly cluster: KafkaCluster;
  readonly admin: AdminClient;
}

/** How a leader opens the target of a flow. */
export function targetOpener(options: TargetOpenerOptions): OpenFlowTarget<ConnectedFlowTarget> {
  const { config, clientId, clock, log } = options;
  return async ({ flow, term }, signal) => {
    const alias = flow.target;
    const client = config().clusters.get(alias);
    const cluster = new KafkaCluster({
      ...{ alias, clientId, clock, log },
      bootstrapServers: client?.bootstrapServers ?? [],
      security: securityOf(alias, { ...client?.client, ...flow.targetAdmin }),
    });
    const admin = new AdminClient({ cluster, clock });
    try {
      const target = await FlowTarget.open({ flow, cluster, admin, term, clock, log }, signal);
      const heartbeats = startHeartbeats({ flow, cluster, clock, log });
      const close = async (): Promise<void> => {
        await heartbeats.close();
        await target.close();
        await cluster.close();
      };
      return { target, cluster, admin, close };
    } catch (error) {
      await cluster.close();
      throw error;
    }
  };
}
