import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import { AdminClient } from '../../kafka/admin/admin-client.js';
import { KafkaCluster } from '../../kafka/client/index.js';
import { requestTimeoutMs, securityOf } from '../../kafka/client/security-options.js';
import type { MirrorConfig } from '../../mirror/config/mirror-config.js';
import type { GroupRow } from '../target/group-positions.js';
import type { GroupLook } from '../validation/group-validation.js';
import { lookAtGroup } from '../validation/look-at-group.js';
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
  /** Group positions whose checkpoints were written since it was opened. */
  readonly writtenCheckpoints: ReadonlySet<GroupRow>;
}

/** How a leader opens the target of a flow. */
export function targetOpener(options: TargetOpenerOptions): OpenFlowTarget<ConnectedFlowTarget> {
  const { config, clientId, clock, log } = options;
  return async ({ flow, term }, signal) => {
    const alias = flow.target;
    const client = config().clusters.get(alias);
    const options = { ...client?.client, ...flow.targetAdmin };
    const cluster = new KafkaCluster({
      ...{ alias, clock, log },
      clientId: options['client.id'] ?? clientId,
      bootstrapServers: client?.bootstrapServers ?? [],
      security: securityOf(alias, options),
      requestTimeoutMs: requestTimeoutMs(options),
    });
    const admin = new AdminClient({ cluster, clock });
    const writtenCheckpoints = new Set<GroupRow>();
    try {
      const target = await FlowTarget.open(
        { flow, cluster, admin, term, clock, log, writtenCheckpoints },
        signal,
      );
      const heartbeats = startHeartbeats({ flow, cluster, clock, log });
      const close = async (): Promise<void> => {
        await heartbeats.close();
        await target.close();
        await cluster.close();
      };
      const lookAt = (group: string, look: AbortSignal): Promise<GroupLook> =>
        lookAtGroup({ admin, cluster, clock, group, signal: look });
      return { target, cluster, admin, writtenCheckpoints, close, lookAtGroup: lookAt };
    } catch (error) {
      await cluster.close();
      throw error;
    }
  };
}
