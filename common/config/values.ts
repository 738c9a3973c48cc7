import { quoted, quotedValue, type ProblemCollector } from './problems.js';
import type { Property } from './properties.js';

/** A list separated by commas; white space around an item does not count, empty items neither. */
export function splitList(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** `true` or `false` in any case. MM2 takes `yes` for false; here it is an error. */
export function parseBoolean(property: Property, problems: ProblemCollector): boolean | undefined {
  const text = property.value.toLowerCase();
  if (text === 'true') return true;
  if (text === 'false') return false;
  malformed(property, 'true or false', problems);
  return undefined;
}

export interface IntegerRange {
  /** Inclusive. */
  readonly min: number;

  /** Inclusive. */
  readonly max: number;
}

export function parseInteger(
  property: Property,
  range: IntegerRange,
  problems: ProblemCollector,
): number | undefined {
  const value = /^[+-]?\d{1,16}$/.test(property.value) ? Number(property.value) : NaN;
  if (value >= range.min && value <= range.max) return value;
  malformed(property, `a whole number from ${range.min} to ${range.max}`, problems);
  return undefined;
}

export function parseChoice<T extends string>(
  property: Property,
  choices: readonly T[],
  problems: ProblemCollector,
): T | undefined {
  const text = property.value.toLowerCase();
  const choice = choices.find((candidate) => candidate.toLowerCase() === text);
  if (choice === undefined) malformed(property, choices.join(' or '), problems);
  return choice;
}

/** `host:port` or `[ipv6]:port`, with an optional `PROTOCOL://` that Kafka's clients accept too. */
const HOST_PORT =
  /^(?:[a-zA-Z][a-zA-Z0-9_+.-]*:\/\/)?(\[[0-9a-fA-F:%.]+\]|[^\s:/@[\]]+):(\d{1,5})$/;

export interface HostPort {
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number;
}

export interface HostPortOptions {
  /** A listening address may ask for any free port with 0; an address to connect to may not. */
  readonly portMin: 0 | 1;
}

/** Null if the text is not of the form `host:port`. */
export function parseHostPort(text: string, options: HostPortOptions): HostPort | null {
  const match = HOST_PORT.exec(text);
  if (match === null) return null;
  const port = Number(match[2]);
  if (port < options.portMin || port > 65_535) return null;
  return { host: (match[1] ?? '').replace(/^\[|\]$/g, ''), port };
}

/** The items of a list of `host:port`, without protocols; every malformed one is reported. */
export function parseHostPorts(property: Property, problems: ProblemCollector): string[] {
  const items = splitList(property.value);
  for (const item of items) {
    if (parseHostPort(item, { portMin: 1 }) === null) {
      problems.error(
        property,
        `${quoted(property.key)} has ${quotedValue(property, item)}, which is not host:port`,
        'for example kafka-1:9092,kafka-2:9092',
      );
    }
  }
  return items.map((item) => item.replace(/^[a-zA-Z][a-zA-Z0-9_+.-]*:\/\//, ''));
}

function malformed(property: Property, expected: string, problems: ProblemCollector): void {
  const { key, value } = property;
  problems.error(
    property,
    `${quoted(key)} must be ${expected}, not ${quotedValue(property, value)}`,
  );
}
