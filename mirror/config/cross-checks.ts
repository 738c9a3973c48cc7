import { quoted, type Place, type ProblemCollector } from '../../common/config/problems.js';
import { overlap } from '../policy/overlap.js';
import { checkCycles } from './cycle-checks.js';
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
