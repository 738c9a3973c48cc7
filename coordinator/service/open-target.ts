import type { AdminClient } from '../../kafka/admin/admin-client.js';
import type { KafkaCluster } from '../../kafka/client/index.js';
import type { GroupRow } from '../target/group-positions.js';
import type { GroupLook } from '../validation/group-validation.js';
import { lookAtGroup } from '../validation/look-at-group.js';
import { FlowTarget } from '../target/flow-target.js';
import { startHeartbeats } from '../target/heartbeats.js';
import { targetConnector, type TargetOpenerOptions } from './connect-target.js';
import type { OpenedFlowTarget, OpenFlowTarget } from './flow-target-port.js';
import { mapEnd, type StandBy } from './stand-by.js';

/** A flow's target on its Kafka cluster, with the sockets that it alone uses. */
export interface ConnectedFlowTarget extends OpenedFlowTarget {
  readonly target: FlowTarget;
  readonly cluster: KafkaCluster;
  readonly admin: AdminClient;
  /** Group positions whose checkpoints were written since it was opened. */
  readonly writtenCheckpoints: ReadonlySet<GroupRow>;
}

/** How a leader opens the target of a flow. `standBy`: where its store does not know all who may lead. */
export function targetOpener(
  options: TargetOpenerOptions,
  standBy?: StandBy,
): OpenFlowTarget<ConnectedFlowTarget> {
  const { clock, log } = options;
  const connect = targetConnector(options);
  return async ({ flow, term, facts }, signal) => {
    const { cluster, admin } = await connect(flow, signal);
    const writtenCheckpoints = new Set<GroupRow>();
    try {
      const end = (): Promise<bigint | undefined> => mapEnd({ flow, cluster }, signal);
      await standBy?.turn({ flow: flow.id, end }, signal);
      const shared = { flow, cluster, admin, facts, term, clock, log };
      const target = await FlowTarget.open({ ...shared, writtenCheckpoints }, signal);
      target.onFenced(() => standBy?.lose(flow.id));
      const heartbeats = startHeartbeats({ flow, cluster, clock, log, facts });
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
