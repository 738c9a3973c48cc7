import { describeError, MirrorError } from '../../common/errors.js';
import { parseFlowId } from '../../mirror/flow.js';
import {
  PromoteMode,
  type OperatorServiceServer,
  type PromoteRequest,
} from '../../proto/gen/mirror/v1/operator.js';
import { JOURNAL_ENTRIES_MAX } from '../journal/journal.js';
import { selectionOf, type PromotionMode } from '../promotion/promotion-selection.js';
import type { PromotionRequest } from '../service/coordinator-port.js';
import type { ServiceOptions } from './agent-service.js';
import { drillHandlers } from './drill-handlers.js';
import { groupCalls } from './group-calls.js';
import {
  writeJournal,
  writeOutcome,
  writePlan,
  writeStatus,
  writeStep,
} from './operator-messages.js';
import { inspectionHandlers } from './inspection-handlers.js';
import { steeringHandlers } from './steering-handlers.js';
import { failbackCalls } from './failback-calls.js';
import { statusOfError } from './status-of-error.js';

export function operatorService(options: ServiceOptions): OperatorServiceServer {
  const { coordinator, log } = options;
  const refuse = (error: unknown, what: string): ReturnType<typeof statusOfError> => {
    if (!(error instanceof MirrorError))
      log.error({ what, error: describeError(error) }, 'operator call failed');
    return statusOfError(error);
  };
  return {
    ...{ ...groupCalls(coordinator, refuse), ...failbackCalls(coordinator, refuse) },
    getStatus: (call, callback) => {
      try {
        const { flow } = call.request;
        const view = coordinator.status(flow === '' ? '' : parseFlowId(flow));
        callback(null, writeStatus(coordinator.identity(), view));
      } catch (error) {
        callback(refuse(error, 'GetStatus'));
      }
    },
    planPromote: (call, callback) => {
      const cancelled = new AbortController();
      call.on('cancelled', () => cancelled.abort());
      void answer(async () => {
        const request = readPromotion(call.request);
        return writePlan(await coordinator.planPromotion(request, cancelled.signal));
      }).then(
        (plan) => callback(null, plan),
        (error: unknown) => callback(refuse(error, 'PlanPromote')),
      );
    },
    resume: (call, callback) => {
      void answer(async () => {
        const { flow, topics, accept, operator } = call.request;
        return coordinator.resume({ flow: parseFlowId(flow), topics, accept, operator });
      }).then(
        (resumed) => callback(null, { resumed: resumed.map((one) => ({ ...one })) }),
        (error: unknown) => callback(refuse(error, 'Resume')),
      );
    },
    ...steeringHandlers(coordinator, refuse),
    ...drillHandlers(coordinator, refuse),
    listJournal: (call, callback) => {
      void answer(async () => {
        const { flow, limit } = call.request;
        const entriesMax = limit > 0 ? limit : JOURNAL_ENTRIES_MAX;
        return coordinator.journal(flow === '' ? '' : parseFlowId(flow), entriesMax);
      }).then(
        (entries) => callback(null, writeJournal(entries)),
        (error: unknown) => callback(refuse(error, 'ListJournal')),
      );
    },
    ...inspectionHandlers(coordinator, refuse),
    promote: (call) => {
      void answer(async () => {
        const request = readPromotion(call.request);
        const onStep = (step: Parameters<typeof writeStep>[0]): boolean =>
          call.write(writeStep(step));
        const outcome = await coordinator.promote(request, onStep);
        call.write(writeOutcome(outcome));
        call.end();
      }).catch((error: unknown) => call.emit('error', refuse(error, 'Promote')));
    },
  };
}

/** Turns a synchronous throw into a rejection. */
async function answer<T>(work: () => Promise<T>): Promise<T> {
  return work();
}

const MODES: Readonly<Record<PromoteMode, PromotionMode>> = {
  [PromoteMode.UNSPECIFIED]: 'auto',
  [PromoteMode.PLANNED]: 'planned',
  [PromoteMode.UNPLANNED]: 'unplanned',
};

function readPromotion(request: PromoteRequest): PromotionRequest {
  const { flow, operator, topics, groups, accept } = request;
  const mode = MODES[request.mode];
  const selection = selectionOf({ topics, groups, mode, accept });
  return { flow: parseFlowId(flow), operator, selection };
}
