import { CoordinationCore } from '../../coordinator/core/coordination-core.js';
import { SMALL_PAGE_ENTRIES_MAX } from '../../coordinator/store/limits.js';
import { CopyMeter } from '../../coordinator/service/copy-meter.js';
import { PartitionMap } from '../../coordinator/target/partition-map.js';
import {
  SCALE_LEASE_TTL_MS,
  ScaleWorld,
  type ScaleShape,
} from '../../test/coordinator/core/scale-world.js';

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
  /** Bytes in use after a garbage collection. */
  readonly coreBytes: number;
  /** The same with what the coordinator keeps of each partition beside the core. */
  readonly allBytes: number;
}

const CHURN_STEPS = 100;

/** All that is measured of one shape; needs `--expose-gc`. */
export function measureScale(shape: ScaleShape): ScaleResult {
  const emptyBytes = heapBytes();
  const world = new ScaleWorld(shape);
  const fillMs = cpuMs(() => world.fill());
  const coreBytes = heapBytes() - emptyBytes;
  const idleTickMs = cpuMs(() => repeat(40, () => world.tick())) / 40;
  const loss = measureLoss(world);
  const join = measureJoin(world);
  const churn = measureChurn(world);
  const kept = keepBeside(world);
  const allBytes = heapBytes() - emptyBytes;
  const takeover = measureTakeover(world);
  if (kept.length !== shape.partitions) throw new Error('not every partition was granted');
  return {
    shape,
    fillMs,
    idleTickMs,
    ...loss,
    ...join,
    ...churn,
    ...takeover,
    coreBytes,
    allBytes,
  };
}

function measureLoss(world: ScaleWorld) {
  const victim = someAgent(world, 7);
  const lossItems = victim.holding.size;
  const before = world.revokes;
  const lossMs = cpuMs(() => {
    world.lose(victim.sessionId);
    world.settle();
  });
  return { lossMs, lossItems, lossMoves: world.revokes - before };
}

function measureJoin(world: ScaleWorld) {
  const before = world.revokes;
  const joinMs = cpuMs(() => {
    world.join();
    world.settle();
  });
  return { joinMs, joinMoves: world.revokes - before };
}

function measureChurn(world: ScaleWorld) {
  const before = world.grants;
  let churnLost = 0;
  const churnMs = cpuMs(() => {
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
    cpuMs(() => {
      for (const { name, source, target, mode } of world.core.state.flows.values())
        core.step({ kind: 'flow-mode', flow: name, source, target, mode }, 0);
      core.step({ kind: 'recovered', sessions, leases: [] }, 0);
    }),
  ];
  for (let start = 0; start < leases.length; start += SMALL_PAGE_ENTRIES_MAX) {
    const part = leases.slice(start, start + SMALL_PAGE_ENTRIES_MAX);
    steps.push(cpuMs(() => core.step({ kind: 'recovered', sessions: [], leases: part }, 0)));
  }
  const takeoverMs = steps.reduce((sum, step) => sum + step, 0);
  return { takeoverMs, takeoverStepMs: Math.max(...steps) };
}

/** What the coordinator has for each partition beside the core: speed, lag and offset map. */
function keepBeside(world: ScaleWorld): { meter: CopyMeter; map: PartitionMap }[] {
  const kept: { meter: CopyMeter; map: PartitionMap }[] = [];
  for (const item of world.core.state.items.values()) {
    if (item.work.kind !== 'partition' || item.state !== 'held') continue;
    const meter = new CopyMeter();
    const lease = { item: item.key, leaseEpoch: item.leaseEpoch };
    const position = { sourceNext: 1_000_000n, targetNext: 1_000_000n, sourceEnd: 1_000_100n };
    const totals = { records: 1_000_000n, bytes: 100_000_000n, lastTimestampMs: 0 };
    const rest = {
      truncatedTo: undefined,
      sourceEpoch: undefined,
      mapRestarted: false,
      trouble: '',
      standing: false,
      sequenceBase: 0n,
      runs: [],
    };
    const report = { lease, copier: 'running', halt: undefined, ...position, ...totals, ...rest };
    meter.report({ ...report, copier: 'running', sourceEndAgeMs: 0 }, 1_000);
    meter.report({ ...report, copier: 'running', sourceEndAgeMs: 0 }, 2_000);
    const map = new PartitionMap();
    map.apply([{ sourceStart: 0n, targetStart: 0n, length: 1_000_000n }]);
    kept.push({ meter, map });
  }
  return kept;
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

function cpuMs(act: () => void): number {
  const before = process.cpuUsage();
  act();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

function heapBytes(): number {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error('run it with --expose-gc');
  gc();
  gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
