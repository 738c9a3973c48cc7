import { seededRandom } from '../kit/seeded-random.js';
import { pairsOf, type Node, type Topology } from './topology.js';

/**
 * What is done to the mirror while traffic flows: a list of faults, made from a seed and nothing
 * else, so that the seed repeats it.
 */
export type FaultKind =
  | 'kill' //     SIGKILL, and started again at the end
  | 'leave' //    SIGTERM, its exit code must be 0; started again at the end
  | 'freeze' //   SIGSTOP to SIGCONT
  | 'isolate' //  nothing passes between two nodes, in either direction
  | 'one-way' //  nothing passes from the first node to the second
  | 'flap' //     a third of the time nothing passes between two nodes, in turns of 100 ms
  | 'delay' //    a round trip to a server takes this much longer
  | 'jump' //     the wall clock of one of our processes is set forwards or back, and stays so
  | 'compact' //  an etcd member forgets all revisions but the newest
  | 'quorum'; //  SIGKILL to as many etcd members as leaves no quorum

export interface Fault {
  /** Milliseconds since the traffic began. */
  readonly atMs: number;
  /** Until it is undone; 0 for what is not undone. */
  readonly forMs: number;
  readonly kind: FaultKind;
  readonly nodes: readonly Node[];
  /** Of a delay and of a jump. */
  readonly amountMs?: number;
}

/** Three times the lease's TTL of a chaos run, so that many outlast it and many do not. */
const FAULT_MS_MAX = 9_000;
const FAULT_MS_MIN = 500;
/** Between the beginnings of two faults, unless told: two or three are on at a time. */
export const GAP_MS_MAX = 4_000;
const DELAY_MS_MAX = 600;
const HOUR_MS = 3_600_000;

/** How often each kind is drawn, of the sum. */
const WEIGHTS: readonly (readonly [FaultKind, number])[] = [
  ['kill', 5],
  ['leave', 2],
  ['freeze', 5],
  ['isolate', 5],
  ['one-way', 5],
  ['flap', 2],
  ['delay', 2],
  ['jump', 2],
  ['quorum', 2],
  ['compact', 2],
];

class Draw {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  between(min: number, max: number): number {
    return Math.floor(min + this.#random() * (max - min));
  }

  one<T>(list: readonly T[]): T {
    const picked = list[this.between(0, list.length)];
    if (picked === undefined) throw new RangeError('nothing to draw from');
    return picked;
  }

  kind(): FaultKind {
    const sum = WEIGHTS.reduce((total, [, weight]) => total + weight, 0);
    let left = this.between(0, sum);
    for (const [kind, weight] of WEIGHTS) {
      left -= weight;
      if (left < 0) return kind;
    }
    throw new RangeError('weights are exhausted');
  }

  shuffled<T>(list: readonly T[]): T[] {
    const rest = [...list];
    const drawn: T[] = [];
    while (rest.length > 0) drawn.push(...rest.splice(this.between(0, rest.length), 1));
    return drawn;
  }
}

function nodesFor(kind: FaultKind, topology: Topology, draw: Draw): readonly Node[] {
  const { agents, coordinators, etcd, clusters } = topology;
  const ours = [...agents, ...coordinators];
  switch (kind) {
    case 'leave':
    case 'jump':
      return [draw.one(ours)];
    case 'kill':
    case 'freeze':
      // What holds state of its own is drawn as often as each of ours.
      return [draw.one([...ours, ...clusters, ...etcd])];
    case 'delay':
      return [draw.one([...clusters, ...coordinators, ...etcd])];
    case 'isolate':
    case 'flap':
      return draw.one(pairsOf(topology));
    case 'one-way':
      return draw.shuffled(draw.one(pairsOf(topology)));
    case 'compact':
      return [draw.one(etcd)];
    case 'quorum':
      return draw.shuffled(etcd).slice(0, Math.floor(etcd.length / 2) + 1);
  }
}

function amountOf(kind: FaultKind, draw: Draw): number | undefined {
  if (kind === 'delay') return draw.between(20, DELAY_MS_MAX);
  if (kind === 'jump') return draw.between(-HOUR_MS, HOUR_MS);
  return undefined;
}

/** The signals of two faults on one process would undo each other. */
export function isProcessFault(kind: FaultKind): boolean {
  return kind === 'kill' || kind === 'leave' || kind === 'freeze' || kind === 'quorum';
}

export interface ScheduleOptions {
  readonly seed: number;
  readonly durationMs: number;
  readonly topology: Topology;
  readonly gapMsMax?: number;
}

/** Faults in the order in which they begin; all are undone before `durationMs`. */
export function scheduleFaults(options: ScheduleOptions): Fault[] {
  const { seed, durationMs, topology, gapMsMax = GAP_MS_MAX } = options;
  const draw = new Draw(seed);
  const faults: Fault[] = [];
  const busyUntilMs = new Map<string, number>();
  let atMs = 0;
  for (;;) {
    atMs += draw.between(0, gapMsMax);
    const kind = draw.kind();
    const nodes = nodesFor(kind, topology, draw);
    const amountMs = amountOf(kind, draw);
    const forMs =
      kind === 'jump' || kind === 'compact' ? 0 : draw.between(FAULT_MS_MIN, FAULT_MS_MAX);
    if (atMs + forMs >= durationMs) return faults;
    const claims = isProcessFault(kind) ? nodes : [[kind, ...[...nodes].sort()].join(' ')];
    if (claims.some((claim) => (busyUntilMs.get(claim) ?? -1) >= atMs)) continue;
    for (const claim of claims) busyUntilMs.set(claim, atMs + forMs);
    faults.push({ atMs, forMs, kind, nodes, ...(amountMs === undefined ? {} : { amountMs }) });
  }
}

/** One line for people and for the log. */
export function describeFault({ atMs, forMs, kind, nodes, amountMs }: Fault): string {
  const at = `${(atMs / 1_000).toFixed(1)} s`.padStart(8);
  const length = forMs === 0 ? '' : ` for ${(forMs / 1_000).toFixed(1)} s`;
  const amount = amountMs === undefined ? '' : ` by ${amountMs} ms`;
  const joined = nodes.join(kind === 'one-way' ? ' -> ' : kind === 'quorum' ? ', ' : ' <-> ');
  return `${at}  ${kind.padEnd(7)} ${joined}${amount}${length}`;
}
