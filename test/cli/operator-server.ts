import { Server, ServerCredentials, type UntypedServiceImplementation } from '@grpc/grpc-js';

import { PartitionState } from '../../proto/gen/mirror/v1/common.js';
import {
  FlowState,
  OperatorServiceService,
  PromotePlan,
  SourceState,
  Status,
  type OperatorServiceServer,
} from '../../proto/gen/mirror/v1/operator.js';

/** A coordinator's operator service that answers what a test wants. */
export async function serveOperator(
  service: Partial<OperatorServiceServer>,
): Promise<{ address: string; close: () => void }> {
  const server = new Server();
  server.addService(OperatorServiceService, service as UntypedServiceImplementation); // the rest is UNIMPLEMENTED
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { address: `127.0.0.1:${port}`, close: () => server.forceShutdown() };
}

/** A flow with one partition that runs and one that may be halted. */
export function statusWith(halted: boolean): Status {
  const partition = {
    topic: 'orders',
    targetTopic: 'us-east.orders',
    state: PartitionState.RUNNING,
    holder: 'agent-1',
    leaseEpoch: 7n,
    sourceNext: 10n,
    targetNext: 10n,
    sourceEnd: 12n,
    sourceEndAgeMs: 80n,
    lagRecords: 2n,
    lagMs: 40n,
  };
  const halt = { code: 'source-truncated', message: 'orders-1: the source ends at offset 3' };
  return Status.fromPartial({
    coordinator: { id: 'c1', address: '127.0.0.1:7700', term: 3n, version: '0.1.0', store: 'etcd' },
    flows: [
      {
        flow: 'us-east->us-west',
        state: FlowState.RUNNING,
        partitions: [
          { ...partition, partition: 0 },
          halted
            ? { ...partition, partition: 1, state: PartitionState.HALTED, halt }
            : { ...partition, partition: 1 },
        ],
        groups: [{ group: 'g', topic: 'orders', partition: 0, sourceOffset: 5n, targetOffset: 5n }],
      },
    ],
    agents: [{ agentId: 'agent-1', clusters: ['us-east', 'us-west'], connected: true, items: 3 }],
  });
}

export function planWith(blocker: string | undefined): PromotePlan {
  return PromotePlan.fromPartial({
    flow: 'us-east->us-west',
    state: FlowState.RUNNING,
    sourceState: SourceState.UNREACHABLE,
    sourceEvidence: 'no agent has heard from it for 9 s',
    topics: [
      {
        topic: 'orders',
        targetTopic: 'us-east.orders',
        partitions: 2,
        rpoRecords: 4n,
        rpoMs: 1_500n,
        uncertaintyMs: 9_000n,
        unmappedRecords: 3n,
      },
    ],
    groups: [
      {
        group: 'g',
        topic: 'orders',
        targetTopic: 'us-east.orders',
        sourceOffset: 5n,
        targetOffset: 5n,
      },
    ],
    blockers: blocker === undefined ? [] : [{ code: 'active-members', message: blocker }],
  });
}
