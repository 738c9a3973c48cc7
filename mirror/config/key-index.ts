import { nearestKey } from '../../common/config/nearest-key.js';
import { quoted, type ProblemCollector } from '../../common/config/problems.js';
import type { Properties, Property } from '../../common/config/properties.js';
import { formatFlowId, type FlowId } from '../flow.js';
import {
  CLIENT_KEYS,
  clientKeysOf,
  parseRoleKey,
  SECURITY_KEYS,
  unheededReason,
} from './client-keys.js';
import { checkClientValue } from './client-values.js';
import { CONNECT_KEYS, connectGroupOf, isTransformKey, type ConnectGroup } from './connect-keys.js';
import { FLOW_OPTION_SPELLINGS } from './flow-options.js';
import { AGENT_OPTIONS, COORDINATOR_OPTIONS } from './service-options.js';

/** Properties without the prefix of their scope. */
export type ScopedProperties = ReadonlyMap<string, Property>;

/** A property and its key without the prefix of its scope. */
interface ScopedKey {
  readonly property: Property;
  readonly name: string;
}

interface Sides {
  readonly source: string;
  readonly target: string;
}

/** The properties of a file that are understood, sorted by what they configure. */
export interface KeyIndex {
  readonly global: ScopedProperties;
  readonly byCluster: ReadonlyMap<string, ScopedProperties>;
  readonly byFlow: ReadonlyMap<FlowId, ScopedProperties>;

  /** The same under their full keys. Only these may leave the process. */
  readonly known: Properties;
}

/** A suggestion costs a comparison with every key; a file of nothing but typos gets no more. */
const SUGGESTIONS_MAX = 200;

const SERVICE_PREFIX = /^(coordinator|agent)\./;
/** Of a target: the Connect group whose members are a MirrorMaker 2 that still runs. */
const TAKEOVER_GROUP_KEY = 'group.id';

const SIDE_KEY = /^(source|target)\.(.+)$/;
const PROVIDER_KEY = /^config\.providers(\.|$)/;

/** Sorts every key to its scope, and reports those that have none or no meaning. */
export function indexKeys(
  properties: Properties,
  aliases: ReadonlySet<string>,
  problems: ProblemCollector,
): KeyIndex {
  const indexer = new KeyIndexer(aliases, problems);
  for (const property of properties.values()) indexer.add(property);
  indexer.reportConnectKeys();
  return indexer;
}

class KeyIndexer implements KeyIndex {
  readonly global = new Map<string, Property>();
  readonly byCluster = new Map<string, Map<string, Property>>();
  readonly byFlow = new Map<FlowId, Map<string, Property>>();
  readonly known = new Map<string, Property>();

  readonly #aliases: ReadonlySet<string>;
  readonly #problems: ProblemCollector;
  readonly #connect = new Map<ConnectGroup, Property[]>();
  /** Options of clients that have no effect, by the reason. */
  readonly #unheeded = new Map<string, Property[]>();
  #suggestions = 0;

  constructor(aliases: ReadonlySet<string>, problems: ProblemCollector) {
    this.#aliases = aliases;
    this.#problems = problems;
  }

  add(property: Property): void {
    const { key } = property;
    if (key.includes('->')) this.#addToFlow(property);
    else if (SERVICE_PREFIX.test(key)) this.#addService(property);
    else {
      const alias = this.#aliasBefore(key, '.');
      if (alias !== null && !isGlobalKey(key)) this.#addToCluster(property, alias);
      else this.#addGlobal(property);
    }
  }

  reportConnectKeys(): void {
    for (const [group, properties] of this.#connect)
      this.#reportWithoutMeaning(properties, group.reason);
    for (const [reason, properties] of this.#unheeded)
      this.#reportWithoutMeaning(properties, reason);
  }

  #reportWithoutMeaning(properties: readonly Property[], reason: string): void {
    const [first] = properties;
    if (first !== undefined) {
      const names = [...new Set(properties.map((property) => quoted(property.key)))];
      const shown = names.slice(0, 4).join(', ');
      const more = names.length > 4 ? ` and ${names.length - 4} more` : '';
      const verb = names.length > 1 ? 'have' : 'has';
      this.#problems.warn(first, `${shown}${more} ${verb} no meaning here, because ${reason}`);
    }
  }

  #addToFlow(property: Property): void {
    const [source = '', rest = ''] = splitOnce(property.key, '->');
    const target = this.#aliasBefore(rest, '.');
    if (rest === '' || this.#aliases.has(rest) || (target !== null && rest === `${target}.`)) {
      this.#reportCutOff(property);
      return;
    }
    if (!this.#aliases.has(source) || target === null) {
      this.#reportUnknownFlow(property, source, rest);
      return;
    }
    if (source === target) {
      this.#problems.error(property, `${quoted(property.key)} is a flow from a cluster to itself`);
      return;
    }
    const place = { property, name: rest.slice(target.length + 1) };
    const own = scope(this.byFlow, formatFlowId(source, target));
    if (FLOW_OPTION_SPELLINGS.has(place.name)) this.#accept(place, own);
    else if (this.#takeRoleKey(place, own) || this.#reportSideKey(place, { source, target }))
      return;
    else if (this.#takeConnectKey(place, own)) return;
    else this.#reportUnknown(property, place.name, FLOW_OPTION_SPELLINGS.keys());
  }

  #addToCluster(property: Property, alias: string): void {
    const name = property.key.slice(alias.length + 1);
    const place = { property, name };
    const own = scope(this.byCluster, alias);
    if (name === TAKEOVER_GROUP_KEY) this.#accept(place, own);
    else if (CLIENT_KEYS.has(name)) this.#acceptClientKey(place, name, own);
    else if (FLOW_OPTION_SPELLINGS.has(name)) {
      this.#problems.warn(
        property,
        `${quoted(property.key)} is ignored: ${quoted(name)} belongs to a flow, not to a cluster`,
        `write source->target.${name}`,
      );
    } else if (this.#takeRoleKey(place, own) || this.#takeConnectKey(place, own)) return;
    else this.#reportUnknown(property, name, CLIENT_KEYS);
  }

  #addGlobal(property: Property): void {
    const { key } = property;
    const place = { property, name: key };
    if (key === 'enabled') {
      // MM2 would start every pair it has a heartbeat connector for: by default all of them.
      this.#problems.warn(property, '`enabled` is ignored without a flow', 'write A->B.enabled');
    } else if (SECURITY_KEYS.has(key)) this.#acceptClientKey(place, key, this.global);
    else if (isGlobalKey(key)) this.#accept(place, this.global);
    else if (this.#takeConnectKey(place, this.global) || this.#takeRoleKey(place, this.global))
      return;
    else if (CLIENT_KEYS.has(key)) {
      this.#problems.warn(
        property,
        `${quoted(key)} is ignored without the alias of a cluster`,
        `write <alias>.${key}`,
      );
    } else if (property.value.startsWith('->')) {
      this.#problems.error(
        property,
        `${quoted(key)} is cut off before \`->\`, because a space ends a key`,
        'write A->B without spaces',
      );
    } else if (property.value.startsWith('>')) {
      this.#problems.error(
        property,
        `${quoted(key)} is cut off before \`>\`, because \`=\` ends a key`,
        'an arrow is written ->',
      );
    } else this.#reportUnknown(property, key, globalKeys());
  }

  #addService(property: Property): void {
    const { key } = property;
    const known = Object.hasOwn(COORDINATOR_OPTIONS, key) || Object.hasOwn(AGENT_OPTIONS, key);
    if (known) this.#accept({ property, name: key }, this.global);
    else this.#reportUnknown(property, key, globalKeys());
  }

  #acceptClientKey(place: ScopedKey, name: string, own: Map<string, Property>): void {
    this.#accept(place, own);
    const reason = unheededReason(name);
    if (reason === null) {
      checkClientValue(name, place.property, this.#problems);
      return;
    }
    const properties = this.#unheeded.get(reason) ?? [];
    properties.push(place.property);
    this.#unheeded.set(reason, properties);
  }

  #accept(place: ScopedKey, own: Map<string, Property>): void {
    own.set(place.name, place.property);
    this.known.set(place.property.key, place.property);
  }

  #takeRoleKey(place: ScopedKey, own: Map<string, Property>): boolean {
    const roleKey = parseRoleKey(place.name);
    if (roleKey === null) return false;
    const { property } = place;
    const scope =
      own === this.global ? 'nowhere' : property.key.includes('->') ? 'flow' : 'cluster';
    if (!roleKey.known) {
      this.#reportUnknown(property, roleKey.name, clientKeysOf(roleKey.role));
    } else if (scope !== 'nowhere' && roleKey.scopes.includes(scope))
      this.#acceptClientKey(place, roleKey.name, own);
    else {
      // To heed it would change what a file does that runs today: a start at `latest` loses records.
      this.#problems.warn(
        property,
        `${quoted(property.key)} is ignored, as it is by MirrorMaker 2`,
        `write A->B.${roleKey.role}.${roleKey.name} or <alias>.${roleKey.role}.${roleKey.name}`,
      );
    }
    return true;
  }

  #takeConnectKey(place: ScopedKey, own: Map<string, Property>): boolean {
    const { property, name } = place;
    if (isTransformKey(name)) {
      this.#problems.error(
        property,
        `${quoted(property.key)} cannot be honoured: records are copied byte for byte, and to ` +
          'ignore a transformation would change what arrives',
        'transform in the application that reads the copy',
      );
      return true;
    }
    const group = connectGroupOf(name);
    if (group === null) return false;
    const keys = this.#connect.get(group) ?? [];
    keys.push(property);
    this.#connect.set(group, keys);
    this.#accept(place, own);
    return true;
  }

  /** `A->B.source.cluster.ssl.protocol`, `A->B.bootstrap.servers`: a cluster is the same for all its flows. */
  #reportSideKey({ property, name }: ScopedKey, sides: Sides): boolean {
    const [, side, option = ''] = SIDE_KEY.exec(name) ?? [];
    const isOfSide = side === 'source' || side === 'target';
    if (isOfSide && (option === 'alias' || option === 'cluster.alias')) {
      const text = `${quoted(property.key)} is ignored: it is ${quoted(sides[side])}, as the key says`;
      this.#problems.warn(property, text, 'remove it');
      return true;
    }
    const client = isOfSide ? option.replace(/^cluster\./, '') : name;
    if (!CLIENT_KEYS.has(client) || (!isOfSide && connectGroupOf(name) !== null)) return false;
    const places = isOfSide ? [sides[side]] : [sides.source, sides.target];
    this.#problems.warn(
      property,
      `${quoted(property.key)} is ignored: ${quoted(client)} belongs to a cluster, not to a flow`,
      `write ${places.map((alias) => `${alias}.${client}`).join(' or ')}`,
    );
    return true;
  }

  /** `A->B .topics = x`, or `A->B. topics = x`: ignored, it would leave the flow without its filter. */
  #reportCutOff(property: Property): void {
    this.#problems.error(
      property,
      `${quoted(property.key)} names no option of a flow; a space ends a key`,
      'write A->B.enabled, without spaces',
    );
  }

  #reportUnknownFlow(property: Property, source: string, rest: string): void {
    if (this.#aliases.size === 0) return; // the missing `clusters` is reported already
    if (!this.#aliases.has(source)) {
      this.#reportUnknownAlias(property, source);
    }
    if (this.#aliasBefore(rest, '.') !== null) return;
    this.#reportUnknownAlias(property, targetOf(rest));
  }

  #reportUnknownAlias(property: Property, alias: string): void {
    const suggestion = this.#suggest(alias, this.#aliases);
    this.#problems.error(
      property,
      `${quoted(property.key)} names the cluster ${quoted(alias)}, which is not in \`clusters\``,
      suggestion === null ? null : `did you mean \`${suggestion}\`?`,
    );
  }

  /** `name` is what follows the prefix of the key, and what `candidates` are compared with. */
  #reportUnknown(property: Property, name: string, candidates: Iterable<string>): void {
    const { key } = property;
    const prefix = key.slice(0, key.length - name.length);
    let suggestion = this.#suggest(name, candidates);
    if (suggestion !== null) suggestion = prefix + suggestion;
    else if (prefix === '') suggestion = this.#suggestAlias(key);
    this.#problems.warn(
      property,
      `unknown key ${quoted(key)} is ignored`,
      suggestion === null ? null : `did you mean \`${suggestion}\`?`,
    );
  }

  /** For `us-eats.bootstrap.servers`: the rest is known, so the alias must be what is misspelt. */
  #suggestAlias(key: string): string | null {
    for (let dot = key.indexOf('.'); dot !== -1; dot = key.indexOf('.', dot + 1)) {
      const name = key.slice(dot + 1);
      const known = CLIENT_KEYS.has(name) || parseRoleKey(name)?.known === true;
      if (!known) continue;
      const alias = this.#suggest(key.slice(0, dot), this.#aliases);
      if (alias !== null) return `${alias}.${name}`;
    }
    return null;
  }

  #suggest(name: string, candidates: Iterable<string>): string | null {
    if (++this.#suggestions > SUGGESTIONS_MAX) return null;
    return nearestKey(name, candidates);
  }

  /** The longest alias that `text` begins with, because `us` and `us.east` may both be clusters. */
  #aliasBefore(text: string, separator: string): string | null {
    for (let end = text.lastIndexOf(separator); end > 0;) {
      const alias = text.slice(0, end);
      if (this.#aliases.has(alias)) return alias;
      end = text.lastIndexOf(separator, end - 1);
    }
    return null;
  }
}

/** Keys that mean the same whatever the aliases are called: `topics.exclude`, `ssl.protocol`. */
function isGlobalKey(key: string): boolean {
  return (
    key === 'clusters' ||
    FLOW_OPTION_SPELLINGS.has(key) ||
    SECURITY_KEYS.has(key) ||
    PROVIDER_KEY.test(key)
  );
}

function* globalKeys(): Generator<string> {
  yield 'clusters';
  yield 'config.providers';
  yield* FLOW_OPTION_SPELLINGS.keys();
  yield* Object.keys(COORDINATOR_OPTIONS);
  yield* Object.keys(AGENT_OPTIONS);
  yield* SECURITY_KEYS;
  yield* CONNECT_KEYS;
}

/** The target in `us-wst.enabled`: what comes before a known option, else before the first dot. */
function targetOf(rest: string): string {
  for (let dot = rest.indexOf('.'); dot !== -1; dot = rest.indexOf('.', dot + 1)) {
    const name = rest.slice(dot + 1);
    if (FLOW_OPTION_SPELLINGS.has(name) || parseRoleKey(name) !== null) return rest.slice(0, dot);
  }
  const [target = ''] = splitOnce(rest, '.');
  return target;
}

function splitOnce(text: string, separator: string): [string, string] {
  const index = text.indexOf(separator);
  if (index === -1) return [text, ''];
  return [text.slice(0, index), text.slice(index + separator.length)];
}

function scope<K>(scopes: Map<K, Map<string, Property>>, name: K): Map<string, Property> {
  const existing = scopes.get(name);
  if (existing !== undefined) return existing;
  const created = new Map<string, Property>();
  scopes.set(name, created);
  return created;
}
