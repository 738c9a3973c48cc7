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
}

/** Looks a reference up; undefined if there is no such thing. May throw. */
export type ResolveReference = (reference: Reference) => string | undefined;

// Without braces inside, so that a text of many `${` is still searched in linear time.
const REFERENCE = /\$\{([^{}:]*):(?:([^{}:]*):)?([^{}]*)\}/g;

/** Whether a value depends on a file or variable of the machine that reads it. */
export function hasReference(value: string): boolean {
  return value.search(REFERENCE) !== -1;
}

/**
 * Replaces references to the providers that `config.providers` declares. Others stay as they are,
 * as in Kafka. A file read through a reference is never read for references again.
 */
export function resolveReferences(
  properties: Properties,
  resolve: ResolveReference,
  problems: ProblemCollector,
): Properties {
  const classes = new Map<string, string>();
  for (const provider of splitList(properties.get('config.providers')?.value ?? '')) {
    const className = properties.get(`config.providers.${provider}.class`)?.value ?? '';
    classes.set(provider, className.slice(className.lastIndexOf('.') + 1));
  }
  if (classes.size === 0) return properties;

  const resolveOne = (property: Property): Property => {
    const value = property.value.replace(REFERENCE, (text, ...parts: (string | undefined)[]) => {
      const [provider = '', path = '', key = ''] = parts;
      const providerClass = classes.get(provider);
      if (providerClass === undefined) return text;
      const found = lookUp({ providerClass, path, key }, resolve);
      if (typeof found === 'string') return found;
      const reason = `${quoted(property.key)} refers to ${quoted(text)}: ${found.reason}`;
      problems.error(property, reason);
      return '';
    });
    return value === property.value ? property : Object.freeze({ ...property, value });
  };
  return new Map([...properties].map(([key, property]) => [key, resolveOne(property)]));
}

function lookUp(reference: Reference, resolve: ResolveReference): string | { reason: string } {
  try {
    return resolve(reference) ?? { reason: 'there is no such key' };
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}
