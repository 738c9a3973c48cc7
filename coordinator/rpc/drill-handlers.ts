import { parseFlowId } from '../../mirror/flow.js';
import type { OperatorServiceServer } from '../../proto/gen/mirror/v1/operator.js';
import type { CoordinatorPort } from '../service/coordinator-port.js';
import { writeDrillReport, writeDrillStep } from './drill-messages.js';
import type { statusOfError } from './status-of-error.js';

/** The calls of an operator that rehearse. */
export function drillHandlers(
  coordinator: CoordinatorPort,
  refuse: (error: unknown, what: string) => ReturnType<typeof statusOfError>,
): Pick<OperatorServiceServer, 'drill'> {
  return {
    drill: (call) => {
      const rehearse = async (): Promise<void> => {
        const { flow, operator } = call.request;
        const request = { flow: parseFlowId(flow), operator };
        const report = await coordinator.drill(request, (step) => call.write(writeDrillStep(step)));
        call.write(writeDrillReport(report));
        call.end();
      };
      void rehearse().catch((error: unknown) => call.emit('error', refuse(error, 'Drill')));
    },
  };
}
