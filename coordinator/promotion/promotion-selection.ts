import { PatternList } from '../../mirror/policy/name-filter.js';
import type { PromotedScope } from '../target/flow-promotions.js';

/** How the end of the copying comes about. */
export type PromotionMode =
  | 'auto' //      by what is found: planned if the source answers
  | 'planned' //   waits until everything is copied; refused if the source does not answer
  | 'unplanned'; // stops with what was copied, even if the source answers

/** What an operator wants promoted, and how. */
export interface PromotionSelection {
  /** Of topics as on the source; undefined for the whole flow. */
  readonly topics: NameChoice | undefined;
  /** Of the groups to move; undefined for all. */
  readonly groups: NameChoice | undefined;
  readonly mode: PromotionMode;
  /** Codes of blockers that the operator goes past, with what they cost. */
  readonly accept: ReadonlySet<string>;
  /** In the words of the command line, for the journal; equal words mean the same promotion. */
  readonly description: string;
}

export interface NameChoice {
  /** As regular expressions, for who takes the promotion up later. */
  readonly patterns: readonly string[];
  matches(name: string): boolean;
}

export const EVERYTHING: PromotionSelection = {
  topics: undefined,
  groups: undefined,
  mode: 'auto',
  accept: new Set(),
  description: '',
};

export interface SelectionRequest {
  /** Regular expressions on whole names; empty for all. */
  readonly topics: readonly string[];
  readonly groups: readonly string[];
  readonly mode: PromotionMode;
  readonly accept: readonly string[];
}

/** Throws PatternError. */
export function selectionOf(request: SelectionRequest): PromotionSelection {
  const { topics, groups, mode, accept } = request;
  const words = [
    ...topics.map((pattern) => `--topics ${pattern}`),
    ...groups.map((pattern) => `--groups ${pattern}`),
  ];
  return {
    topics: choiceOf(topics),
    groups: choiceOf(groups),
    ...{ mode, accept: new Set(accept), description: words.join(' ') },
  };
}

/** What a coordinator that died had begun: exactly its topics, its groups, and what was accepted. */
export function selectionOfUnfinished({
  topics,
  groups,
  accept,
}: PromotedScope): PromotionSelection {
  const names = new Set(topics);
  const exactly = { patterns: [...names], matches: (name: string) => names.has(name) };
  return {
    ...EVERYTHING,
    topics: topics === undefined ? undefined : exactly,
    groups: choiceOf(groups),
    accept: new Set(accept),
    description: topics === undefined ? '' : `topics ${topics.join(', ')}`,
  };
}

function choiceOf(patterns: readonly string[]): NameChoice | undefined {
  if (patterns.length === 0) return undefined;
  const list = new PatternList(patterns);
  return { patterns, matches: (name) => list.matches(name) };
}
