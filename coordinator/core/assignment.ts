import { Heap } from './heap.js';

/**
 * Who should do what: a pure function of loads and weights. It never sees leases, sessions or time.
 *
 * - An item nobody holds goes back to whom it was with, if that agent has room below the average,
 *   and else to the least loaded agent that may have it.
 * - A held item moves only from an agent above the rounded-up average of those that may have it to
 *   one that stays within that average: what is not surplus stays where it is.
 *
 * Every move takes from a strictly heavier agent, so repeating the function with its own result as
 * input ends, and changes nothing once it has ended.
 */

/** One flow as the assignment sees it. */
export interface AssignmentPool<Item, Agent> {
  readonly unheld: readonly Item[];
  /** Who may hold this flow's items, in a stable order: ties go to the earlier one. */
  readonly candidates: readonly Agent[];
  /** Items of this flow that could be taken from the agent now. */
  movable(agent: Agent): Iterable<Item>;
}

export interface AssignmentInput<Item, Agent> {
  readonly pools: readonly AssignmentPool<Item, Agent>[];
  /** Weight of everything that the agent holds or is to get, over all flows. */
  loadOf(agent: Agent): number;
  weightOf(item: Item): number;
  /** Who held the item last, if known. */
  preferredOf(item: Item): Agent | undefined;
  /** How many items may be moved by this call; grants of unheld items are not counted. */
  readonly movesMax: number;
}

export interface Assignment<Item, Agent> {
  readonly grants: { readonly item: Item; readonly agent: Agent }[];
  readonly moves: { readonly item: Item; readonly from: Agent; readonly to: Agent }[];
}

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

/** What both phases read and add to. */
interface Plan<Item, Agent> {
  readonly input: AssignmentInput<Item, Agent>;
  readonly loads: Loads<Agent>;
  readonly result: Assignment<Item, Agent>;
}

export function assign<Item, Agent>(input: AssignmentInput<Item, Agent>): Assignment<Item, Agent> {
  const result: Assignment<Item, Agent> = { grants: [], moves: [] };
  const loads = new Loads<Agent>((agent) => input.loadOf(agent));
  // Flows with few candidates first: those with many can still go around what they leave.
  const pools = input.pools
    .filter((pool) => pool.candidates.length > 0)
    .sort((a, b) => a.candidates.length - b.candidates.length);
  for (const pool of pools) {
    if (pool.unheld.length > 0) placeUnheld(pool, { input, loads, result });
  }
  for (const pool of pools) {
    if (result.moves.length >= input.movesMax) break;
    if (pool.candidates.length > 1) moveSurplus(pool, { input, loads, result });
  }
  return result;
}

/** The average load, rounded up to whole weights so that an uneven rest moves nothing. */
function ceilingOf<Agent>(slots: readonly Slot<Agent>[], extra: number): number {
  let total = extra;
  for (const slot of slots) total += slot.load;
  return Math.ceil(total / slots.length);
}

const lighter = <Agent>(a: Slot<Agent>, b: Slot<Agent>): boolean =>
  a.load < b.load || (a.load === b.load && a.order < b.order);
const heavier = <Agent>(a: Slot<Agent>, b: Slot<Agent>): boolean =>
  a.load > b.load || (a.load === b.load && a.order < b.order);

function placeUnheld<Item, Agent>(
  pool: AssignmentPool<Item, Agent>,
  plan: Plan<Item, Agent>,
): void {
  const { input, loads, result } = plan;
  const slots = loads.slots(pool.candidates);
  const weight = pool.unheld.reduce((sum, item) => sum + input.weightOf(item), 0);
  const ceiling = ceilingOf(slots, weight);
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
  const heap = new Heap<Slot<Agent>>(lighter, slots);
  for (const item of rest) {
    const slot = heap.pop() as Slot<Agent>;
    give(item, slot);
    heap.push(slot);
  }
}

function moveSurplus<Item, Agent>(
  pool: AssignmentPool<Item, Agent>,
  plan: Plan<Item, Agent>,
): void {
  const { input, loads, result } = plan;
  const slots = loads.slots(pool.candidates);
  const ceiling = ceilingOf(slots, 0);
  const givers = new Heap<Slot<Agent>>(
    heavier,
    slots.filter((slot) => slot.load > ceiling),
  );
  if (givers.peek() === undefined) return;
  const takers = new Heap<Slot<Agent>>(lighter, slots);
  for (let giver = givers.pop(); giver !== undefined; giver = givers.pop()) {
    for (const item of pool.movable(giver.agent)) {
      if (giver.load <= ceiling || result.moves.length >= input.movesMax) break;
      const weight = input.weightOf(item);
      const taker = takers.peek() as Slot<Agent>;
      if (taker.load + weight > ceiling) break;
      takers.pop();
      giver.load -= weight;
      taker.load += weight;
      loads.add(giver.agent, -weight);
      loads.add(taker.agent, weight);
      takers.push(taker);
      result.moves.push({ item, from: giver.agent, to: taker.agent });
    }
  }
}
