/** Agents that vanished are remembered up to this many; the oldest is forgotten first. */
export const UNCONFIRMED_AGENTS_MAX = 1_000;

/**
 * What was taken from agents that have not said yet that they stopped. A lease ends without its
 * agent's word when the agent is cut off, and a cut-off agent copies on until it meets a rival. So
 * only this tells whether a topic that nobody should copy may still be copied.
 */
export class Unconfirmed {
  readonly #byAgent = new Map<string, Set<string>>();

  note(agentId: string, item: string): void {
    const items = this.#byAgent.get(agentId);
    if (items !== undefined) {
      items.add(item);
      return;
    }
    this.#byAgent.set(agentId, new Set([item]));
    if (this.#byAgent.size <= UNCONFIRMED_AGENTS_MAX) return;
    for (const oldest of this.#byAgent.keys()) {
      this.#byAgent.delete(oldest);
      return;
    }
  }

  /** The agent said that it does not work on the item any more. */
  confirm(agentId: string, item: string): void {
    const items = this.#byAgent.get(agentId);
    if (items?.delete(item) === true && items.size === 0) this.#byAgent.delete(agentId);
  }

  /** The agent said what it works on; of everything else it has let go. */
  keepOnly(agentId: string, claimed: ReadonlySet<string>): void {
    for (const item of [...(this.#byAgent.get(agentId) ?? [])])
      if (!claimed.has(item)) this.confirm(agentId, item);
  }

  /** Agents that may still work on an item that passes the test, each with such items. */
  holdersOf(matches: (item: string) => boolean): Map<string, string[]> {
    const holders = new Map<string, string[]>();
    for (const [agentId, items] of this.#byAgent) {
      const found = [...items].filter(matches);
      if (found.length > 0) holders.set(agentId, found);
    }
    return holders;
  }
}
