import { ProblemCollector, quoted, quotedValue } from '../../common/config/problems.js';
import {
  mergeProperties,
  parseProperties,
  type Properties,
  type Property,
} from '../../common/config/properties.js';
import { nearestKey } from '../../common/config/nearest-key.js';
import { parseHostPorts, splitList } from '../../common/config/values.js';
import { aliasFault, formatFlowId, parseFlowSides, type FlowId } from '../flow.js';
import { CLIENT_KEYS, SECURITY_KEYS } from './client-keys.js';
import { checkAcrossKeys } from './cross-checks.js';
import { buildFlow } from './flow-config.js';
import { indexKeys, type KeyIndex, type ScopedProperties } from './key-index.js';
import type {
  ClusterConfig,
  CoordinatorConfig,
  FlowConfig,
  MirrorConfig,
} from './mirror-config.js';
import { OptionReader } from './option-reader.js';
import { hasReference, resolveReferences, type ResolveReference } from './references.js';
import { isLocalFileKey, isSecretKey } from './secrets.js';
import { readCoordinatorConfig } from './service-reader.js';

export interface LoadMirrorConfigOptions {
  /** Shown in problems; nothing is read from it. */
  readonly path: string;
  readonly text: string;

  /** An agent's own keys: they replace those of the text, without a warning. */
  readonly overrides?: Properties;

  /**
   * A process that reads the source itself needs its bootstrap servers. A coordinator does not:
   * they may be known to the source's agents alone.
   */
  readonly requireSourceBootstrap: boolean;

  /** For `${file:...}`; without it references stay in the values as they are. */
  readonly resolveReference?: ResolveReference;

  /** References that cannot be looked up are warned of and stay as they are: to check a file elsewhere. */
  readonly keepUnresolved?: boolean;
}

/** These begin keys of our own, so a cluster of that name could not be told from them. */
const RESERVED_ALIASES: ReadonlySet<string> = new Set(['coordinator', 'agent']);

/**
 * Reads a configuration with MirrorMaker 2's keys, precedence and defaults. Throws one ConfigError
 * that lists everything that is wrong.
 */
export function loadMirrorConfig(options: LoadMirrorConfigOptions): MirrorConfig {
  const problems = new ProblemCollector();
  const { written, index, clusters, flows, coordinator } = analyseMirrorConfig(options, problems);
  problems.throwIfErrors();
  return Object.freeze({
    clusters,
    flows: Object.freeze(flows),
    coordinator,
    warnings: problems.warnings,
    properties: new Map([...written].filter(([key]) => index.known.has(key))),
  });
}

/** What a text says, as far as it can be understood. */
export interface AnalysedConfig {
  /** As written: references stand for themselves. */
  readonly written: Properties;
  readonly index: KeyIndex;
  readonly clusters: ReadonlyMap<string, ClusterConfig>;
  readonly flows: FlowConfig[];
  readonly coordinator: CoordinatorConfig;
}

/** Everything that is wrong is added to `problems`; what is wrong is read as its default. */
export function analyseMirrorConfig(
  options: LoadMirrorConfigOptions,
  problems: ProblemCollector,
): AnalysedConfig {
  const written = mergeProperties(
    parseProperties({ ...options, isVerbatim: isSecretKey }, problems),
    options.overrides ?? new Map<string, Property>(),
  );
  const { resolveReference: resolve, keepUnresolved } = options;
  const properties = resolveReferences(written, { resolve, problems, keepUnresolved });
  const aliases = readAliases(properties, options.path, problems);
  const index = indexKeys(properties, aliases, problems);

  const clusters = new Map(
    [...aliases].map((alias) => [alias, buildCluster(alias, index, problems)]),
  );
  const flows = buildFlows(index, problems);
  const coordinator = readCoordinatorConfig(index.global, problems);
  checkAcrossKeys({ ...options, clusters, flows, index }, problems);
  return { written, index, clusters, flows, coordinator };
}

/**
 * What a coordinator may send to its agents, for them to load as a file of their own: no secrets,
 * no unknown keys (one may be a misspelt secret), no local paths, nothing about the coordinator.
 */
export function nonSecretProperties(config: MirrorConfig): ReadonlyMap<string, string> {
  const shipped = new Map<string, string>();
  for (const [key, { value }] of config.properties) {
    if (/^(coordinator|agent)\./.test(key) || key.startsWith('config.providers')) continue;
    // A user and password inside an address are secret under any key.
    if (isSecretKey(key) || isLocalFileKey(key) || /:\/\/[^/\s,]*@/.test(value)) continue;
    // A reference means a file or a variable of this machine.
    if (hasReference(value)) continue;
    shipped.set(key, value);
  }
  for (const [key, value] of config.keptNames ?? []) shipped.set(key, value);
  return shipped;
}

function readAliases(
  properties: Properties,
  path: string,
  problems: ProblemCollector,
): ReadonlySet<string> {
  const property = properties.get('clusters');
  const aliases = new Set<string>();
  if (property === undefined) {
    const suggestion = nearestKey('clusters', properties.keys());
    problems.error(
      { file: path, line: 0, key: 'clusters' },
      'the key `clusters` is missing',
      suggestion === null
        ? 'for example clusters = us-east, us-west'
        : `did you mean that by \`${suggestion}\`?`,
    );
    return aliases;
  }
  for (const alias of splitList(property.value)) {
    const fault = RESERVED_ALIASES.has(alias)
      ? `${quoted(alias)} is reserved for keys of mirrorctl`
      : aliasFault(alias);
    if (fault !== null) {
      problems.error(
        property,
        `\`clusters\` has the alias ${quotedValue(property, alias)}: ${fault}`,
      );
    } else if (aliases.has(alias)) {
      problems.warn(property, `\`clusters\` has the alias ${quoted(alias)} twice`);
    } else aliases.add(alias);
  }
  if (aliases.size === 0) problems.error(property, '`clusters` names no cluster');
  return aliases;
}

function buildCluster(alias: string, index: KeyIndex, problems: ProblemCollector): ClusterConfig {
  const own: ScopedProperties = index.byCluster.get(alias) ?? new Map<string, Property>();
  const servers = own.get('bootstrap.servers');
  const client: [string, string][] = [];
  for (const [name, property] of index.global) {
    if (SECURITY_KEYS.has(name)) client.push([name, property.value]);
  }
  for (const [name, property] of own) {
    if (CLIENT_KEYS.has(name) && name !== 'bootstrap.servers') client.push([name, property.value]);
  }
  return Object.freeze({
    alias,
    bootstrapServers: Object.freeze(servers === undefined ? [] : parseHostPorts(servers, problems)),
    client: Object.freeze(Object.fromEntries(client)),
  });
}

/** The flows that are named, then the reverse of the enabled ones, whose heartbeats they carry. */
function buildFlows(index: KeyIndex, problems: ProblemCollector): FlowConfig[] {
  const reader = new OptionReader(index.global, problems);
  const flows = new Map<FlowId, FlowConfig>();
  const build = (id: FlowId): FlowConfig => {
    const flow = buildFlow(parseFlowSides(id), { index, reader, problems });
    flows.set(id, flow);
    return flow;
  };
  for (const id of index.byFlow.keys()) build(id);
  for (const flow of [...flows.values()]) {
    const reverse = formatFlowId(flow.target, flow.source);
    if (flow.enabled && !flows.has(reverse)) build(reverse);
  }
  return [...flows.values()];
}
