import type { AclBinding } from '../../kafka/admin/acl-admin.js';
import { TopicProblem } from './errors.js';

/** What a source topic's configuration means for its copy; see the message TopicConfigs. */
export interface TopicConfigFacts {
  /** To be set on the target. */
  readonly values: ReadonlyMap<string, string>;
  /** Properties that go to the target's default, unless they are a value or kept. */
  readonly names: ReadonlySet<string>;
  readonly kept: ReadonlySet<string>;
  /** Why the source does not tell; then nothing else is known. */
  readonly problem: { readonly code: string; readonly message: string } | undefined;
}

/** What an operator should know of one topic, or of the flow, that stops no copying. */
export interface Notice {
  /** As on the source; empty if it is about the flow. */
  readonly topic: string;
  readonly code: string;
  readonly message: string;
  /** Whether somebody should mend it. */
  readonly degraded: boolean;
}

export interface AclFacts {
  /** `unavailable`: nothing is known, and nothing may be concluded. */
  readonly state: 'listed' | 'unavailable';
  readonly bindings: readonly AclBinding[];
}

/**
 * What the site's agent told this leader of a flow's source, apart from the topics themselves, and
 * what is still to be done on the target about it. Lives as long as the term does.
 */
export class SourceFacts {
  readonly #configs = new Map<string, TopicConfigFacts>();
  readonly #configsDue = new Set<string>();
  readonly #notices = new Map<string, Notice>();
  #acls: AclFacts = { state: 'unavailable', bindings: [] };
  #aclParts: AclBinding[] = [];
  #aclsDue = false;
  #gone: ReadonlySet<string> = new Set();
  #goneDue = false;

  configsOf(topic: string): TopicConfigFacts | undefined {
    return this.#configs.get(topic);
  }

  get acls(): AclFacts {
    return this.#acls;
  }

  /** Topics that the source itself says it does not have. */
  get gone(): ReadonlySet<string> {
    return this.#gone;
  }

  takeConfigs(topics: ReadonlyMap<string, TopicConfigFacts>, wholeLook: boolean): void {
    for (const [topic, facts] of topics) {
      this.#configs.set(topic, facts);
      this.#configsDue.add(topic);
      for (const code of ['not-authorized', 'source-configs-unknown'])
        if (facts.problem?.code !== code) this.clear(topic, code);
      if (facts.problem !== undefined) this.note({ topic, ...facts.problem, degraded: true });
    }
    if (wholeLook) for (const topic of this.#configs.keys()) this.#configsDue.add(topic);
  }

  /**
   * A list may come in parts; it counts when the last one is there. An empty part begins one, since
   * who sent the parts before may have died on the way: what the source has removed must not stay.
   */
  takeAcls(bindings: readonly AclBinding[], isLast: boolean): void {
    if (!isLast && bindings.length === 0) this.#aclParts = [];
    this.#aclParts.push(...bindings);
    if (!isLast) return;
    this.#acls = { state: 'listed', bindings: this.#aclParts };
    this.#aclParts = [];
    this.clear('', 'source-acls-unknown');
    this.aclsDue();
  }

  /** The source lists none: no conclusion is drawn from it. */
  aclsUnavailable(problem: { message: string } | undefined): void {
    this.#acls = { state: 'unavailable', bindings: [] };
    this.#aclParts = [];
    const code = 'source-acls-unknown';
    if (problem === undefined) this.clear('', code);
    else this.note({ topic: '', code, message: problem.message, degraded: true });
  }

  /** The list is as it was, or what it applies to has changed. */
  aclsDue(): void {
    this.#aclsDue = true;
  }

  takeMissing(gone: readonly string[], hidden: readonly string[]): void {
    this.#gone = new Set(gone);
    this.#goneDue = true;
    for (const { topic, code } of this.notices)
      if (code === 'topic-hidden' && !hidden.includes(topic)) this.clear(topic, code);
    for (const topic of hidden) {
      const message = `topic ${topic} may not be seen on the source; grant Describe and Read on it`;
      this.note({ topic, code: 'topic-hidden', message, degraded: true });
    }
  }

  /** Why what groups commit is not followed; empty if it is. Returns whether that has changed. */
  takeGroups(reason: string): boolean {
    const code = 'source-groups-unknown';
    const wasKnown = this.#notices.has(`|${code}`);
    const message = `what groups commit on the source is not followed: ${reason}`;
    if (reason === '') this.clear('', code);
    else this.note({ topic: '', code, message, degraded: true });
    return wasKnown !== (reason !== '');
  }

  /** Up to `max` topics whose configuration is to be looked at on the target; they are due no more. */
  dueConfigs(max: number): string[] {
    const due: string[] = [];
    for (const topic of this.#configsDue) {
      if (due.length === max) break;
      this.#configsDue.delete(topic);
      due.push(topic);
    }
    return due;
  }

  configsAgain(topics: readonly string[]): void {
    for (const topic of topics) this.#configsDue.add(topic);
  }

  takeAclsDue(): boolean {
    const due = this.#aclsDue && this.#acls.state === 'listed';
    if (due) this.#aclsDue = false;
    return due;
  }

  takeGoneDue(): boolean {
    const due = this.#goneDue;
    this.#goneDue = false;
    return due;
  }

  get notices(): Notice[] {
    return [...this.#notices.values()];
  }

  /** Returns whether it is news. */
  note(notice: Notice): boolean {
    const key = `${notice.topic}|${notice.code}`;
    const before = this.#notices.get(key);
    this.#notices.set(key, notice);
    return before?.message !== notice.message;
  }

  clear(topic: string, code: string): void {
    this.#notices.delete(`${topic}|${code}`);
  }
}

/** What the copy of a topic is created with. Throws TopicProblem: without them it could lose data. */
export function createConfigs(facts: SourceFacts, topic: string): Readonly<Record<string, string>> {
  const known = facts.configsOf(topic);
  if (known?.problem === undefined && known !== undefined) return Object.fromEntries(known.values);
  const isRight = known?.problem?.code === 'not-authorized';
  const problem = isRight ? 'not-authorized' : 'source-configs-unknown';
  const message =
    known?.problem?.message ??
    `no agent has told the configuration of topic ${topic} yet, with which its copy is created`;
  throw new TopicProblem({ problem, topic }, message);
}
