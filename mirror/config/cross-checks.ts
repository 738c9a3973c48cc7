import { quoted, type Place, type ProblemCollector } from '../../common/config/problems.js';
import { overlap } from '../policy/overlap.js';
import type { KeyIndex } from './key-index.js';
import type { ClusterConfig, FlowConfig } from './mirror-config.js';

export interface CrossCheckOptions {
  readonly path: string;
  readonly clusters: ReadonlyMap<string, ClusterConfig>;
  readonly flows: readonly FlowConfig[];
  readonly index: KeyIndex;
  readonly requireSourceBootstrap: boolean;
}

/** The rules that more than one key decides. */
export function checkAcrossKeys(options: CrossCheckOptions, problems: ProblemCollector): void {
  const enabled = options.flows.filter((flow) => flow.enabled);
  if (enabled.length === 0 && options.clusters.size > 0 && !problems.hasErrors) {
    problems.warn(
      { file: options.path, line: 0, key: null },
      'no flow is enabled, so nothing is replicated',
      'for example us-east->us-west.enabled = true',
    );
  }
  checkBootstrapServers(enabled, options, problems);
  checkCycles(enabled, { place: (flow) => placeOf(flow, options), problems });
  checkSharedTopics(enabled, options, problems);
}

export interface CycleCheckOptions {
  /** Where an operator would look for the flow. */
  readonly place: (flow: FlowConfig) => Place;
  readonly problems: ProblemCollector;
}

/** Whether records could go round among flows that are all enabled. */
export function checkCycles(flows: readonly FlowConfig[], options: CycleCheckOptions): void {
  const cycles = new CycleChecks(flows, options);
  cycles.checkNames();
  cycles.checkUnprefixedCycles();
  cycles.checkMixedPairs();
}

function checkBootstrapServers(
  enabled: readonly FlowConfig[],
  options: CrossCheckOptions,
  problems: ProblemCollector,
): void {
  const reported = new Set<string>();
  for (const flow of enabled) {
    const needed = options.requireSourceBootstrap ? [flow.source, flow.target] : [flow.target];
    for (const alias of needed) {
      if (reported.has(alias)) continue;
      if ((options.clusters.get(alias)?.bootstrapServers.length ?? 0) > 0) continue;
      reported.add(alias);
      problems.error(
        placeOf(flow, options),
        `${quoted(flow.id)} is enabled, but \`${alias}.bootstrap.servers\` is missing or empty`,
        `for example ${alias}.bootstrap.servers = kafka-1:9092,kafka-2:9092`,
      );
    }
  }
}

/** Two sources that keep names may meet in one topic, where no batch would find its place free. */
function checkSharedTopics(
  enabled: readonly FlowConfig[],
  options: CrossCheckOptions,
  problems: ProblemCollector,
): void {
  const firstByTarget = new Map<string, FlowConfig>();
  const reported = new Set<string>();
  for (const flow of enabled) {
    if (flow.policy.name !== 'identity' || reported.has(flow.target)) continue;
    const first = firstByTarget.get(flow.target);
    firstByTarget.set(flow.target, first ?? flow);
    // Each is compared with the first only: all pairs of a thousand sites would take minutes.
    if (first === undefined) continue;
    if (overlap([first.topicFilter, flow.topicFilter]).kind === 'disjoint') continue;
    reported.add(flow.target);
    problems.warn(
      placeOf(flow, options),
      `${quoted(first.id)} and ${quoted(flow.id)} keep topic names and may write the same topic ` +
        `of ${quoted(flow.target)}; a topic that both have halts one of them`,
      'use DefaultReplicationPolicy, or lists of topics that have no name in common',
    );
  }
}

/** Where the flow was enabled, or failing that the file. */
function placeOf(flow: FlowConfig, options: CrossCheckOptions): Place {
  const property = options.index.byFlow.get(flow.id)?.get('enabled');
  return property ?? { file: options.path, line: 0, key: null };
}

/** Which records could come back to a cluster they came from, and go round for ever. */
class CycleChecks {
  readonly #enabled: readonly FlowConfig[];
  readonly #place: (flow: FlowConfig) => Place;
  readonly #problems: ProblemCollector;
  readonly #bySource = new Map<string, FlowConfig[]>();

  constructor(enabled: readonly FlowConfig[], { place, problems }: CycleCheckOptions) {
    this.#enabled = enabled;
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
      if (this.#pathBack(flow, () => true) === null) {
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

  /** With identity naming nothing but the lists of topics can keep records from coming back. */
  checkUnprefixedCycles(): void {
    const reported = new Set<string>();
    for (const flow of this.#enabled) {
      if (flow.policy.name !== 'identity') continue;
      const back = this.#pathBack(flow, (each) => each.policy.name === 'identity');
      if (back === null) continue;
      const cycle = [flow, ...back];
      const key = cycle
        .map((each) => each.id)
        .sort()
        .join();
      if (reported.has(key)) continue;
      reported.add(key);
      this.#checkCycle(cycle);
    }
  }

  /** Names that one way keeps and the other prefixes grow a prefix at every turn, without end. */
  checkMixedPairs(): void {
    for (const flow of this.#enabled) {
      if (flow.policy.name !== 'identity') continue;
      const reverse = this.#bySource.get(flow.target)?.find((each) => each.target === flow.source);
      if (reverse === undefined || reverse.policy.name === 'identity') continue;
      const found = overlap([flow.topicFilter, reverse.topicFilter]);
      if (found.kind !== 'overlapping') continue;
      const returned = reverse.policy.formatRemoteTopic(reverse.source, found.name);
      if (!flow.topicFilter.accepts(returned)) continue;
      this.#problems.error(
        this.#place(flow),
        `${quoted(flow.id)} keeps topic names while ${quoted(reverse.id)} prefixes them: ` +
          `${quoted(found.name)} comes back as ${quoted(returned)}, and so on for ever`,
        'use the same policy both ways, or lists of topics that leave out prefixed names',
      );
    }
  }

  #checkCycle(cycle: readonly FlowConfig[]): void {
    const found = overlap(cycle.map((flow) => flow.topicFilter));
    if (found.kind === 'disjoint') return;
    const last = cycle[cycle.length - 1];
    if (last === undefined) return;
    const flows = cycle.map((flow) => quoted(flow.id)).join(' and ');
    const hint = 'use DefaultReplicationPolicy, or lists of topics that have no name in common';
    if (found.kind === 'overlapping') {
      this.#problems.error(
        this.#place(last),
        `${flows} keep topic names and all replicate ${quoted(found.name)}, ` +
          'whose records would go round for ever',
        hint,
      );
    } else {
      this.#problems.error(
        this.#place(last),
        `${flows} keep topic names, and nothing shows that no topic is selected by all of them: its ` +
          'records would go round for ever',
        hint,
      );
    }
  }

  /** The shortest way by flows of `through` from the target of a flow to its source. */
  #pathBack(flow: FlowConfig, through: (flow: FlowConfig) => boolean): FlowConfig[] | null {
    const arrivedBy = new Map<string, FlowConfig>();
    const queue = [flow.target];
    for (const alias of queue) {
      for (const next of this.#bySource.get(alias) ?? []) {
        if (!through(next) || arrivedBy.has(next.target) || next.target === flow.target) continue;
        arrivedBy.set(next.target, next);
        queue.push(next.target);
      }
    }
    if (!arrivedBy.has(flow.source)) return null;
    const path: FlowConfig[] = [];
    for (let alias = flow.source; alias !== flow.target;) {
      const step = arrivedBy.get(alias);
      if (step === undefined) return null;
      path.unshift(step);
      alias = step.source;
    }
    return path;
  }
}
