import { failbackFlow } from '../../mirror/failback-flow.js';
import { FailbackRefusedError } from '../failback/errors.js';
import { Failback } from '../failback/failback.js';
import { planFailback, progressOf, type FailbackScope } from '../failback/failback-look.js';
import { Quarantine } from '../failback/quarantine.js';
import { CoordinationFailbackHost } from './failback-host.js';
import type { FailbackContext, FailbackDriver } from './failback-runner.js';
import type { targetConnector } from './connect-target.js';
import type { ConnectedFlowTarget } from './open-target.js';

type Context = FailbackContext<ConnectedFlowTarget>;
type ConnectTarget = ReturnType<typeof targetConnector>;

/** Failback on real clusters. The coordinator itself must reach both. */
export function kafkaFailback(connect: ConnectTarget): FailbackDriver<ConnectedFlowTarget> {
  return {
    plan: (context, signal) =>
      withSource(connect, context, async (scope) => (await planFailback(scope, signal)).plan),
    failback: (context, signal) =>
      withSource(connect, context, async (scope) => {
        const { coordination, request, resumed, onStep } = context;
        const { source, flow } = scope;
        if (source === undefined) {
          const { plan } = await planFailback(scope, signal);
          throw new FailbackRefusedError(flow.id, plan.blockers);
        }
        const { operator, wait } = request;
        const host = new CoordinationFailbackHost(coordination, { original: flow, operator });
        const { log } = coordination;
        const options = { ...scope, source, operator, wait, resumed, host, log, onStep };
        return new Failback(options).run(signal);
      }),
    isUnderWay: ({ target }) => {
      const progress = progressOf(target);
      return progress === 'copying' || progress === 'handing-over';
    },
    readQuarantine: async ({ opened, coordination, request }, onLine, signal) => {
      const { flow } = coordination.flow(request.flow);
      const { cluster, admin } = opened;
      const { clock, log } = coordination;
      await new Quarantine({ flow, cluster, admin, clock, log }).read(onLine, signal);
    },
  };
}

/** With sockets of its own to the old primary, for as long as the work lasts. */
async function withSource<T>(
  connect: ConnectTarget,
  { opened, coordination, request }: Context,
  work: (scope: FailbackScope) => Promise<T>,
): Promise<T> {
  const { flow } = coordination.flow(request.flow);
  const source = connect(failbackFlow(flow));
  const { target: original, cluster, admin } = opened;
  const target = { cluster, admin };
  try {
    return await work({ flow, original, target, source, clock: coordination.clock });
  } finally {
    await source?.cluster.close();
  }
}
