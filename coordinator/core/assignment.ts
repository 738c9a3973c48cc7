import { Heap } from './heap.js';

/**
 * Who should do what: a pure function of loads and weights. It never sees leases, sessions or time.
 *
 * - An item nobody holds goes back to whom it was with, if that agent has room below the average,
 *   and else to the least loaded agent that may have it; heavy items first.
 * - What a holder may not keep (`leavers`) goes to the least loaded agents that may have it.
 * - Else a held item moves only from an agent that is clearly above the average of those that may
 *   have it, or to one that is clearly below. "Clearly" is a tenth: between agents that differ by
 *   less nothing moves, so a rate that wavers moves nothing.
 *
 * Every move for balance leaves the receiver lighter than the giver was: the sum of the squares of
 * the loads falls. So repeating the function with its own result as input ends.
 */

/** One flow as the assignment sees it. */
export interface AssignmentPool<Item, Agent> {
  readonly unheld: readonly Item[];
  /** Who may hold this flow's items, in a stable order: ties go to the earlier one. */
  readonly candidates: readonly Agent[];
  /** Who holds items of this flow and may not keep them. */
  readonly leavers: readonly Agent[];
  /** Whether to look for moves between the candidates. */
  readonly balance: boolean;
  /** Items of this flow that could be taken from the agent now. */
  movable(agent: Agent): Iterable<Item>;
}

export interface AssignmentInput<Item, Agent> {
  readonly pools: readonly AssignmentPool<Item, Agent>[];
  /** Weight of everything that the agent holds or is to get, over all flows. */
  loadOf(agent: Agent): number;
  /** A whole number, at least one. */
  weightOf(item: Item): number;
  /** Who held the item last, if known. */
  preferredOf(item: Item): Agent | undefined;
  /** How many items may be moved by this call; grants of unheld items are not counted. */
  readonly movesMax: number;
}

export interface Assignment<Item, Agent> {
  readonly grants: { readonly item: Item; readonly agent: Agent }[];
  readonly moves: { readonly item: Item; readonly from: Agent; readonly to: Agent }[];
  /** Agents and items looked at. */
  effort: number;
}

/** The part of the average by which an agent may differ from it before anything moves. */
export const SLACK_FRACTION = 0.1;

interface Slot<Agent> {
  readonly agent: Agent;
  readonly order: number;
  load: number;
}

/** Loads change while the plan grows; they are shared by all pools of one call. */
class Loads<Agent> {
  readonly #loads = new Map<Agent, number>();
  readonly #initial: (agent: Agent) => number;

  constructor(initial: (agent: Agent) => number) {
    this.#initial = initial;
  }

  get(agent: Agent): number {
    return this.#loads.get(agent) ?? this.#initial(agent);
  }

  add(agent: Agent, weight: number): void {
    this.#loads.set(agent, this.get(agent) + weight);
  }

  slots(agents: readonly Agent[]): Slot<Agent>[] {
    return agents.map((agent, order) => ({ agent, order, load: this.get(agent) }));
  }
}

/** What all phases read and add to. */
interface Plan<Item, Agent> {
  readonly input: AssignmentInput<Item, Agent>;
  readonly loads: Loads<Agent>;
  readonly result: Assignment<Item, Agent>;
}

export function assign<Item, Agent>(input: AssignmentInput<Item, Agent>): Assignment<Item, Agent> {
  const result: Assignment<Item, Agent> = { grants: [], moves: [], effort: 0 };
  const loads = new Loads<Agent>((agent) => input.loadOf(agent));
  // Flows with few candidates first: those with many can still go around what they leave.
  const pools = input.pools
    .filter((pool) => pool.candidates.length > 0)
    .sort((a, b) => a.candidates.length - b.candidates.length);
  const plan = { input, loads, result };
  for (const pool of pools) if (pool.unheld.length > 0) placeUnheld(pool, plan);
  for (const pool of pools) if (pool.leavers.length > 0) moveLeavers(pool, plan);
  for (const pool of pools) if (pool.balance && pool.candidates.length > 1) moveSurplus(pool, plan);
  return result;
}

const lighter = <Agent>(a: Slot<Agent>, b: Slot<Agent>): boolean =>
  a.load < b.load || (a.load === b.load && a.order < b.order);
const heavier = <Agent>(a: Slot<Agent>, b: Slot<Agent>): boolean =>
  a.load > b.load || (a.load === b.load && a.order < b.order);

function averageOf<Agent>(slots: readonly Slot<Agent>[], extra: number): number {
  let total = extra;
  for (const slot of slots) total += slot.load;
  return total / slots.length;
}

function placeUnheld<Item, Agent>(
  pool: AssignmentPool<Item, Agent>,
  plan: Plan<Item, Agent>,
): void {
  const { input, loads, result } = plan;
  const slots = loads.slots(pool.candidates);
  const weight = pool.unheld.reduce((sum, item) => sum + input.weightOf(item), 0);
  // Rounded up to whole weights, so that an uneven rest has a place.
  const ceiling = Math.ceil(averageOf(slots, weight));
  const byAgent = new Map(slots.map((slot) => [slot.agent, slot]));
  const give = (item: Item, slot: Slot<Agent>): void => {
    slot.load += input.weightOf(item);
    loads.add(slot.agent, input.weightOf(item));
    result.grants.push({ item, agent: slot.agent });
  };
  const rest: Item[] = [];
  for (const item of pool.unheld) {
    const preferred = input.preferredOf(item);
    const slot = preferred === undefined ? undefined : byAgent.get(preferred);
    if (slot !== undefined && slot.load + input.weightOf(item) <= ceiling) give(item, slot);
    else rest.push(item);
  }
  rest.sort((a, b) => input.weightOf(b) - input.weightOf(a));
  const heap = new Heap<Slot<Agent>>(lighter, slots);
  for (const item of rest) {
    const slot = heap.pop() as Slot<Agent>;
    give(item, slot);
    heap.push(slot);
  }
  result.effort += slots.length + pool.unheld.length;
}

function moveLeavers<Item, Agent>(
  pool: AssignmentPool<Item, Agent>,
  plan: Plan<Item, Agent>,
): void {
  const { input, loads, result } = plan;
  const heap = new Heap<Slot<Agent>>(lighter, loads.slots(pool.candidates));
  result.effort += pool.candidates.length;
  for (const from of pool.leavers) {
    for (const item of pool.movable(from)) {
      if (result.moves.length >= input.movesMax) return;
      const taker = heap.pop() as Slot<Agent>;
      const weight = input.weightOf(item);
      taker.load += weight;
      loads.add(taker.agent, weight);
      loads.add(from, -weight);
      heap.push(taker);
      result.moves.push({ item, from, to: taker.agent });
      result.effort += 1;
    }
  }
}

/** Once an agent is off by more than the slack it is brought to the average, not to the edge. */
function moveSurplus<Item, Agent>(
  pool: AssignmentPool<Item, Agent>,
  plan: Plan<Item, Agent>,
): void {
  const { loads, result } = plan;
  const slots = loads.slots(pool.candidates);
  result.effort += slots.length;
  const average = averageOf(slots, 0);
  const slack = Math.floor(average * SLACK_FRACTION);
  const bounds = { floor: Math.floor(average), ceiling: Math.ceil(average), slack };
  const stock = new Stock(pool, plan);
  relieveHeavy(slots, bounds, stock);
  fillLight(slots, bounds, stock);
}

interface Bounds {
  readonly floor: number;
  readonly ceiling: number;
  readonly slack: number;
}

function relieveHeavy<Item, Agent>(
  slots: readonly Slot<Agent>[],
  { floor, ceiling, slack }: Bounds,
  stock: Stock<Item, Agent>,
): void {
  const givers = slots.filter((slot) => slot.load > ceiling + slack).sort(heaviestFirst);
  if (givers.length === 0) return;
  const takers = new Heap<Slot<Agent>>(
    lighter,
    slots.filter((slot) => slot.load <= ceiling + slack),
  );
  for (const giver of givers) {
    while (giver.load > ceiling) {
      const taker = takers.peek();
      if (taker === undefined || stock.spent) return;
      const limit = Math.min(
        ceiling + slack - taker.load,
        giver.load - floor + slack,
        giver.load - taker.load - 1,
      );
      // One item may be more than an agent's fair share: it still moves where it is clearly better.
      const better = giver.load * (1 - SLACK_FRACTION) - taker.load;
      const item = stock.take(giver.agent, limit) ?? stock.takeLeast(giver.agent, better);
      if (item === undefined) break;
      takers.pop();
      stock.move(item, giver, taker);
      takers.push(taker);
    }
  }
}

function fillLight<Item, Agent>(
  slots: readonly Slot<Agent>[],
  { floor, slack }: Bounds,
  stock: Stock<Item, Agent>,
): void {
  const takers = slots.filter((slot) => slot.load < floor - slack);
  if (takers.length === 0) return;
  const givers = new Heap<Slot<Agent>>(
    heavier,
    slots.filter((slot) => slot.load > floor),
  );
  for (const taker of takers) {
    while (taker.load < floor && !stock.spent) {
      const giver = givers.pop();
      if (giver === undefined) return;
      const limit = Math.min(giver.load - floor, floor + slack - taker.load);
      const item = stock.take(giver.agent, limit);
      if (item === undefined) continue;
      stock.move(item, giver, taker);
      if (giver.load > floor) givers.push(giver);
    }
  }
}

const heaviestFirst = <Agent>(a: Slot<Agent>, b: Slot<Agent>): number =>
  b.load - a.load || a.order - b.order;

/** What each agent of a pool could give away, and the moves made of it. */
class Stock<Item, Agent> {
  readonly #pool: AssignmentPool<Item, Agent>;
  readonly #plan: Plan<Item, Agent>;
  /** By agent, lightest first; of equal ones the first listed is taken first. */
  readonly #items = new Map<Agent, Item[]>();

  constructor(pool: AssignmentPool<Item, Agent>, plan: Plan<Item, Agent>) {
    this.#pool = pool;
    this.#plan = plan;
  }

  /** Whether no more may be moved. */
  get spent(): boolean {
    return this.#plan.result.moves.length >= this.#plan.input.movesMax;
  }

  /** The heaviest item within the limit. */
  take(agent: Agent, limit: number): Item | undefined {
    const items = this.#of(agent);
    const { input } = this.#plan;
    let low = 0;
    for (let high = items.length; low < high;) {
      const middle = (low + high) >> 1;
      if (input.weightOf(items[middle] as Item) <= limit) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? undefined : items.splice(low - 1, 1)[0];
  }

  /** The lightest item, if it is below the limit. */
  takeLeast(agent: Agent, limit: number): Item | undefined {
    const items = this.#of(agent);
    const [least] = items;
    if (least === undefined || this.#plan.input.weightOf(least) >= limit) return undefined;
    return items.shift();
  }

  move(item: Item, giver: Slot<Agent>, taker: Slot<Agent>): void {
    const { input, loads, result } = this.#plan;
    const weight = input.weightOf(item);
    giver.load -= weight;
    taker.load += weight;
    loads.add(giver.agent, -weight);
    loads.add(taker.agent, weight);
    result.moves.push({ item, from: giver.agent, to: taker.agent });
  }

  #of(agent: Agent): Item[] {
    let items = this.#items.get(agent);
    if (items === undefined) {
      const { input, result } = this.#plan;
      items = [...this.#pool.movable(agent)].reverse();
      items.sort((a, b) => input.weightOf(a) - input.weightOf(b));
      result.effort += items.length;
      this.#items.set(agent, items);
    }
    return items;
  }
}
