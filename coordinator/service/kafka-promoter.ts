import { withDeadline } from '../../common/deadline.js';
import { drill } from '../drill/drill.js';
import {
  PRODUCER_ACTIVE_MS,
  PRODUCERS_LOOK_MS_MAX,
  withActiveProducers,
  type ProducersSeen,
} from '../promotion/active-producers.js';
import { promote } from '../promotion/promote.js';
import { planPromotion } from '../promotion/promotion-look.js';
import type { ConnectedFlowTarget } from './open-target.js';
import type { Promoter } from './promotion-runner.js';

/** Promotion and its rehearsal on real targets. */
export const kafkaPromoter: Promoter<ConnectedFlowTarget> = {
  plan: async ({ opened, host, coordination, request: { flow, selection } }, signal) => {
    const plan = await planPromotion({ ...opened, host, selection }, signal);
    const { clock, siteTasks } = coordination;
    const limits = { what: 'asking its agent', ms: PRODUCERS_LOOK_MS_MAX, clock, signal };
    return withActiveProducers(plan, (topics) => {
      const value = { topics, withinMs: BigInt(PRODUCER_ACTIVE_MS) };
      const task = { $case: 'activeProducers', value } as const;
      const look = (limit: AbortSignal): Promise<ProducersSeen> =>
        siteTasks.run<'activeProducers'>(flow, task, { signal: limit });
      return withDeadline(limits, look);
    });
  },
  promote: ({ opened, host, coordination, request, onStep }, signal) => {
    const { target, admin, cluster } = opened;
    const { leadership, clock, log } = coordination;
    const { operator, selection } = request;
    const scope = { target, admin, cluster, host, selection };
    return promote({ ...scope, operator, documents: leadership, clock, log, onStep }, signal);
  },
  drill: ({ opened, host, coordination, request, onStep }, runPromotion, signal) => {
    const { target, admin, cluster } = opened;
    const { clock, log, siteTasks } = coordination;
    const { flow } = request;
    const operator = `drill of ${request.operator}`;
    return drill(
      {
        // By the minute would do for people; two in one second must not meet.
        id: Math.trunc(clock.wallMs()).toString(36),
        operator: request.operator,
        targetAlias: coordination.flow(flow).flow.target,
        ...{ target, admin, cluster, host, clock, log, onStep },
        atSource: (value, abort) =>
          siteTasks.run<'canary'>(flow, { $case: 'canary', value }, { signal: abort }),
        promote: (selection, onPromotionStep) =>
          runPromotion({ flow, operator, selection }, (step) =>
            onPromotionStep(step as Parameters<typeof onPromotionStep>[0]),
          ),
      },
      signal,
    );
  },
};
