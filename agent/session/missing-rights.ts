import type { MissingRight } from '../../proto/gen/mirror/v1/agent.js';

/** What this agent writes beside the copy, as the coordinator is told. */
export type SideRecords = 'heartbeats' | 'offset-syncs';

/** What this agent may not write at present; goes out with each of its heartbeats. */
export class MissingRights {
  readonly #missing = new Map<string, MissingRight>();

  /** For whom writes them: takes what right is missing, or nothing once none is. */
  of(flow: string, unwritten: SideRecords): (right: string) => void {
    const key = `${unwritten} ${flow}`;
    return (right) => {
      if (right === '') this.#missing.delete(key);
      else this.#missing.set(key, { flow, unwritten, right });
    };
  }

  list(): MissingRight[] {
    return [...this.#missing.values()];
  }
}
