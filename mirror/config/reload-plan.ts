import { ProblemCollector, type Problem } from '../../common/config/problems.js';
import type { Properties } from '../../common/config/properties.js';
import type { FlowId } from '../flow.js';
import type { ReplicationPolicy } from '../policy/replication-policy.js';
import { checkCycles } from './cycle-checks.js';
import { FLOW_OPTIONS, type FlowOptionKey } from './flow-options.js';
import type { ClusterConfig, FlowConfig, MirrorConfig } from './mirror-config.js';

/** What a changed file means for a process that runs with an earlier one. */
export interface ReloadPlan {
  /** What runs from now on: the file, but for what only a restart can change. */
  readonly config: MirrorConfig;
  readonly added: readonly FlowId[];
  readonly removed: readonly FlowId[];
  readonly changed: readonly FlowId[];

  /** Every key that differs, by name only: values may be secrets. */
  readonly keys: readonly string[];

  /** Those of `keys` that this process heeds when it is started again. */
  readonly restartKeys: readonly string[];

  /** Why it cannot be applied without a restart; empty if it can. */
  readonly problems: readonly Problem[];
}

/** Read once: addresses, identities and the store of this process. */
const PROCESS_KEY = /^(coordinator|agent)\./;

/** Names of topics: under other ones the state of a flow would not be found again. */
const NAMING_KEY = /(^|\.)replication\.policy\.(class|separator|internal\.topic\.)/;

const NAMING_OPTIONS = [
  'replication.policy.class',
  'replication.policy.separator',
  'replication.policy.internal.topic.separator.enabled',
] as const satisfies readonly FlowOptionKey[];

export function planReload(running: MirrorConfig, loaded: MirrorConfig): ReloadPlan {
  const before = enabledById(running);
  const after = new Map<FlowId, FlowConfig>();
  for (const [id, flow] of enabledById(loaded)) {
    const earlier = before.get(id);
    after.set(id, earlier === undefined ? flow : { ...flow, policy: earlier.policy });
  }
  const flows = loaded.flows.map((flow) => after.get(flow.id) ?? flow);
  const renamedFlows = [...enabledById(loaded)].flatMap(([id, flow]) => {
    const earlier = before.get(id);
    return earlier === undefined || sameNames(earlier.policy, flow.policy) ? [] : [id];
  });
  const keptNames = new Map(renamedFlows.flatMap((id) => namesOf(id, running)));
  const config = { ...loaded, flows, coordinator: running.coordinator, keptNames };
  const keys = changedKeys(running.properties, loaded.properties);
  const renamed = renamedFlows.length > 0;
  const needsRestart = (key: string): boolean =>
    PROCESS_KEY.test(key) || (renamed && NAMING_KEY.test(key));
  return {
    config,
    added: [...after.keys()].filter((id) => !before.has(id)),
    removed: [...before.keys()].filter((id) => !after.has(id)),
    changed: [...after.keys()].filter((id) => {
      const earlier = before.get(id);
      return earlier !== undefined && !sameWork(earlier, { id, running, config });
    }),
    keys,
    restartKeys: keys.filter(needsRestart),
    problems: renamed ? cyclesOf([...after.values()], loaded) : [],
  };
}

/** The naming of a flow that runs, as keys of its own. */
function namesOf(id: FlowId, { properties, keptNames }: MirrorConfig): [string, string][] {
  return NAMING_OPTIONS.map((option) => {
    const key = `${id}.${option}`;
    const written = properties.get(key) ?? properties.get(option);
    return [key, keptNames?.get(key) ?? written?.value ?? FLOW_OPTIONS[option].default];
  });
}

/**
 * The file was checked with the names that it asks for. Flows that run keep theirs, which together with
 * those of new flows may lead in a circle.
 */
function cyclesOf(flows: readonly FlowConfig[], { properties }: MirrorConfig): readonly Problem[] {
  const problems = new ProblemCollector();
  const [any] = properties.values();
  const nowhere = { file: any?.file ?? '', line: 0, key: null };
  const place = ({ id }: FlowConfig) => properties.get(`${id}.enabled`) ?? nowhere;
  checkCycles(flows, { place, problems });
  return problems.all.filter(({ severity }) => severity === 'error');
}

/** Whether two configurations of a flow make everything about it the same. */
export function sameFlow(a: FlowConfig, b: FlowConfig): boolean {
  return sameNames(a.policy, b.policy) && canonical(a) === canonical(b);
}

export function sameCluster(a: ClusterConfig | undefined, b: ClusterConfig | undefined): boolean {
  return canonical(a) === canonical(b);
}

interface WorkComparison {
  readonly id: FlowId;
  readonly running: MirrorConfig;
  readonly config: MirrorConfig;
}

function sameWork(earlier: FlowConfig, { id, running, config }: WorkComparison): boolean {
  const later = config.flows.find((flow) => flow.id === id);
  if (later === undefined || !sameFlow(earlier, later)) return false;
  return [later.source, later.target].every((alias) =>
    sameCluster(running.clusters.get(alias), config.clusters.get(alias)),
  );
}

function enabledById(config: MirrorConfig): Map<FlowId, FlowConfig> {
  return new Map(config.flows.filter((flow) => flow.enabled).map((flow) => [flow.id, flow]));
}

function sameNames(a: ReplicationPolicy, b: ReplicationPolicy): boolean {
  const names = (policy: ReplicationPolicy): string =>
    [
      policy.name,
      policy.formatRemoteTopic('a', 't'),
      policy.offsetMapTopic('a'),
      policy.checkpointsTopic('a'),
    ].join('|');
  return names(a) === names(b);
}

function canonical(value: FlowConfig | ClusterConfig | undefined): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'bigint' ? part.toString() : part,
  );
}

function changedKeys(before: Properties, after: Properties): string[] {
  const all = new Set([...before.keys(), ...after.keys()]);
  return [...all].filter((key) => before.get(key)?.value !== after.get(key)?.value).sort();
}
