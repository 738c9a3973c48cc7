import { MirrorError } from '../errors.js';

export type Severity = 'error' | 'warning';

/** One thing wrong, or doubtful, in a configuration file. */
export interface Problem {
  readonly severity: Severity;
  readonly file: string;

  /** Counted from 1; 0 where the problem belongs to the file as a whole, as a missing key does. */
  readonly line: number;

  /** The key as written, or the one that is missing; null where no key is concerned. */
  readonly key: string | null;
  readonly message: string;

  /** What to write instead; null where the message says it all. */
  readonly hint: string | null;
}

/** Where a problem is. A parsed property is such a place. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly key: string | null;
}

/** A hostile or generated file can have a problem a line; more than these help nobody. */
export const PROBLEMS_PRINTED_MAX = 100;

/** Bounds the memory a hostile file can take through its problems; the count goes on. */
export const PROBLEMS_KEPT_MAX = 10_000;

/** Values are quoted in messages up to this length. */
export const QUOTED_LENGTH_MAX = 80;

/** Collects every problem of a load, so that an operator mends a file once, not once an error. */
export class ProblemCollector {
  readonly #problems: Problem[] = [];
  #errors = 0;
  #dropped = 0;
  readonly #settled = new Set<string>();

  error(place: Place, message: string, hint: string | null = null): void {
    if (this.#settled.has(nameOf(place))) return;
    this.#errors++;
    this.#add({ severity: 'error', ...at(place), message, hint });
  }

  warn(place: Place, message: string, hint: string | null = null): void {
    if (this.#settled.has(nameOf(place))) return;
    this.#add({ severity: 'warning', ...at(place), message, hint });
  }

  /** Nothing more is said of this place: whatever else is wrong there follows from what was said. */
  settle(place: Place): void {
    this.#settled.add(nameOf(place));
  }

  get hasErrors(): boolean {
    return this.#errors > 0;
  }

  /** All problems in the order of the file. */
  get all(): readonly Problem[] {
    return Object.freeze([...this.#problems].sort(byPlace));
  }

  get warnings(): readonly Problem[] {
    return Object.freeze(this.all.filter((problem) => problem.severity === 'warning'));
  }

  /** Throws one ConfigError that lists all problems if at least one of them is an error. */
  throwIfErrors(): void {
    if (this.hasErrors) throw new ConfigError(this.all, this.#dropped);
  }

  #add(problem: Problem): void {
    if (this.#problems.length < PROBLEMS_KEPT_MAX) this.#problems.push(Object.freeze(problem));
    else this.#dropped++;
  }
}

/** Thrown when a configuration cannot be used; its message has a line for each problem. */
export class ConfigError extends MirrorError {
  readonly code = 'MIRROR_CONFIG';
  readonly retriable = false; // the file must be mended first

  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[], dropped = 0, options?: ErrorOptions) {
    super(formatProblems(problems, dropped), options);
    this.problems = problems;
  }
}

/** `file:line: message (hint)`, one per line; errors first, because output may be cut. */
export function formatProblems(problems: readonly Problem[], dropped = 0): string {
  const errors = problems.filter((problem) => problem.severity === 'error');
  const warnings = problems.filter((problem) => problem.severity === 'warning');
  const lines = [...errors, ...warnings].slice(0, PROBLEMS_PRINTED_MAX).map(formatProblem);
  const more = problems.length + dropped - lines.length;
  if (more > 0) lines.push(`... and ${more} more problems`);
  return lines.join('\n');
}

export function formatProblem(problem: Problem): string {
  const where = problem.line > 0 ? `${problem.file}:${problem.line}` : problem.file;
  const severity = problem.severity === 'warning' ? 'warning: ' : '';
  const hint = problem.hint === null ? '' : ` (${problem.hint})`;
  return `${where}: ${severity}${problem.message}${hint}`;
}

/** Text of a file made safe to print: bounded, and without control characters. */
export function quoted(text: string): string {
  const short = text.length > QUOTED_LENGTH_MAX ? `${text.slice(0, QUOTED_LENGTH_MAX)}...` : text;
  // JSON leaves DEL, the C1 controls and the bidirectional overrides as they are.
  const safe = JSON.stringify(short).slice(1, -1).replaceAll('\\"', '"').replaceAll('\\\\', '\\');
  return `\`${safe.replace(/[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, escapeCodeUnit)}\``;
}

/** A value, or a part of it, for a message; where it was looked up elsewhere, the reference to it. */
export function quotedValue(property: { readonly reference?: string }, text: string): string {
  return quoted(property.reference ?? text);
}

/** As Java's properties, and JSON, write it. */
export function escapeCodeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function nameOf({ file, line, key }: Place): string {
  return `${line}|${key ?? ''}|${file}`;
}

function at(place: Place): Place {
  return { file: place.file, line: place.line, key: place.key };
}

function byPlace(a: Problem, b: Problem): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line;
}
