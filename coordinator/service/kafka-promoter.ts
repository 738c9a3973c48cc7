import { promote } from '../promotion/promote.js';
import { planPromotion } from '../promotion/promotion-look.js';
import type { ConnectedFlowTarget } from './open-target.js';
import type { Promoter } from './promotion-runner.js';

/** Promotion on real targets. */
export const kafkaPromoter: Promoter<ConnectedFlowTarget> = {
  plan: ({ opened, host, request: { selection } }, signal) =>
    planPromotion({ ...opened, host, selection }, signal),
  promote: ({ opened, host, coordination, request, onStep }, signal) => {
    const { target, admin, cluster } = opened;
    const { leadership, clock, log } = coordination;
    const { operator, selection } = request;
    const scope = { target, admin, cluster, host, selection };
    return promote({ ...scope, operator, documents: leadership, clock, log, onStep }, signal);
  },
};
