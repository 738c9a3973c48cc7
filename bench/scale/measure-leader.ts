import type { ScaleShape } from '../../test/coordinator/core/scale-world.js';
import { cpuMs, heapBytes } from './gauges.js';
import { PlannedLeader } from './planned-leader.js';
import { ScalePlan } from './scale-plan.js';

export interface LeaderResult {
  readonly shape: ScaleShape;
  /** CPU time of this process, in ms: what the store and the targets list, until agents are let in. */
  readonly takeoverMs: number;
  /** All agents come, with what they hold. */
  readonly connectMs: number;
  /** One report of every partition, written and acknowledged; the mean of a few. */
  readonly reportMs: number;
  /** A minute in which nothing happens but heartbeats, ticks and one list of all leases. */
  readonly idleMinuteMs: number;
  /** In use after a garbage collection, beyond what the program itself takes. */
  readonly heapBytes: number;
  /** Of the process: at the end, and at most. */
  readonly residentBytes: number;
  readonly residentBytesMax: number;
}

const ROUNDS = 2;

/** What a leader's process holds once all is copied on; needs `--expose-gc`. */
export async function measureLeader(shape: ScaleShape): Promise<LeaderResult> {
  const emptyBytes = heapBytes();
  const leader = new PlannedLeader(new ScalePlan(shape));
  const takeoverMs = await cpuMs(() => leader.takeOver());
  const connectMs = await cpuMs(() => leader.connectAgents());
  await leader.listTopics();
  const roundsMs = await cpuMs(async () => {
    for (let round = 1; round <= ROUNDS; round += 1) await leader.report(round);
  });
  const idleMinuteMs = await cpuMs(() => leader.relist());
  const held = [...leader.coordination.core.state.items.values()].filter(isHeld).length;
  if (held !== shape.partitions + shape.flows) throw new Error(`${held} items are held`);
  const usedBytes = heapBytes() - emptyBytes;
  const residentBytes = process.memoryUsage.rss();
  const residentBytesMax = process.resourceUsage().maxRSS * 1024;
  await leader.close();
  const times = { takeoverMs, connectMs, reportMs: roundsMs / ROUNDS, idleMinuteMs };
  return { shape, ...times, heapBytes: usedBytes, residentBytes, residentBytesMax };
}

const isHeld = ({ state }: { readonly state: string }): boolean => state === 'held';
