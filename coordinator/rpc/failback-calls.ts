import type {
  FailbackRequest as FailbackRequestMessage,
  OperatorServiceServer,
} from '../../proto/gen/mirror/v1/operator.js';
import { parseFlowId } from '../../mirror/flow.js';
import type { CoordinatorPort } from '../service/coordinator-port.js';
import type { FailbackRequest } from '../service/failback-runner.js';
import { writeFailbackPlan, writeFailbackResult, writeFailbackStep } from './failback-messages.js';
import type { statusOfError } from './status-of-error.js';

/** Lines in one message of a stream: far below what a message may have in bytes. */
const LINES_PER_MESSAGE_MAX = 50;

type Refuse = (error: unknown, what: string) => ReturnType<typeof statusOfError>;

/** The calls about failbacks, of the operators' service. */
export function failbackCalls(
  coordinator: CoordinatorPort,
  refuse: Refuse,
): Pick<OperatorServiceServer, 'planFailback' | 'failback' | 'readQuarantine'> {
  return {
    planFailback: (call, callback) => {
      const cancelled = new AbortController();
      call.on('cancelled', () => cancelled.abort());
      const plan = async (): Promise<void> => {
        const found = await coordinator.planFailback(readRequest(call.request), cancelled.signal);
        callback(null, writeFailbackPlan(found));
      };
      plan().catch((error: unknown) => callback(refuse(error, 'PlanFailback')));
    },
    failback: (call) => {
      const run = async (): Promise<void> => {
        const result = await coordinator.failback(readRequest(call.request), (step) =>
          call.write(writeFailbackStep(step)),
        );
        call.write(writeFailbackResult(result));
        call.end();
      };
      run().catch((error: unknown) => call.emit('error', refuse(error, 'Failback')));
    },
    readQuarantine: (call) => {
      const cancelled = new AbortController();
      call.on('cancelled', () => cancelled.abort());
      const read = async (): Promise<void> => {
        let lines: string[] = [];
        const flush = (): void => {
          if (lines.length > 0) call.write({ lines });
          lines = [];
        };
        const take = (line: string): void => {
          if (lines.push(line) === LINES_PER_MESSAGE_MAX) flush();
        };
        const flow = parseFlowId(call.request.flow);
        await coordinator.readQuarantine(flow, take, cancelled.signal);
        flush();
        call.end();
      };
      read().catch((error: unknown) => call.emit('error', refuse(error, 'ReadQuarantine')));
    },
  };
}

function readRequest({ flow, operator, wait }: FailbackRequestMessage): FailbackRequest {
  return { flow: parseFlowId(flow), operator, wait };
}
