import { quoted, quotedValue, type ProblemCollector } from '../../common/config/problems.js';
import type { Property } from '../../common/config/properties.js';
import { parseBoolean, parseChoice, parseInteger, splitList } from '../../common/config/values.js';
import { patternFault, PatternList, PATTERNS_MAX } from '../policy/name-filter.js';
import {
  FLOW_OPTIONS,
  spellingsOf,
  type FlowOption,
  type FlowOptionKey,
  type FlowOptionKeyOf,
} from './flow-options.js';
import type { ScopedProperties } from './key-index.js';

/** In one, a space is one character among others that match. */
const CHARACTER_CLASS = /\[(?:\\[^]|[^\]\\])*\]/g;

/** Beyond 2^31-1 ms a Node timer fires at once. */
export const INTERVAL_SECONDS_MAX = 2_147_483;

export interface Interval {
  readonly enabled: boolean;
  readonly intervalMs: number;
}

/** What a negative interval means. */
const NEVER: Interval = { enabled: false, intervalMs: INTERVAL_SECONDS_MAX * 1000 };

type Choice<K extends FlowOptionKeyOf<'choice'>> = (typeof FLOW_OPTIONS)[K]['choices'][number];
type ClassChoice<K extends FlowOptionKeyOf<'class'>> =
  (typeof FLOW_OPTIONS)[K]['classes'][keyof (typeof FLOW_OPTIONS)[K]['classes']];

/**
 * Reads typed options, of a flow over the whole file over the default. What applies to many flows
 * is parsed, and complained about, once.
 */
export class OptionReader {
  readonly #global: ScopedProperties;
  readonly #problems: ProblemCollector;
  readonly #parsed = new Map<Property, unknown>();
  readonly #defaults = new Map<FlowOptionKey, Property>();
  readonly #patternLists = new Map<string, PatternList>();
  readonly #contradictions = new Set<Property>();

  constructor(global: ScopedProperties, problems: ProblemCollector) {
    this.#global = global;
    this.#problems = problems;
  }

  forFlow(own: ScopedProperties): FlowOptionReader {
    return new FlowOptionReader(this, own);
  }

  /** The property that decides an option of a flow. */
  find(key: FlowOptionKey, own: ScopedProperties): Property {
    const global = key === 'enabled' ? null : this.#inScope(key, this.#global);
    return this.#inScope(key, own) ?? global ?? this.#defaultOf(key);
  }

  parse<T>(property: Property, parser: (property: Property) => T): T {
    if (!this.#parsed.has(property)) this.#parsed.set(property, parser(property));
    return this.#parsed.get(property) as T;
  }

  integer(key: FlowOptionKeyOf<'integer'>, property: Property): number | undefined {
    const option: FlowOption = FLOW_OPTIONS[key];
    if (option.type !== 'integer') return undefined;
    const value = parseInteger(property, option.range, this.#problems);
    if (value !== 0 || option.nonZero !== true) return value;
    this.#problems.error(property, `${quoted(property.key)} must not be 0`);
    return undefined;
  }

  boolean(property: Property): boolean | undefined {
    return parseBoolean(property, this.#problems);
  }

  choice(property: Property, choices: readonly string[]): string | undefined {
    return parseChoice(property, choices, this.#problems);
  }

  seconds(property: Property): Interval | undefined {
    if (/^-\d{1,16}$/.test(property.value)) return NEVER;
    const range = { min: -1, max: 2_147_483_647 };
    const seconds = parseInteger(property, range, this.#problems);
    if (seconds === undefined) return undefined;
    if (seconds === 0) {
      this.#problems.error(
        property,
        `${quoted(property.key)} must not be 0`,
        'use 1, or disable it',
      );
    }
    if (seconds > INTERVAL_SECONDS_MAX) {
      this.#problems.warn(
        property,
        `${quoted(property.key)} is shortened to ${INTERVAL_SECONDS_MAX} seconds`,
      );
    }
    return { enabled: true, intervalMs: Math.min(seconds, INTERVAL_SECONDS_MAX) * 1000 };
  }

  /** Accepts the simple name of a class or any full one that ends in it. */
  className(property: Property, classes: Readonly<Record<string, string>>): string | undefined {
    const simpleName = property.value.slice(property.value.lastIndexOf('.') + 1);
    if (Object.hasOwn(classes, simpleName)) return classes[simpleName];
    this.#problems.error(
      property,
      `${quoted(property.key)} names the Java class ${quotedValue(property, property.value)}, ` +
        'which cannot run here',
      `built in: ${Object.keys(classes).join(', ')}`,
    );
    return undefined;
  }

  patterns(property: Property): PatternList {
    const { key, lostEscape } = property;
    if (lostEscape !== undefined) {
      this.#problems.warn(
        property,
        `${quoted(key)} has ${quoted(lostEscape)}, of which properties keep ` +
          `${quoted(lostEscape.slice(1))} alone`,
        `write \\${lostEscape}`,
      );
    }
    const known = this.#patternLists.get(property.value);
    if (known !== undefined) return known;
    const patterns = splitList(property.value);
    const sound = patterns.length <= PATTERNS_MAX && this.#checkPatterns(property, patterns);
    if (patterns.length > PATTERNS_MAX) {
      this.#problems.error(
        property,
        `${quoted(property.key)} has more than ${PATTERNS_MAX} patterns`,
      );
    }
    if (!sound) return new PatternList([]); // the load fails; this keeps the other checks going
    const list = new PatternList(patterns);
    this.#patternLists.set(property.value, list);
    return list;
  }

  #checkPatterns(property: Property, patterns: readonly string[]): boolean {
    let sound = true;
    for (const pattern of patterns) {
      const fault = patternFault(pattern);
      if (fault === null) {
        this.#checkSpaces(property, pattern);
        continue;
      }
      sound = false;
      const splitQuantifier = /\{\d*$/.test(pattern) || /^\d*\}/.test(pattern);
      this.#problems.error(
        property,
        `${quoted(property.key)} has the pattern ${quotedValue(property, pattern)}, ` +
          `which cannot be used: ${fault}`,
        splitQuantifier ? 'a comma separates patterns, so {m,n} cannot be written' : null,
      );
    }
    return sound;
  }

  /** As for MM2 it is one pattern; but who writes `orders payments` means two. */
  #checkSpaces(property: Property, pattern: string): void {
    if (!/\s/.test(pattern.replace(CHARACTER_CLASS, ''))) return;
    const meant = pattern.trim().split(/\s+/).join(', ');
    this.#problems.warn(
      property,
      `${quoted(property.key)} has the pattern ${quotedValue(property, pattern)}, which only matches ` +
        'names with a space',
      property.reference === undefined
        ? `a comma separates patterns: ${meant}`
        : 'a comma separates patterns',
    );
  }

  #inScope(key: FlowOptionKey, scope: ScopedProperties): Property | null {
    const found = spellingsOf(key)
      .map((spelling) => scope.get(spelling))
      .filter((property) => property !== undefined);
    const [first, second] = found;
    if (first === undefined) return null;
    if (second !== undefined && first.value !== second.value && !this.#contradictions.has(second)) {
      this.#contradictions.add(second);
      this.#problems.error(
        second,
        `${quoted(second.key)} contradicts ${quoted(first.key)} on line ${first.line}: both are ` +
          'the same option',
        `keep ${quoted(first.key)}`,
      );
    }
    return first;
  }

  #defaultOf(key: FlowOptionKey): Property {
    const known = this.#defaults.get(key);
    if (known !== undefined) return known;
    const value = FLOW_OPTIONS[key].default;
    const property = Object.freeze({ key, value, file: '<default>', line: 0 });
    this.#defaults.set(key, property);
    return property;
  }
}

/** The options of one flow. A malformed one is reported, and read as its default. */
export class FlowOptionReader {
  readonly #reader: OptionReader;
  readonly #own: ScopedProperties;

  constructor(reader: OptionReader, own: ScopedProperties) {
    this.#reader = reader;
    this.#own = own;
  }

  property(key: FlowOptionKey): Property {
    return this.#reader.find(key, this.#own);
  }

  boolean(key: FlowOptionKeyOf<'boolean'>): boolean {
    return (
      this.read(key, (each) => this.#reader.boolean(each)) ?? FLOW_OPTIONS[key].default === 'true'
    );
  }

  integer(key: FlowOptionKeyOf<'integer'>): number {
    const value = this.read(key, (each) => this.#reader.integer(key, each));
    return value ?? Number(FLOW_OPTIONS[key].default);
  }

  seconds(key: FlowOptionKeyOf<'seconds'>): Interval {
    const value = this.read(key, (each) => this.#reader.seconds(each));
    return value ?? { enabled: true, intervalMs: Number(FLOW_OPTIONS[key].default) * 1000 };
  }

  choice<K extends FlowOptionKeyOf<'choice'>>(key: K): Choice<K> {
    const { choices, default: preset } = FLOW_OPTIONS[key];
    return (this.read(key, (each) => this.#reader.choice(each, choices)) ?? preset) as Choice<K>;
  }

  classChoice<K extends FlowOptionKeyOf<'class'>>(key: K): ClassChoice<K> {
    const { classes } = FLOW_OPTIONS[key];
    const value = this.read(key, (each) => this.#reader.className(each, classes));
    return (value ?? 'default') as ClassChoice<K>;
  }

  patterns(key: FlowOptionKeyOf<'patterns'>): PatternList {
    return this.read(key, (each) => this.#reader.patterns(each));
  }

  text(key: FlowOptionKeyOf<'text'>): string {
    return this.property(key).value;
  }

  /** Parses the property that decides an option: once, however many flows it applies to. */
  read<T>(key: FlowOptionKey, parser: (property: Property) => T): T {
    return this.#reader.parse(this.property(key), parser);
  }
}
