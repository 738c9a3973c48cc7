import { PatternList } from '../../mirror/policy/name-filter.js';

/**
 * What operators asked of a flow's topics, as a list of rules. The last rule of a kind that matches
 * a topic decides: "pause all, then resume orders" is two rules, and needs no algebra of regular
 * expressions.
 */

/** `resume` undoes `pause`; `include` undoes `exclude`. */
export type SteeringAct = 'pause' | 'resume' | 'exclude' | 'include';

export interface SteeringRule {
  readonly act: SteeringAct;
  /** Regular expressions on whole topic names; empty for all topics. */
  readonly topics: readonly string[];
  readonly operator: string;
  /** Wall clock, ms since 1970. */
  readonly atMs: number;
}

/** Far more than people give by hand; a list this long is a script gone wrong. */
export const STEERING_RULES_MAX = 200;

const UNDOES: Readonly<Record<SteeringAct, SteeringAct | undefined>> = {
  pause: undefined,
  resume: 'pause',
  exclude: undefined,
  include: 'exclude',
};

const isPause = ({ act }: SteeringRule): boolean => act === 'pause' || act === 'resume';

/**
 * The rules once this one is given too; the very same list if it changes nothing. Rules that it
 * makes void are dropped, so that pausing and resuming by turns keeps the list short.
 */
export function withRule(
  rules: readonly SteeringRule[],
  rule: SteeringRule,
): readonly SteeringRule[] {
  const same = rules.filter((each) => isPause(each) === isPause(rule));
  const others = rules.filter((each) => isPause(each) !== isPause(rule));
  const last = same.at(-1);
  if (last !== undefined && last.act === rule.act && sameTopics(last, rule)) return rules;
  const covers = (each: SteeringRule): boolean =>
    rule.topics.length === 0 || sameTopics(each, rule);
  const kept = same.filter((each) => !covers(each));
  const undone = UNDOES[rule.act];
  // Nothing is left that it could undo.
  const isIdle = undone !== undefined && !kept.some(({ act }) => act === undone);
  if (isIdle && same.length === 0) return rules;
  return isIdle ? others : [...others, ...kept, rule];
}

function sameTopics(a: SteeringRule, b: SteeringRule): boolean {
  return a.topics.length === b.topics.length && a.topics.every((each) => b.topics.includes(each));
}

/** The rules of a flow, ready to be asked about topics. Throws PatternError. */
export class TopicSteering {
  readonly rules: readonly SteeringRule[];
  readonly #compiled: { readonly rule: SteeringRule; readonly list: PatternList | undefined }[];

  constructor(rules: readonly SteeringRule[]) {
    this.rules = rules;
    this.#compiled = rules.map((rule) => ({
      rule,
      list: rule.topics.length === 0 ? undefined : new PatternList(rule.topics),
    }));
  }

  isPaused(topic: string): boolean {
    return this.#last(topic, true) === 'pause';
  }

  isExcluded(topic: string): boolean {
    return this.#last(topic, false) === 'exclude';
  }

  #last(topic: string, pauses: boolean): SteeringAct | undefined {
    let act: SteeringAct | undefined;
    for (const { rule, list } of this.#compiled)
      if (isPause(rule) === pauses && (list === undefined || list.matches(topic))) act = rule.act;
    return act;
  }
}

export const NO_STEERING = new TopicSteering([]);
