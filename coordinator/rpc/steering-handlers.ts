import type { OperatorServiceServer } from '../../proto/gen/mirror/v1/operator.js';
import type { CoordinatorPort } from '../service/coordinator-port.js';
import type { statusOfError } from './status-of-error.js';
import { readDrain, readSteer, writeDrained, writeSteered } from './steering-messages.js';

type Refuse = (error: unknown, what: string) => ReturnType<typeof statusOfError>;

export function steeringHandlers(
  coordinator: CoordinatorPort,
  refuse: Refuse,
): Pick<OperatorServiceServer, 'steer' | 'drainAgent'> {
  return {
    steer: (call, callback) => {
      const outcome = (async () => coordinator.steer(readSteer(call.request)))();
      outcome.then(
        (steered) => callback(null, writeSteered(steered)),
        (error: unknown) => callback(refuse(error, 'Steer')),
      );
    },
    drainAgent: (call, callback) => {
      const outcome = (async () => coordinator.drain(readDrain(call.request)))();
      outcome.then(
        (drained) => callback(null, writeDrained(drained)),
        (error: unknown) => callback(refuse(error, 'DrainAgent')),
      );
    },
  };
}
