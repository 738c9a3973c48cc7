import { CoordinationCore } from '../../coordinator/core/coordination-core.js';
import { SMALL_PAGE_ENTRIES_MAX } from '../../coordinator/store/limits.js';
import {
  SCALE_LEASE_TTL_MS,
  ScaleWorld,
  type ScaleShape,
} from '../../test/coordinator/core/scale-world.js';
import { cpuMsOf, heapBytes } from './gauges.js';

export interface ScaleResult {
  readonly shape: ScaleShape;
  /** CPU time of this process, in ms. */
  readonly fillMs: number;
  readonly idleTickMs: number;
  readonly lossMs: number;
  readonly lossItems: number;
  readonly lossMoves: number;
  readonly joinMs: number;
  readonly joinMoves: number;
  /** Of the whole churn: agents lost and joined in turn. */
  readonly churnMs: number;
  readonly churnSteps: number;
  readonly churnGrants: number;
  readonly churnLost: number;
  readonly takeoverMs: number;
  /** The longest step of it. */
  readonly takeoverStepMs: number;
  /** Bytes that the core has in use after a garbage collection. */
  readonly coreBytes: number;
}

const CHURN_STEPS = 100;

/** All that is measured of one shape; needs `--expose-gc`. */
export function measureScale(shape: ScaleShape): ScaleResult {
  const emptyBytes = heapBytes();
  const world = new ScaleWorld(shape);
  const fillMs = cpuMsOf(() => world.fill());
  const coreBytes = heapBytes() - emptyBytes;
  const idleTickMs = cpuMsOf(() => repeat(40, () => world.tick())) / 40;
  const loss = measureLoss(world);
  const join = measureJoin(world);
  const churn = measureChurn(world);
  const takeover = measureTakeover(world);
  return {
    shape,
    fillMs,
    idleTickMs,
    ...loss,
    ...join,
    ...churn,
    ...takeover,
    coreBytes,
  };
}

function measureLoss(world: ScaleWorld) {
  const victim = someAgent(world, 7);
  const lossItems = victim.holding.size;
  const before = world.revokes;
  const lossMs = cpuMsOf(() => {
    world.lose(victim.sessionId);
    world.settle();
  });
  return { lossMs, lossItems, lossMoves: world.revokes - before };
}

function measureJoin(world: ScaleWorld) {
  const before = world.revokes;
  const joinMs = cpuMsOf(() => {
    world.join();
    world.settle();
  });
  return { joinMs, joinMoves: world.revokes - before };
}

function measureChurn(world: ScaleWorld) {
  const before = world.grants;
  let churnLost = 0;
  const churnMs = cpuMsOf(() => {
    for (let step = 0; step < CHURN_STEPS; step += 1) {
      const victim = someAgent(world, step * 31);
      churnLost += victim.holding.size;
      world.lose(victim.sessionId);
      world.settle();
      world.join();
      world.settle();
    }
  });
  return { churnMs, churnSteps: CHURN_STEPS, churnGrants: world.grants - before, churnLost };
}

/** A new leader reads what the store has, in the parts in which it is told. */
function measureTakeover(world: ScaleWorld) {
  const { sessions, leases } = world.stored();
  const core = new CoordinationCore({ leaseTtlMs: SCALE_LEASE_TTL_MS });
  const steps = [
    cpuMsOf(() => {
      for (const { name, source, target, mode } of world.core.state.flows.values())
        core.step({ kind: 'flow-mode', flow: name, source, target, mode }, 0);
      core.step({ kind: 'recovered', sessions, leases: [] }, 0);
    }),
  ];
  for (let start = 0; start < leases.length; start += SMALL_PAGE_ENTRIES_MAX) {
    const part = leases.slice(start, start + SMALL_PAGE_ENTRIES_MAX);
    steps.push(cpuMsOf(() => core.step({ kind: 'recovered', sessions: [], leases: part }, 0)));
  }
  const takeoverMs = steps.reduce((sum, step) => sum + step, 0);
  return { takeoverMs, takeoverStepMs: Math.max(...steps) };
}

function someAgent(world: ScaleWorld, index: number) {
  const agents = [...world.core.state.agents.values()];
  const agent = agents[index % agents.length];
  if (agent === undefined) throw new Error('there is no agent');
  return agent;
}

function repeat(times: number, act: () => void): void {
  for (let time = 0; time < times; time += 1) act();
}
