import { quoted, type ProblemCollector } from '../../common/config/problems.js';
import type { Properties, Property } from '../../common/config/properties.js';
import { splitList } from '../../common/config/values.js';

/** `${provider:path:key}` or `${provider:key}`: how Kafka keeps secrets out of the file. */
export interface Reference {
  /** The simple name of the provider's class: `FileConfigProvider`. */
  readonly providerClass: string;

  /** Empty for a provider that needs none. */
  readonly path: string;
  readonly key: string;

  /** `config.providers.<name>.param.*`, without that prefix: `allowed.paths`, `allowlist.pattern`. */
  readonly params: ReadonlyMap<string, string>;
}

/** Looks a reference up; undefined if there is no such thing. May throw. */
export type ResolveReference = (reference: Reference) => string | undefined;

// Without braces inside, so that a text of many `${` is still searched in linear time.
const REFERENCE = /\$\{([^{}:]*):(?:([^{}:]*):)?([^{}]*)\}/g;

/** Every reference in a value, as written. */
export function referencesIn(value: string): readonly string[] {
  return value.match(REFERENCE) ?? [];
}

/** Whether a value depends on a file or variable of the machine that reads it. */
export function hasReference(value: string): boolean {
  return value.search(REFERENCE) !== -1;
}

export interface ResolveReferencesOptions {
  /** Without it references stay. */
  readonly resolve?: ResolveReference | undefined;
  readonly problems: ProblemCollector;

  /** A reference that cannot be looked up is a warning, and stays. */
  readonly keepUnresolved?: boolean | undefined;
}

/**
 * Replaces references to the providers that `config.providers` declares. Others stay as they are,
 * as in Kafka. A file read through a reference is never read for references again.
 */
export function resolveReferences(
  properties: Properties,
  options: ResolveReferencesOptions,
): Properties {
  const { resolve, problems } = options;
  if (resolve === undefined) return properties;
  const providers = readProviders(properties, problems);

  const resolveOne = (property: Property): Property => {
    const value = property.value.replace(REFERENCE, (text, ...parts: (string | undefined)[]) => {
      const [name = '', path = '', key = ''] = parts;
      const provider = providers.get(name);
      if (provider === undefined) {
        undeclared(property, { text, name }, problems);
        return text;
      }
      const isBuiltIn = PROVIDER_CLASSES.includes(provider.providerClass);
      const found = isBuiltIn
        ? lookUp({ ...provider, path, key }, resolve)
        : { reason: `its provider is none of ${PROVIDER_CLASSES.join(', ')}` };
      if (typeof found === 'string') return found;
      const reason = `${quoted(property.key)} refers to ${quoted(text)}: ${found.reason}`;
      if (options.keepUnresolved === true && isBuiltIn)
        problems.warn(property, reason, 'it must be there where the program runs');
      else problems.error(property, reason);
      problems.settle(property);
      return text;
    });
    return value === property.value
      ? property
      : Object.freeze({ ...property, value, reference: property.value });
  };
  return new Map([...properties].map(([key, property]) => [key, resolveOne(property)]));
}

/** Kafka leaves it as it is, without a word: then it is a password that nobody has. */
function undeclared(
  property: Property,
  { text, name }: { readonly text: string; readonly name: string },
  problems: ProblemCollector,
): void {
  problems.warn(
    property,
    `${quoted(property.key)} has ${quoted(text)}, which is kept as it is, because \`config.providers\` ` +
      `does not name ${quoted(name)}`,
    `write config.providers = ${name}, and its class`,
  );
}

/** Those that read what any process can read, by the simple names of Kafka's classes. */
const PROVIDER_CLASSES: readonly string[] = [
  'FileConfigProvider',
  'DirectoryConfigProvider',
  'EnvVarConfigProvider',
];

type Provider = Pick<Reference, 'providerClass' | 'params'>;

function readProviders(
  properties: Properties,
  problems: ProblemCollector,
): ReadonlyMap<string, Provider> {
  const providers = new Map<string, Provider>();
  const declared = properties.get('config.providers');
  if (declared === undefined) return providers;
  for (const name of splitList(declared.value)) {
    const prefix = `config.providers.${name}.`;
    const className = properties.get(`${prefix}class`);
    if (className === undefined) {
      const example = `${prefix}class = org.apache.kafka.common.config.provider.FileConfigProvider`;
      problems.error(
        declared,
        `the provider ${quoted(name)} has no class`,
        `for example ${example}`,
      );
      continue;
    }
    const params = new Map<string, string>();
    for (const [key, { value }] of properties)
      if (key.startsWith(`${prefix}param.`)) params.set(key.slice(prefix.length + 6), value);
    const { value } = className;
    providers.set(name, { providerClass: value.slice(value.lastIndexOf('.') + 1), params });
  }
  return providers;
}

function lookUp(reference: Reference, resolve: ResolveReference): string | { reason: string } {
  try {
    return resolve(reference) ?? { reason: 'there is no such key' };
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}
