import type { Clock } from '../../common/clock.js';
import { FileWatch } from '../../common/config/file-watch.js';
import { ConfigError, formatProblems } from '../../common/config/problems.js';
import { describeError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { Metrics } from '../../common/telemetry/metrics.js';
import type { MirrorConfig } from '../../mirror/config/mirror-config.js';
import { readConfigText } from '../../mirror/config/read-config.js';
import { planReload, type ReloadPlan } from '../../mirror/config/reload-plan.js';
import type { ActsAwaited, StillCopying } from './reconfigure.js';

/**
 * waiting: nothing of it is in force until a promotion, a failback or a drill of a flow that it concerns has ended.
 * applied: all of it is in force. partial: all but keys that need a restart. unconfirmed: in force, but
 * agents that do not answer may still copy what is no longer selected. refused: the file is wrong, and
 * nothing changed. unchanged: asked for, and nothing differs.
 */
const OUTCOMES = ['waiting', 'applied', 'partial', 'unconfirmed', 'refused', 'unchanged'] as const;

type Outcome = (typeof OUTCOMES)[number];

/** Items that a log line names; the rest are counted. */
const NAMED_MAX = 5;

/** What is told of a change on its way; each at most once. */
export interface ReloadListener {
  readonly onWaiting: (acts: ActsAwaited) => void;
  readonly onUnconfirmed: (agents: StillCopying) => void;
}

export interface ReloadTarget {
  readonly config: MirrorConfig;
  /** Takes the place of what an earlier call waits for. */
  reconfigure(plan: ReloadPlan, listener: ReloadListener): Promise<void>;
}

export interface ConfigReloaderOptions {
  readonly path: string;
  /** What the process was started with. */
  readonly text: string;
  /** Throws ConfigError for a file that cannot be used. */
  readonly load: (text: string) => MirrorConfig;
  readonly target: ReloadTarget;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Applies changes of the configuration file to the running process. */
export class ConfigReloader {
  readonly #options: ConfigReloaderOptions;
  readonly #watch: FileWatch;
  readonly #stop = new AbortController();
  readonly #counts = new Map<Outcome, number>();
  #running: Promise<void> = Promise.resolve();
  /** Changes that wait for acts: the last one, and those that it is just taking the place of. */
  #waiting = 0;

  constructor(options: ConfigReloaderOptions) {
    const { path, text, clock, log, metrics } = options;
    this.#options = options;
    this.#watch = new FileWatch({
      ...{ path, text, clock, read: readConfigText },
      onText: (changed) => this.#reload(changed),
      onUnreadable: (error) =>
        log.error({ path, error: describeError(error) }, 'the configuration file cannot be read'),
    });
    metrics.counter({
      name: 'mirror_config_reloads_total',
      help: 'Changes of the configuration file, by what came of them.',
      labels: ['outcome'],
      collect: (sample) => {
        for (const outcome of OUTCOMES) sample({ outcome }, this.#counts.get(outcome) ?? 0);
      },
    });
  }

  start(): void {
    this.#running = this.#watch.run(this.#stop.signal);
  }

  /** SIGHUP: reads the file, and what it refers to, again. */
  nudge(): void {
    this.#watch.nudge();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Returns as soon as the next change can be taken: what waits for agents goes on behind it. */
  async #reload(text: string): Promise<void> {
    const { load, target, log, path } = this.#options;
    let loaded: MirrorConfig;
    try {
      loaded = load(text);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const problems = describeError(error);
      this.#tell('refused', () =>
        log.error({ path, problems }, 'configuration refused; the running one stays in force'),
      );
      return;
    }
    if (loaded.warnings.length > 0)
      log.warn({ path, problems: formatProblems(loaded.warnings) }, 'configuration has warnings');
    const plan = planReload(target.config, loaded);
    if (plan.problems.length > 0) {
      const problems = formatProblems(plan.problems);
      this.#tell('refused', () =>
        log.error(
          { path, problems, restartKeys: plan.restartKeys },
          'configuration refused: flows that run keep their names until a restart, and with these it is wrong',
        ),
      );
      return;
    }
    // The same as what runs is news while another one waits: that is not wanted any more.
    if (isSame(plan) && this.#waiting === 0) {
      this.#tell('unchanged', () =>
        log.info({ path }, 'configuration read again: nothing differs'),
      );
      return;
    }
    await new Promise<void>((done) => void this.#apply(plan, done).finally(done));
  }

  async #apply(plan: ReloadPlan, nextMayCome: () => void): Promise<void> {
    const { target, log } = this.#options;
    const { added, removed, changed, keys, restartKeys } = plan;
    const what = { added, removed, changed, keys: keys.slice(0, NAMED_MAX * 4), restartKeys };
    let waits = 0;
    const onWaiting = (acts: ActsAwaited): void => {
      this.#waiting += waits = 1;
      this.#tell('waiting', () =>
        log.warn(
          { ...what, acts: Object.fromEntries(acts) },
          'configuration waits until what is under way in these flows has ended',
        ),
      );
      nextMayCome();
    };
    const onUnconfirmed = (agents: StillCopying): void => {
      this.#tell('unconfirmed', () =>
        log.error(
          { ...what, agents: named(agents) },
          'configuration is in force, but these agents have not confirmed that they stopped',
        ),
      );
      nextMayCome();
    };
    try {
      await target.reconfigure(plan, { onWaiting, onUnconfirmed });
      if (restartKeys.length === 0)
        this.#tell('applied', () => log.info(what, 'configuration applied'));
      else
        this.#tell('partial', () =>
          log.warn(what, 'configuration applied, but for restartKeys: these need a restart'),
        );
    } catch (error) {
      log.warn({ ...what, reason: describeError(error) }, 'configuration: waiting has ended');
    } finally {
      this.#waiting -= waits;
    }
  }

  #tell(outcome: Outcome, say: () => void): void {
    this.#counts.set(outcome, (this.#counts.get(outcome) ?? 0) + 1);
    say();
  }
}

function isSame({ added, removed, changed, keys }: ReloadPlan): boolean {
  return [added, removed, changed, keys].every((list) => list.length === 0);
}

function named(agents: StillCopying): Record<string, string> {
  const lines = [...agents].slice(0, NAMED_MAX).map(([agentId, items]) => {
    const more = items.length > NAMED_MAX ? ` and ${items.length - NAMED_MAX} more` : '';
    return [agentId, items.slice(0, NAMED_MAX).join(', ') + more] as const;
  });
  return Object.fromEntries(lines);
}
