import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { AgentServiceServer } from '../../proto/gen/mirror/v1/agent.js';
import type { CoordinatorPort } from '../service/coordinator-port.js';
import { readItem } from './agent-messages.js';
import { AgentStream } from './agent-stream.js';
import type { TransportRefusals } from './transport-refusals.js';
import { statusOfError } from './status-of-error.js';

export interface ServiceOptions {
  readonly coordinator: CoordinatorPort;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface AgentServiceOptions extends ServiceOptions {
  readonly refusals: TransportRefusals;
}

export function agentService(options: AgentServiceOptions): AgentServiceServer {
  const { coordinator } = options;
  return {
    session: (call) => new AgentStream({ ...options, call }).serve(),
    findMapEntry: (call, callback) => {
      try {
        const { item, targetOffset } = call.request;
        callback(null, { runs: coordinator.findMapEntry(readItem(item), targetOffset) });
      } catch (error) {
        callback(statusOfError(error));
      }
    },
  };
}
