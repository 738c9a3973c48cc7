import { quoted, type Place, type ProblemCollector } from '../../common/config/problems.js';
import { instancesOf, overlap } from '../policy/overlap.js';
import { topicExclusion } from '../policy/topic-selection.js';
import type { FlowConfig } from './mirror-config.js';

export interface CycleCheckOptions {
  /** Where an operator would look for the flow. */
  readonly place: (flow: FlowConfig) => Place;
  readonly problems: ProblemCollector;
}

/**
 * Flows that names are followed into, in all: a second or two. Hundreds of sites may need more; then
 * the shortest way back of each flow is still looked at.
 */
const STEPS_MAX = 50_000;

/** A name that went round so often as it was, or growing, is taken to do so for ever. */
const TURNS = 4;

/** Whether records could go round among flows that are all enabled. */
export function checkCycles(flows: readonly FlowConfig[], options: CycleCheckOptions): void {
  const cycles = new CycleChecks(flows, options);
  cycles.checkNames();
  cycles.followNames();
  cycles.checkUnproven();
}

/** Which records could come back to a cluster they came from, and go round for ever. */
class CycleChecks {
  readonly #enabled: readonly FlowConfig[];
  /** No records go round without one: two prefixing flows in a row stop what comes a second time. */
  readonly #keeping: readonly FlowConfig[];
  readonly #place: (flow: FlowConfig) => Place;
  readonly #problems: ProblemCollector;
  readonly #bySource = new Map<string, FlowConfig[]>();
  readonly #reported = new Set<string>();
  #stepsLeft = STEPS_MAX;

  constructor(enabled: readonly FlowConfig[], { place, problems }: CycleCheckOptions) {
    this.#enabled = enabled;
    this.#keeping = enabled.filter((flow) => flow.policy.name === 'identity');
    this.#place = place;
    this.#problems = problems;
    for (const flow of enabled) {
      const flows = this.#bySource.get(flow.source) ?? [];
      flows.push(flow);
      this.#bySource.set(flow.source, flows);
    }
  }

  /** A cycle is found by the alias that a name begins with, if a separator tells where it ends. */
  checkNames(): void {
    for (const flow of this.#enabled) {
      if (flow.policy.name !== 'default') continue;
      const remote = flow.policy.formatRemoteTopic(flow.source, 'topic');
      if (flow.policy.topicSource(remote) === flow.source) continue;
      const fault =
        `${quoted(flow.id)}: the name ${quoted(remote)} does not tell its source, because the ` +
        'alias contains `replication.policy.separator`, or the separator is empty';
      if (this.#wayBack(flow, () => true) === null) {
        this.#problems.warn(this.#place(flow), fault, 'choose another separator or alias');
      } else {
        this.#problems.error(
          this.#place(flow),
          `${fault}; flows lead back to ${quoted(flow.source)}, so records would go round for ever`,
          'choose another separator or alias',
        );
      }
    }
  }

  /** Names that the lists of topics were written for, through all flows that would take them. */
  followNames(): void {
    if (this.#keeping.length === 0) return;
    for (const name of namesFor(this.#enabled)) {
      for (const flow of this.#keeping) {
        if (this.#stepsLeft-- <= 0) return;
        const way = this.#roundTrip(flow, name);
        if (way === null) continue;
        const returned = nameAfter(way, name)!;
        if (nameAfter(Array.from({ length: TURNS }, () => way).flat(), name) === null) continue;
        if (returned === name) this.#reportKept(way, name);
        else this.#reportGrown(way, name, returned);
      }
    }
  }

  /** With identity naming nothing but the lists of topics can keep records from coming back. */
  checkUnproven(): void {
    for (const flow of this.#keeping) {
      const apart = new Set<FlowConfig>();
      for (;;) {
        const back = this.#wayBack(
          flow,
          (each) => each.policy.name === 'identity' && !apart.has(each),
        );
        if (back === null) break;
        const found = overlap([flow, ...back].map((each) => each.topicFilter));
        if (found.kind === 'overlapping') this.#reportKept([flow, ...back], found.name);
        if (found.kind === 'unknown') this.#reportKept([flow, ...back], null);
        if (found.kind !== 'disjoint') break;
        // Another way may be without the flow that shares no topic with this one.
        const other = back.find((each) => shareNothing(flow, each));
        if (other === undefined) break;
        apart.add(other);
      }
    }
  }

  #reportKept(cycle: readonly FlowConfig[], name: string | null): void {
    if (!this.#isNew(cycle)) return;
    const fault =
      name === null
        ? ', and nothing shows that no topic is selected by all of them: its records would go round for ever'
        : ` and all replicate ${quoted(name)}, whose records would go round for ever`;
    this.#problems.error(
      this.#place(cycle.at(-1)!),
      `${idsOf(cycle)} keep topic names${fault}`,
      'use DefaultReplicationPolicy, or lists of topics that have no name in common',
    );
  }

  /** Names that one way keeps and the other prefixes grow a prefix at every turn, without end. */
  #reportGrown(cycle: readonly FlowConfig[], name: string, returned: string): void {
    if (!this.#isNew(cycle)) return;
    const kept = cycle.filter((flow) => flow.policy.name === 'identity');
    const prefixed = cycle.filter((flow) => flow.policy.name === 'default');
    this.#problems.error(
      this.#place(cycle[0]!),
      `${idsOf(kept)} ${kept.length > 1 ? 'keep' : 'keeps'} topic names while ${idsOf(prefixed)} ` +
        `${prefixed.length > 1 ? 'prefix' : 'prefixes'} them: ` +
        `${quoted(name)} comes back as ${quoted(returned)}, and so on for ever`,
      'use the same policy all the way round, or lists of topics that leave out prefixed names',
    );
  }

  /** Whether no cycle of these flows was reported. */
  #isNew(cycle: readonly FlowConfig[]): boolean {
    const ids = cycle.map((each) => each.id).sort();
    const key = ids.join();
    if (this.#reported.has(key)) return false;
    this.#reported.add(key);
    return true;
  }

  /** The shortest way from the flow, through it and back, that a topic of this name takes. */
  #roundTrip(flow: FlowConfig, name: string): FlowConfig[] | null {
    const first = nameAfter([flow], name);
    if (first === null) return null;
    // A name may go on from a cluster or not by whether it was prefixed on the way there.
    const names = new Map([[flow, first]]);
    const back = this.#wayBack(
      flow,
      (next, previous) => {
        this.#stepsLeft -= 1;
        const arrived = nameAfter([next], names.get(previous)!);
        if (arrived !== null) names.set(next, arrived);
        return arrived !== null;
      },
      (next) => `${next.policy.name} ${next.target}`,
    );
    return back === null ? null : [flow, ...back];
  }

  /** The shortest way by flows that `takes` accepts from the target of a flow to its source. */
  #wayBack(
    flow: FlowConfig,
    takes: (next: FlowConfig, previous: FlowConfig) => boolean,
    placeAfter: (next: FlowConfig) => string = (next) => next.target,
  ): FlowConfig[] | null {
    const previousOf = new Map<FlowConfig, FlowConfig>();
    const been = new Set([placeAfter(flow)]);
    const queue = [flow];
    for (const previous of queue) {
      for (const next of this.#bySource.get(previous.target) ?? []) {
        if (been.has(placeAfter(next)) || !takes(next, previous)) continue;
        been.add(placeAfter(next));
        previousOf.set(next, previous);
        if (next.target === flow.source) return wayTo(next, previousOf, flow);
        queue.push(next);
      }
    }
    return null;
  }
}

function wayTo(
  last: FlowConfig,
  previousOf: ReadonlyMap<FlowConfig, FlowConfig>,
  first: FlowConfig,
): FlowConfig[] {
  const way: FlowConfig[] = [];
  for (let step = last; step !== first; step = previousOf.get(step)!) way.unshift(step);
  return way;
}

/** The name of a topic at the end of a way; null if some flow leaves it out. */
function nameAfter(way: readonly FlowConfig[], name: string): string | null {
  let current = name;
  for (const flow of way) {
    if (topicExclusion(flow, current) !== null) return null;
    current = flow.policy.formatRemoteTopic(flow.source, current);
  }
  return current;
}

/** Names that the lists accept, as they are where they are written and as they are when copied. */
function* namesFor(flows: readonly FlowConfig[]): Generator<string> {
  const patterns = new Set(flows.flatMap((flow) => flow.topicFilter.include.patterns));
  const names = new Set([...patterns].flatMap(instancesOf));
  yield* names;
  const prefixing = new Map(
    flows.filter(({ policy }) => policy.name === 'default').map((flow) => [flow.source, flow]),
  );
  for (const { source, policy } of prefixing.values())
    for (const name of names) yield policy.formatRemoteTopic(source, name);
}

function shareNothing(one: FlowConfig, other: FlowConfig): boolean {
  return overlap([one.topicFilter, other.topicFilter]).kind === 'disjoint';
}

function idsOf(flows: readonly FlowConfig[]): string {
  return flows.map((each) => quoted(each.id)).join(' and ');
}
