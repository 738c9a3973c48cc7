import type { AgentEntry, CoreState, ItemEntry, ItemState } from './state.js';

/** How items change hands, and whose load they are. */

/** Puts the item's weight on one agent, or on none. */
export function charge(item: ItemEntry, agent: AgentEntry | undefined): void {
  const { charged: before, flow, weight } = item;
  if (before === agent) return;
  if (before !== undefined) {
    const items = before.charged.get(flow);
    items?.delete(item);
    if (items?.size === 0) {
      before.charged.delete(flow);
      flow.carriers.delete(before);
    }
    before.load -= weight;
  }
  item.charged = agent;
  if (agent === undefined) return;
  let items = agent.charged.get(flow);
  if (items === undefined) {
    agent.charged.set(flow, (items = new Set()));
    flow.carriers.add(agent);
  }
  items.add(item);
  agent.load += weight;
}

export function setWeight(item: ItemEntry, weight: number): void {
  if (item.charged !== undefined) item.charged.load += weight - item.weight;
  item.weight = weight;
}

/** The one place where an item changes hands. */
export function setHolder(
  state: CoreState,
  item: ItemEntry,
  to: { readonly state: Exclude<ItemState, 'unheld'>; readonly agent: AgentEntry },
): void {
  if (item.holder !== to.agent) {
    item.holder?.holding.delete(item);
    item.holder = to.agent;
    to.agent.holding.add(item);
    item.confirmed = false;
    item.copier = undefined;
    item.halt = undefined;
    item.weighAtMs = 0;
  }
  item.flow.unheld.delete(item);
  enter(state, item, to.state);
  if (to.state === 'granting' || to.state === 'held') charge(item, to.agent);
}

export function setUnheld(state: CoreState, item: ItemEntry): void {
  if (item.holder !== undefined) {
    item.lastAgentId = (item.charged ?? item.holder).agentId;
    item.holder.holding.delete(item);
    item.holder = undefined;
  }
  item.confirmed = false;
  item.copier = undefined;
  item.halt = undefined;
  enter(state, item, 'unheld');
  state.moving.delete(item);
  charge(item, undefined);
  item.flow.unheld.add(item);
  state.grantDue.add(item.flow);
}

function enter(state: CoreState, item: ItemEntry, next: ItemState): void {
  if (next === 'revoking') state.revoking.add(item);
  else state.revoking.delete(item);
  if (next === 'held' || next === 'unheld') state.unsettled.delete(item);
  else state.unsettled.add(item);
  item.state = next;
}
