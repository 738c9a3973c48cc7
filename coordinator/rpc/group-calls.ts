import { parseFlowId } from '../../mirror/flow.js';
import type { OperatorServiceServer } from '../../proto/gen/mirror/v1/operator.js';
import type { CoordinatorPort } from '../service/coordinator-port.js';
import type { statusOfError } from './status-of-error.js';

type Refuse = (error: unknown, what: string) => ReturnType<typeof statusOfError>;

/** What operators ask about groups. */
export function groupCalls(
  coordinator: CoordinatorPort,
  refuse: Refuse,
): Pick<OperatorServiceServer, 'translate' | 'listGroups'> {
  return {
    translate: (call, callback) => {
      const { group, reverse } = call.request;
      const work = async (signal: AbortSignal) => {
        const flow = parseFlowId(call.request.flow);
        const offsets = await coordinator.translate({ flow, group, reverse }, signal);
        return { offsets: offsets.map(({ mappedTo: _, ...each }) => each) };
      };
      work(cancelledWith(call)).then(
        (result) => callback(null, result),
        (error: unknown) => callback(refuse(error, 'Translate')),
      );
    },
    listGroups: (call, callback) => {
      const work = async (signal: AbortSignal) => {
        const flow = call.request.flow === '' ? '' : parseFlowId(call.request.flow);
        const groups = await coordinator.groups(flow, signal);
        return { groups: groups.map((each) => ({ ...each, sync: each.sync ?? '' })) };
      };
      work(cancelledWith(call)).then(
        (result) => callback(null, result),
        (error: unknown) => callback(refuse(error, 'ListGroups')),
      );
    },
  };
}

function cancelledWith(call: {
  on(event: 'cancelled', listener: () => void): unknown;
}): AbortSignal {
  const cancelled = new AbortController();
  call.on('cancelled', () => cancelled.abort());
  return cancelled.signal;
}
