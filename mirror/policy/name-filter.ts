import { RE2JS, RE2JSSyntaxException } from 're2js';
import { MirrorError } from '../../common/errors.js';

/** A longer pattern is refused: names of topics end at 249 characters. */
export const PATTERN_LENGTH_MAX = 4096;

/** Patterns in one list. Bounds the time of a load, and of the first match. */
export const PATTERNS_MAX = 20_000;

/** Patterns compiled into one automaton: few enough that it stays small, many enough to be fast. */
const PATTERNS_PER_AUTOMATON = 64;

/** A pattern of these characters matches itself and nothing else. */
const LITERAL = /^[a-zA-Z0-9_-]+$/;

/** Thrown for a regular expression that is malformed, or that linear time rules out. */
export class PatternError extends MirrorError {
  readonly code = 'MIRROR_PATTERN';
  readonly retriable = false;
  readonly pattern: string;

  constructor(pattern: string, reason: string, options?: ErrorOptions) {
    super(`the pattern \`${pattern.slice(0, 80)}\` cannot be used: ${reason}`, options);
    this.pattern = pattern;
  }
}

/** Why a pattern cannot be used, or null if it can; never with a part of it, which may be a secret. */
export function patternFault(pattern: string): string | null {
  if (pattern.length > PATTERN_LENGTH_MAX) {
    return `it is longer than ${PATTERN_LENGTH_MAX} characters`;
  }
  if (LITERAL.test(pattern)) return null;
  const unsupported = unsupportedConstruct(pattern);
  if (unsupported !== null) return unsupported;
  try {
    RE2JS.compile(pattern);
    return null;
  } catch (error) {
    if (!(error instanceof RE2JSSyntaxException)) throw error;
    return error.getDescription();
  }
}

/** Names that match one of some regular expressions as a whole, as Java's `matches` does. */
export class PatternList {
  readonly patterns: readonly string[];
  readonly #literals = new Set<string>();
  readonly #automata: RE2JS[] = [];

  constructor(patterns: readonly string[]) {
    if (patterns.length > PATTERNS_MAX) {
      throw new PatternError(patterns[0] ?? '', `the list has more than ${PATTERNS_MAX} patterns`);
    }
    this.patterns = Object.freeze([...patterns]);
    const expressions: string[] = [];
    // MM2 joins the patterns by `|`, so that a flag of one holds for all that follow.
    const flags = new Map<string, boolean>();
    for (const pattern of patterns) {
      const fault = patternFault(pattern);
      if (fault !== null) throw new PatternError(pattern, fault);
      const expression = formatFlags(flags) + pattern;
      if (LITERAL.test(expression)) this.#literals.add(pattern);
      // An open quotation would swallow the parenthesis that ends its group.
      else if (pattern.includes('\\Q')) this.#automata.push(RE2JS.compile(expression));
      else expressions.push(`(?:${expression})`);
      if (pattern.includes('(?')) takeFlags(pattern, flags);
    }
    for (let start = 0; start < expressions.length; start += PATTERNS_PER_AUTOMATON) {
      const group = expressions.slice(start, start + PATTERNS_PER_AUTOMATON);
      this.#automata.push(RE2JS.compile(group.join('|')));
    }
  }

  /** Takes time linear in the length of the name, whatever the patterns are. */
  matches(name: string): boolean {
    return this.#literals.has(name) || this.#automata.some((each) => each.testExact(name));
  }
}

/** What a flow copies: names that match an included pattern and no excluded one. */
export class NameFilter {
  readonly include: PatternList;
  readonly exclude: PatternList;

  constructor(include: PatternList, exclude: PatternList) {
    this.include = include;
    this.exclude = exclude;
  }

  /** From patterns as an operator writes them; throws PatternError. */
  static of(include: readonly string[], exclude: readonly string[] = []): NameFilter {
    return new NameFilter(new PatternList(include), new PatternList(exclude));
  }

  accepts(name: string): boolean {
    return this.include.matches(name) && !this.exclude.matches(name);
  }
}

/** A piece of a pattern, and what is wrong with it; null if nothing. First match decides. */
type Token = readonly [expression: RegExp, fault: string | null];

const QUOTATION: Token = [/\\Q[^]*?(?:\\E|$)/y, null];
const ESCAPE: Token = [/\\(?:[pPx]\{[^}]*\}|[^])?/y, null];
const EXCLUDE = 'is not supported; use the exclude list instead';

// What Java's expressions have and linear-time ones cannot have, or would silently read otherwise.
const TOKENS: readonly Token[] = [
  QUOTATION,
  [/\\(?:[1-9]|k<)/y, 'back-references are not supported'],
  ESCAPE,
  [/\(\?=/y, `look-ahead ${EXCLUDE}`],
  [/\(\?!/y, `negative look-ahead ${EXCLUDE}`],
  [/\(\?<=/y, `look-behind ${EXCLUDE}`],
  [/\(\?<!/y, `negative look-behind ${EXCLUDE}`],
  [/\(\?>/y, 'atomic groups are not supported'],
  [/(?:[*+?]|\{\d+(?:,\d*)?\})\+/y, 'possessive quantifiers are not supported'],
  [/[*+?]|\{\d+(?:,\d*)?\}/y, null],
  [/\{/y, 'it has an open brace that begins no quantifier; write \\{ for a brace'],
];

/** What may have parentheses in it, or is one. */
const PIECES = /\\Q[^]*?(?:\\E|$)|\\[^]|\[\^?\]?(?:\\[^]|[^\]\\])*\]?|\(\?([a-zA-Z-]+)\)|[()]/g;

const CLASS_START = /\[\^?\]?/y; // a bracket right after the opening one is a member
const CLASS_TOKENS: readonly Token[] = [
  QUOTATION,
  ESCAPE,
  [/&&/y, 'intersections of character classes are not supported'],
  [/\[/y, 'a character class inside another is not supported'],
];

/** Names the first construct that is not supported, which the engine's own message would not. */
function unsupportedConstruct(pattern: string): string | null {
  let inClass = false;
  for (let index = 0; index < pattern.length;) {
    const start = inClass ? null : matchAt(CLASS_START, pattern, index);
    if (start !== null) {
      inClass = true;
      index += start.length;
      continue;
    }
    let length = 1;
    for (const [expression, fault] of inClass ? CLASS_TOKENS : TOKENS) {
      const text = matchAt(expression, pattern, index);
      if (text === null) continue;
      if (fault !== null) return fault;
      length = text.length;
      break;
    }
    if (pattern[index] === ']') inClass = false;
    index += length;
  }
  return null;
}

/** Takes over the flags that a pattern sets or clears outside of groups: `(?i)`, `(?-i)`. */
function takeFlags(pattern: string, flags: Map<string, boolean>): void {
  let depth = 0;
  for (const [piece, letters] of pattern.matchAll(PIECES)) {
    if (piece === '(') depth += 1;
    else if (piece === ')') depth -= 1;
    else if (letters !== undefined && depth === 0) {
      const [on = '', off = ''] = letters.split('-');
      for (const letter of on) flags.set(letter, true);
      for (const letter of off) flags.set(letter, false);
    }
  }
}

function formatFlags(flags: ReadonlyMap<string, boolean>): string {
  if (flags.size === 0) return '';
  const letters = (isOn: boolean): string =>
    [...flags].map(([letter, value]) => (value === isOn ? letter : '')).join('');
  const off = letters(false);
  return `(?${letters(true)}${off === '' ? '' : `-${off}`})`;
}

function matchAt(expression: RegExp, text: string, index: number): string | null {
  expression.lastIndex = index;
  return expression.exec(text)?.[0] ?? null;
}
