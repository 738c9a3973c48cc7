import {
  ProblemCollector,
  quoted,
  quotedValue,
  type Problem,
} from '../../common/config/problems.js';
import { nearestKey } from '../../common/config/nearest-key.js';
import { parseProperties, type Properties, type Property } from '../../common/config/properties.js';
import { parseHostPorts, splitList } from '../../common/config/values.js';
import { aliasFault } from '../flow.js';
import { CLIENT_KEYS, parseRoleKey, SECURITY_KEYS } from './client-keys.js';
import { checkClientValue } from './client-values.js';
import type { TlsFiles } from './mirror-config.js';
import { resolveReferences, type ResolveReference } from './references.js';
import { isSecretKey } from './secrets.js';
import { AGENT_OPTIONS } from './service-options.js';
import { ServiceReader } from './service-reader.js';

/** A validated agent.properties. */
export interface AgentConfig {
  readonly id: string;

  /** Where the agent runs; empty if it does not say. Agents of a source's site are preferred. */
  readonly site: string;

  /** Aliases of the clusters the agent can reach. */
  readonly clusters: readonly string[];

  /** `host:port` of all coordinators, of which one leads. Empty in a standalone process. */
  readonly coordinators: readonly string[];
  readonly httpListen: string;
  readonly tls: TlsFiles;

  /** Bounds all bytes between a fetch from the source and the acknowledgement of the target. */
  readonly memoryBytesMax: number;
  readonly connectionsPerBrokerMax: number;
  readonly drainTimeoutMs: number;

  /** What the agent may fetch, of all flows together; zero is no limit. */
  readonly bandwidthBytesPerSecond: number;

  /** The `<alias>.*` keys, for loadMirrorConfig to lay over what a coordinator sends. Secrets. */
  readonly overrides: Properties;
  readonly warnings: readonly Problem[];
}

export interface LoadAgentConfigOptions {
  /** Shown in problems; nothing is read from it. */
  readonly path: string;
  readonly text: string;

  /** The id of an agent whose file has none; made usable if it is not. */
  readonly hostname: string;

  /** An agent in one process with its coordinator needs no address, and its file is the mm2 one. */
  readonly standalone?: boolean;
  readonly resolveReference?: ResolveReference;

  /** As in LoadMirrorConfigOptions: to check a file elsewhere. */
  readonly keepUnresolved?: boolean;
}

const AGENT_ID_LENGTH_MAX = 200;
const AGENT_ID = /^[a-zA-Z0-9._-]+$/;

/** Throws one ConfigError that lists everything that is wrong. */
export function loadAgentConfig(options: LoadAgentConfigOptions): AgentConfig {
  const problems = new ProblemCollector();
  const written = parseProperties({ ...options, isVerbatim: isSecretKey }, problems);
  const { resolveReference: resolve, keepUnresolved } = options;
  const properties = resolveReferences(written, { resolve, problems, keepUnresolved });
  const reader = new ServiceReader(AGENT_OPTIONS, properties, problems);
  const standalone = options.standalone ?? false;
  const overrides = standalone
    ? new Map<string, Property>()
    : collectOverrides(properties, problems);
  const config: AgentConfig = Object.freeze({
    id: readId(properties, options.hostname, problems),
    site: reader.text('agent.site') ?? '',
    clusters: readClusters(reader, { properties, overrides, options }, problems),
    coordinators: Object.freeze(reader.list('agent.coordinators')),
    httpListen: reader.address('agent.http.listen') ?? '',
    tls: reader.tls('agent'),
    memoryBytesMax: reader.integer('agent.memory.bytes.max'),
    connectionsPerBrokerMax: reader.integer('agent.connections.per.broker.max'),
    drainTimeoutMs: reader.integer('agent.drain.timeout.ms'),
    bandwidthBytesPerSecond: reader.integer('agent.bandwidth.bytes.per.second'),
    overrides,
    warnings: [],
  });
  if (!standalone && config.coordinators.length === 0) {
    problems.error(
      properties.get('agent.coordinators') ?? missing(options, 'agent.coordinators'),
      'the key `agent.coordinators` is missing or empty',
      'for example agent.coordinators = mirror-1:7700,mirror-2:7700',
    );
  }
  if (standalone) checkOwnCoordinator(properties, config.tls, problems);
  problems.throwIfErrors();
  // Standalone, the file is the mm2 one, whose loader gives the same warnings.
  return standalone ? config : Object.freeze({ ...config, warnings: problems.warnings });
}

/** In one process as well, the agent calls its coordinator by TLS: it has to know it, and to be known. */
function checkOwnCoordinator(
  properties: Properties,
  tls: TlsFiles,
  problems: ProblemCollector,
): void {
  const served = properties.get('coordinator.tls.cert');
  if (served !== undefined && tls.ca === null) {
    problems.error(
      served,
      '`coordinator.tls.cert` needs `agent.tls.ca`: the agent in this process calls it as well',
      'agent.tls.ca is the PEM file of the CA that signed it; it must be valid for the address of coordinator.listen',
    );
  }
  const asked = properties.get('coordinator.tls.ca');
  if (asked !== undefined && tls.cert === null) {
    problems.error(
      asked,
      '`coordinator.tls.ca` needs `agent.tls.cert` and `agent.tls.key`: the agent in this process is asked for them',
    );
  }
}

function readId(properties: Properties, hostname: string, problems: ProblemCollector): string {
  const property = properties.get('agent.id');
  if (property === undefined || property.value === '') {
    const usable = hostname.replace(/[^a-zA-Z0-9._-]/g, '-').slice(0, AGENT_ID_LENGTH_MAX);
    return usable === '' ? 'agent' : usable;
  }
  const { value } = property;
  if (!AGENT_ID.test(value) || value.length > AGENT_ID_LENGTH_MAX) {
    problems.error(
      property,
      `\`agent.id\` must have letters, digits, \`.\`, \`_\` and \`-\` only, not ${quotedValue(property, value)}`,
    );
  }
  return value;
}

interface ClusterSources {
  readonly properties: Properties;
  readonly overrides: Properties;
  readonly options: LoadAgentConfigOptions;
}

/** `agent.clusters`; in its absence the aliases whose bootstrap servers the file has. */
function readClusters(
  reader: ServiceReader,
  sources: ClusterSources,
  problems: ProblemCollector,
): readonly string[] {
  const { properties, overrides, options } = sources;
  const property = properties.get('agent.clusters');
  let aliases = [...new Set(reader.list('agent.clusters'))];
  if (options.standalone === true && aliases.length === 0) {
    aliases = splitList(properties.get('clusters')?.value ?? '');
  } else if (property === undefined) {
    const suffix = '.bootstrap.servers';
    aliases = [...overrides.keys()]
      .filter((key) => key.endsWith(suffix))
      .map((key) => key.slice(0, -suffix.length));
    if (aliases.length === 0) {
      problems.error(
        missing(options, 'agent.clusters'),
        'the key `agent.clusters` is missing',
        'for example agent.clusters = factory-a, central',
      );
    }
  }
  for (const alias of aliases) {
    const fault = aliasFault(alias);
    const place = property ?? missing(options, 'agent.clusters');
    if (fault !== null)
      problems.error(place, `the alias ${quoted(alias)} cannot be used: ${fault}`);
  }
  return Object.freeze(aliases);
}

/** Everything but `agent.*` that configures a client of a cluster. The rest is reported. */
function collectOverrides(properties: Properties, problems: ProblemCollector): Properties {
  const overrides = new Map<string, Property>();
  for (const [key, property] of properties) {
    if (Object.hasOwn(AGENT_OPTIONS, key) || /^config\.providers(\.|$)/.test(key)) continue;
    if (!key.startsWith('agent.') && isClientOverride(key)) {
      if (key.endsWith('.bootstrap.servers')) parseHostPorts(property, problems);
      checkOverride(property, problems);
      overrides.set(key, property);
      continue;
    }
    const suggestion = nearestKey(key, Object.keys(AGENT_OPTIONS)) ?? nearestClientKey(key);
    problems.warn(
      property,
      `unknown key ${quoted(key)} is ignored`,
      suggestion === null ? null : `did you mean \`${suggestion}\`?`,
    );
  }
  return overrides;
}

const CHECKED = /(?:^|\.)(security\.protocol|sasl\.mechanism|request\.timeout\.ms)$/;

function checkOverride(property: Property, problems: ProblemCollector): void {
  const name = CHECKED.exec(property.key)?.[1];
  if (name !== undefined) checkClientValue(name, property, problems);
}

/** For `east.securty.protocol`: aliases are not known here, so any beginning may be one. */
function nearestClientKey(key: string): string | null {
  for (let dot = key.indexOf('.'); dot !== -1; dot = key.indexOf('.', dot + 1)) {
    const nearest = nearestKey(key.slice(dot + 1), CLIENT_KEYS);
    if (nearest !== null) return key.slice(0, dot + 1) + nearest;
  }
  return null;
}

/** `<alias>.x` or `<alias>.role.x` for some alias, or a security option of all clusters. */
function isClientOverride(key: string): boolean {
  if (SECURITY_KEYS.has(key)) return true;
  for (let dot = key.indexOf('.'); dot !== -1; dot = key.indexOf('.', dot + 1)) {
    const name = key.slice(dot + 1);
    if (CLIENT_KEYS.has(name) || parseRoleKey(name)?.known === true) {
      return aliasFault(key.slice(0, dot)) === null;
    }
  }
  return false;
}

function missing(options: LoadAgentConfigOptions, key: string) {
  return { file: options.path, line: 0, key };
}
