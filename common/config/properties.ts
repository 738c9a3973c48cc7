import { Pair, parseLines } from 'dot-properties';
import { escapeCodeUnit, quoted, type ProblemCollector } from './problems.js';

/** One `key = value` of a file, with its place. */
export interface Property {
  readonly key: string;
  readonly value: string;
  readonly file: string;

  /** The line, counted from 1, on which the key begins. */
  readonly line: number;

  /** The text in the file, where the value was looked up elsewhere and must not be shown. */
  readonly reference?: string;

  /** The first escape whose backslash was dropped though it was meant to stay: `\\d`. */
  readonly lostEscape?: string;
}

/** Keys in the order of their first appearance. */
export type Properties = ReadonlyMap<string, Property>;

export interface PropertiesSource {
  /** Shown in problems; nothing is read from it. */
  readonly path: string;
  readonly text: string;

  /**
   * Keys whose values are taken as they stand, trailing spaces and ` #` included, because both may
   * be part of a password.
   */
  readonly isVerbatim?: (key: string) => boolean;
}

/** A larger text is refused unread; the largest real files list some ten thousand topics. */
export const PROPERTIES_LENGTH_MAX = 4 * 1024 * 1024;

/** No real key comes near: an alias pair and the longest option are below 300 characters. */
export const PROPERTY_KEY_LENGTH_MAX = 512;

// A remark begins with a `#` at the start of the value or after a space that is not escaped.
const REMARK = /(?:^|(?<!\\)[ \t\f])#/;

/** A backslash before a letter that begins no escape of Java's, or a digit: it is dropped. */
const LOST_ESCAPE = /^(?:[^\\]|\\[^a-zA-Z0-9]|\\[tnrfu])*?(\\[a-eg-mo-qsv-zA-Z0-9])/;

/** What programs read as one character, as two or as none, by the encoding they take a file for. */
const BEYOND_ASCII = /[^\u0000-\u007f]/; // eslint-disable-line no-control-regex -- so is ASCII

// eslint-disable-next-line no-control-regex -- control characters are what this looks for.
const CONTROL_CHARACTER = /[\u0000-\u0008\u000b\u000e-\u001f\u007f]/;

/**
 * Parses Java properties. Beyond what java.util.Properties does, a trailing ` # remark` is dropped
 * with a warning, and a malformed escape, a control character or a repeated key is reported.
 */
export function parseProperties(source: PropertiesSource, problems: ProblemCollector): Properties {
  const properties = new Map<string, Property>();
  const whole = { file: source.path, line: 0, key: null };
  if (source.text.length > PROPERTIES_LENGTH_MAX) {
    problems.error(whole, `the file is longer than ${PROPERTIES_LENGTH_MAX} characters`);
    return properties;
  }
  // One kind of line end keeps the lines countable; a byte order mark would stick to the first key.
  const text = source.text.replace(/\r\n?/g, '\n').replace(/^\ufeff/, '');
  let line = 1;
  let counted = 0;
  for (const node of parseLines(text, true)) {
    if (!(node instanceof Pair)) continue;
    const [keyStart, keyEnd, valueStart, valueEnd] = node.range as [number, number, number, number];
    line += newlinesBetween(text, counted, keyStart);
    counted = keyStart;
    const place = { file: source.path, line, key: node.key };
    if (!isSoundKey(place, text.slice(keyStart, keyEnd), problems)) continue;
    const rawValue = text.slice(valueStart, valueEnd);
    const verbatim = source.isVerbatim?.(node.key) ?? false;
    const value = valueOf({ rawValue, value: node.value, verbatim, place }, problems);
    const earlier = properties.get(node.key);
    if (earlier !== undefined) {
      problems.warn(
        place,
        `${quoted(node.key)} on line ${line} replaces the one on line ${earlier.line}`,
        'the last one wins; remove one of them',
      );
    }
    const lostEscape = LOST_ESCAPE.exec(rawValue)?.[1];
    properties.set(
      node.key,
      Object.freeze({ ...place, value, ...(lostEscape === undefined ? {} : { lostEscape }) }),
    );
  }
  return properties;
}

/** Later sources replace keys of earlier ones, without a warning: overriding is their purpose. */
export function mergeProperties(...sources: readonly Properties[]): Properties {
  return new Map(sources.flatMap((source) => [...source]));
}

/** Text that parseProperties reads back to the same keys and values. */
export function formatProperties(entries: Iterable<readonly [key: string, value: string]>): string {
  let text = '';
  for (const [key, value] of entries)
    text += `${escapeText(key, true)}=${escapeText(value, false)}\n`;
  return text;
}

interface RawPair {
  readonly rawValue: string;
  readonly value: string;
  readonly verbatim: boolean;
  readonly place: { readonly file: string; readonly line: number; readonly key: string };
}

function valueOf(pair: RawPair, problems: ProblemCollector): string {
  const { place, rawValue } = pair;
  if (hasMalformedUnicodeEscape(rawValue)) {
    problems.error(place, `the value of ${quoted(place.key)} has a malformed \\uXXXX escape`);
  }
  const value = pair.verbatim ? keepVerbatim(pair, problems) : dropRemark(pair, problems);
  // The remark is no part of the value; of a verbatim one it is.
  const meant = pair.verbatim ? rawValue : rawValue.slice(0, REMARK.exec(rawValue)?.index);
  if (BEYOND_ASCII.test(meant)) {
    problems.warn(
      place,
      `the value of ${quoted(place.key)} has letters beyond ASCII, which other programs may read ` +
        'as other letters',
      'write them as \\uXXXX: \\u00e9 is e with an acute accent',
    );
  }
  const control = CONTROL_CHARACTER.exec(value);
  if (control !== null) {
    const code = control[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
    problems.error(place, `the value of ${quoted(place.key)} has the control character U+${code}`);
  }
  return value;
}

function keepVerbatim(pair: RawPair, problems: ProblemCollector): string {
  const { value, place, rawValue } = pair;
  if (REMARK.test(rawValue)) {
    problems.warn(
      place,
      `the value of ${quoted(place.key)} has a \`#\`, which is kept: it may be part of the secret`,
      'put remarks on a line of their own',
    );
  }
  if (/\s$/.test(value)) {
    problems.warn(place, `the value of ${quoted(place.key)} ends in a space, which is kept`);
  }
  return value;
}

function dropRemark(pair: RawPair, problems: ProblemCollector): string {
  const { place, rawValue, value } = pair;
  const remark = REMARK.exec(rawValue);
  if (remark === null) return value.trim();
  const dropped = rawValue.slice(remark.index).trim();
  if (dropped.includes('\n')) {
    // Java would take the remark for a part of the value, a reader would not, and cutting here
    // would silently lose what follows: nobody can tell what is meant.
    problems.error(
      place,
      `the value of ${quoted(place.key)} has a \`#\`, yet continues on the next line`,
      'put the remark on a line before the key',
    );
    return value.trim();
  }
  problems.warn(
    place,
    `dropped the remark ${quoted(dropped)} from the value of ${quoted(place.key)}`,
    'put remarks on a line of their own: other programs take this one for a part of the value',
  );
  // Unescaping is the parser's; let it read the shortened value again.
  const [reread] = parseLines(`k=${rawValue.slice(0, remark.index)}`);
  return (Array.isArray(reread) ? (reread[1] ?? '') : '').trim();
}

/** A key that is not sound is reported and left out, so that nothing after this meets it. */
function isSoundKey(place: RawPair['place'], rawKey: string, problems: ProblemCollector): boolean {
  const fault = keyFault(place.key, rawKey);
  if (fault !== null) problems.error(place, `the key ${quoted(place.key)} ${fault}`);
  return fault === null;
}

function keyFault(key: string, rawKey: string): string | null {
  if (key === '') return 'is empty, though it has a value';
  if (key.length > PROPERTY_KEY_LENGTH_MAX) {
    return `is longer than ${PROPERTY_KEY_LENGTH_MAX} characters`;
  }
  if (CONTROL_CHARACTER.test(key)) return 'has a control character';
  if (hasMalformedUnicodeEscape(rawKey)) return 'has a malformed \\uXXXX escape';
  return null;
}

function hasMalformedUnicodeEscape(raw: string): boolean {
  for (const [escape, rest] of raw.matchAll(/\\(u[0-9a-fA-F]{4}|[^])/g)) {
    if (rest === 'u' && escape === '\\u') return true;
  }
  return false;
}

function newlinesBetween(text: string, start: number, end: number): number {
  let count = 0;
  for (let index = text.indexOf('\n', start); index !== -1 && index < end; count++) {
    index = text.indexOf('\n', index + 1);
  }
  return count;
}

function escapeText(text: string, isKey: boolean): string {
  let escaped = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r');
  escaped = escaped.replaceAll('\t', '\\t').replaceAll('\f', '\\f').replaceAll('#', '\\#');
  escaped = escaped.replace(new RegExp(BEYOND_ASCII, 'g'), escapeCodeUnit);
  if (isKey) return escaped.replace(/[ :=!]/g, '\\$&');
  return escaped.replace(/^[ :=!]|[ ]$/g, '\\$&');
}
