import type { NameFilter } from './name-filter.js';

export type Overlap =
  | { readonly kind: 'overlapping'; readonly name: string } // a name that all filters accept
  | { readonly kind: 'disjoint' } // proved: no name is accepted by all
  | { readonly kind: 'unknown' }; // neither a name nor a proof was found

/** Patterns of one filter that are looked at; with more the answer may be `unknown`. */
const PATTERNS_EXAMINED_MAX = 500;

const IGNORES_CASE = /\(\?[a-zA-Z-]*i[a-zA-Z-]*\)/;

/** A pattern of these is one name: a dot is any character, so it counts only when escaped. */
const LITERAL = /^(?:[a-zA-Z0-9_-]|\\[.-])+$/;

/**
 * Whether some name is accepted by all filters. A name is sought among simple instances of the
 * patterns; a proof, in how the names that they accept begin or end.
 */
export function overlap(filters: readonly NameFilter[]): Overlap {
  for (const filter of filters) {
    for (const pattern of filter.include.patterns.slice(0, PATTERNS_EXAMINED_MAX)) {
      const name = instancesOf(pattern).find((each) => filters.every((one) => one.accepts(each)));
      if (name !== undefined) return { kind: 'overlapping', name };
    }
  }
  const disjoint = filters.some((first, index) =>
    filters.slice(index + 1).some((second) => provedDisjoint(first, second)),
  );
  return { kind: disjoint ? 'disjoint' : 'unknown' };
}

function provedDisjoint(first: NameFilter, second: NameFilter): boolean {
  const firstPatterns = first.include.patterns;
  const secondPatterns = second.include.patterns;
  if (firstPatterns.length > PATTERNS_EXAMINED_MAX) return false;
  if (secondPatterns.length > PATTERNS_EXAMINED_MAX) return false;
  // A flag holds for the patterns behind it as well, of which the letters then prove nothing.
  if ([...firstPatterns, ...secondPatterns].some((each) => IGNORES_CASE.test(each))) return false;
  return firstPatterns.every((one) =>
    secondPatterns.every((other) => patternsDisjoint(one, other, [first, second])),
  );
}

function patternsDisjoint(one: string, other: string, filters: readonly NameFilter[]): boolean {
  // What one filter includes and the other excludes word for word, they do not share.
  const excluded = filters.some(({ exclude }) =>
    [one, other, '.*'].some((pattern) => exclude.patterns.includes(pattern)),
  );
  if (excluded) return true;
  // A single name was tried already as an instance, and was not accepted by all.
  if (LITERAL.test(one) || LITERAL.test(other)) return true;
  const a = literalPrefix(one);
  const b = literalPrefix(other);
  if (!a.startsWith(b) && !b.startsWith(a)) return true;
  const c = literalSuffix(one);
  const d = literalSuffix(other);
  return !c.endsWith(d) && !d.endsWith(c);
}

/** What every name ends with that the pattern matches. */
function literalSuffix(pattern: string): string {
  if (pattern.includes('|') || pattern.includes('(?') || pattern.includes('\\Q')) return '';
  const found = /(?:[a-zA-Z0-9_-]|\\[.-])+$/.exec(pattern);
  if (found === null) return '';
  // Behind an escape (\d), a bracket or a brace they may be no characters of the name.
  const before = pattern.slice(0, found.index);
  if (/[\\[{]/.test(before) || /\\[^.-]/.test(found[0])) return '';
  return found[0].replace(/\\/g, '');
}

/** What every name begins with that the pattern matches. */
function literalPrefix(pattern: string): string {
  if (pattern.includes('|') || pattern.includes('(?')) return '';
  let prefix = '';
  for (let index = 0; index < pattern.length; index++) {
    let character = pattern[index] ?? '';
    let next = index + 1;
    if (character === '\\') {
      character = pattern[next] ?? '';
      if (!/[.-]/.test(character)) return prefix;
      next++;
    } else if (!/[a-zA-Z0-9_-]/.test(character)) return prefix;
    // A quantifier may allow the character to be absent.
    if (/[*?{]/.test(pattern[next] ?? '')) return prefix;
    prefix += character;
    index = next - 1;
  }
  return prefix;
}

/** Some names that the pattern may match; whether they do is for the filters to say. */
export function instancesOf(pattern: string): string[] {
  const alternatives = pattern.replace(/^\(([^()]*)\)$/, '$1').split('|');
  return alternatives
    .flatMap((alternative) =>
      ['', 'x', 'a1'].map((filler) =>
        alternative
          .replace(/\(\?[a-z]*\)/g, '')
          .replace(/\\\./g, '\u0000') // kept apart from the dot that is any character
          .replace(/\.[*+?]?/g, (any) => (any === '.' || any === '.+' ? filler || 'x' : filler))
          .replace(/[\\()^$+*?]/g, '')
          .replaceAll('\u0000', '.'),
      ),
    )
    .filter((name) => name !== '');
}
