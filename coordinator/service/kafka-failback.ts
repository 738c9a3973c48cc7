import { failbackFlow } from '../../mirror/failback-flow.js';
import { Failback } from '../failback/failback.js';
import { planFailback, progressOf, type FailbackScope } from '../failback/failback-look.js';
import { leftOutTopics } from '../failback/left-out.js';
import { Quarantine } from '../failback/quarantine.js';
import { CoordinationFailbackHost } from './failback-host.js';
import type { FailbackContext, FailbackDriver } from './failback-runner.js';
import type { ConnectTarget } from './connect-target.js';
import type { ConnectedFlowTarget } from './open-target.js';

type Context = FailbackContext<ConnectedFlowTarget>;

/** Failback on real clusters: the new primary is reached from here, the old one at least by an agent. */
export function kafkaFailback(connect: ConnectTarget): FailbackDriver<ConnectedFlowTarget> {
  return {
    plan: (context, signal) =>
      withSource(
        { connect, context, signal },
        async (scope) => (await planFailback(scope, signal)).plan,
      ),
    failback: (context, signal) =>
      withSource({ connect, context, signal }, async (scope) => {
        const { coordination, request, resumed, onStep } = context;
        const { flow } = scope;
        const { operator, wait } = request;
        const leftOut = new Set(leftOutTopics(scope).keys());
        const asked = { original: flow, operator, leftOut };
        const host = new CoordinationFailbackHost(coordination, asked);
        const { log } = coordination;
        const options = { ...scope, operator, wait, resumed, host, log, onStep };
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

interface Asked {
  readonly connect: ConnectTarget;
  readonly context: Context;
  readonly signal: AbortSignal;
}

/** With sockets of its own to the old primary, for as long as the work lasts. */
async function withSource<T>(
  { connect, context, signal }: Asked,
  work: (scope: FailbackScope) => Promise<T>,
): Promise<T> {
  const { opened, coordination, request } = context;
  const { flow } = coordination.flow(request.flow);
  const source = await connect(failbackFlow(flow), signal);
  const { target: original, cluster, admin } = opened;
  const target = { cluster, admin };
  try {
    return await work({ flow, original, target, source, clock: coordination.clock });
  } finally {
    await source.cluster.close();
  }
}
