import { failbackFlow } from '../../mirror/failback-flow.js';
import type { FlowConfig } from '../../mirror/config/mirror-config.js';
import type { CopyLook, FailbackHost } from '../failback/failback.js';
import { EVERYTHING } from '../promotion/promotion-selection.js';
import { topicExclusion } from '../../mirror/policy/topic-selection.js';
import type { MappedPosition } from '../target/flow-positions.js';
import type { FlowTarget } from '../target/flow-target.js';
import type { Coordination } from './coordination.js';
import { NotReadyError } from './errors.js';
import type { FlowRuntime } from './flow-runtime.js';
import type { ConnectedFlowTarget } from './open-target.js';
import { CoordinationPromotionHost } from './promotion-host.js';

/** How long the old primary may take to keep a flow's topics; then the failback is called off. */
export const ATTACH_MS_MAX = 60_000;

const ATTACH_POLL_MS = 50;

/** Halts or partitions in a message; there may be thousands. */
const NAMED_MAX = 5;

/** What a failback needs of the coordination of agents. */
export class CoordinationFailbackHost implements FailbackHost {
  readonly #coordination: Coordination<ConnectedFlowTarget>;
  readonly #original: FlowConfig;
  readonly #copy: FlowConfig;
  readonly #operator: string;

  constructor(
    coordination: Coordination<ConnectedFlowTarget>,
    options: {
      readonly original: FlowConfig;
      readonly operator: string;
      /** Topics of the flow that take no part. */
      readonly leftOut: ReadonlySet<string>;
    },
  ) {
    this.#coordination = coordination;
    this.#original = options.original;
    this.#copy = failbackFlow(options.original, options.leftOut);
    this.#operator = options.operator;
  }

  async attach(signal: AbortSignal): Promise<FlowTarget> {
    const { clock, flows } = this.#coordination;
    if (!flows.has(this.#copy.id)) this.#coordination.addFlow(this.#copy, true);
    const runtime = this.#runtime;
    const deadlineMs = clock.nowMs() + ATTACH_MS_MAX;
    while (runtime.opened === undefined) {
      if (clock.nowMs() >= deadlineMs)
        throw new NotReadyError(`${this.#copy.id} cannot be opened: ${runtime.problem}`);
      await clock.sleep(ATTACH_POLL_MS, signal);
    }
    return runtime.opened.target;
  }

  run(): void {
    const { phase } = this.#runtime;
    // One that is being fenced goes on by itself, and there is no way back.
    if (phase !== 'promoting') this.#runtime.setPhase('running');
  }

  look(): CopyLook {
    const { id } = this.#copy;
    const positions = new CoordinationPromotionHost(this.#coordination).partitionPositions(id);
    const topics = this.#coordination.core.state.flows.get(id)?.topics;
    const halted: string[] = [];
    // All that was seeded, until somebody says how far it is.
    const awaited = new Set(this.#mapped().map(({ topic, partition }) => `${topic}-${partition}`));
    let lagRecords = 0n;
    for (const { topic, partition, lagRecords: lag } of positions) {
      const name = `${topic}-${partition}`;
      const entry = topics?.get(topic);
      const item = entry?.items.get(partition);
      const problem = item?.halt ?? (item === undefined ? entry?.problem : undefined);
      if (problem !== undefined) halted.push(`${name}: ${problem.message}`);
      const isHeld = item?.state === 'held' && item.copier === 'running';
      if (lag === undefined || !isHeld) awaited.add(name);
      else awaited.delete(name);
      lagRecords += lag ?? 0n;
    }
    halted.push(...this.#neverCopied());
    return {
      lagRecords: awaited.size > 0 ? undefined : lagRecords,
      awaited: [...awaited].slice(0, NAMED_MAX),
      halted: halted.slice(0, NAMED_MAX),
    };
  }

  /** What would be waited for without an end. */
  #neverCopied(): string[] {
    const { source, id } = this.#copy;
    const { flow, facts } = this.#runtime;
    const topics = [...new Set(this.#mapped().map(({ topic }) => topic))];
    return topics.flatMap((topic) => {
      if (facts.gone.has(topic)) return [`topic ${topic} is gone from ${source}`];
      if (topicExclusion(flow, topic) === null) return [];
      return [`topic ${topic} was left out of the topics of ${id} meanwhile: take it in again`];
    });
  }

  #mapped(): MappedPosition[] {
    return this.#runtime.opened?.target.mappedPartitions() ?? [];
  }

  async promote(onMessage: (message: string) => void): Promise<void> {
    const selection = { ...EVERYTHING, mode: 'planned' as const };
    const request = { flow: this.#copy.id, operator: this.#operator, selection };
    await this.#coordination.promotions.promote(request, ({ name, done, message }) => {
      if (done) onMessage(`${name}: ${message}`);
    });
  }

  async detach(): Promise<void> {
    await this.#coordination.removeFlow(this.#copy.id);
  }

  originalRuns(): void {
    const runtime = this.#coordination.flow(this.#original.id);
    const topics = runtime.opened?.target.mappedPartitions().map(({ topic }) => topic) ?? [];
    runtime.setPhase('running', [...new Set(topics)]);
    runtime.setPhase('running');
  }

  get #runtime(): FlowRuntime<ConnectedFlowTarget> {
    return this.#coordination.flow(this.#copy.id);
  }
}
