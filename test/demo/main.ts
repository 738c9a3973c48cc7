/** `npm run demo`, once everything is installed, built and fetched; scripts/demo.mjs has the help. */
import { parseArgs } from 'node:util';
import pc from 'picocolors';
import { DemoFailure, Narrator } from './narrator.js';
import { FLOW, Stage } from './stage.js';
import { Story } from './story.js';

const EXIT_FAILED = 1;
const SIGNAL_EXITS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

interface Options {
  readonly keep: boolean;
  readonly embedded: boolean;
  /** Nothing could bring etcd to this machine. */
  readonly withoutEtcd: boolean;
}

class Demo {
  readonly #narrator = new Narrator();
  readonly #options: Options;
  #stage: Stage | undefined;
  #stopping = false;

  constructor(options: Options) {
    this.#options = options;
    for (const [name, code] of Object.entries(SIGNAL_EXITS)) {
      process.on(name, () => void this.#interrupt(code));
    }
  }

  /** The exit code; never settles once it was interrupted, since that ends the process. */
  async run(): Promise<number> {
    try {
      const passed = await this.#play();
      if (this.#options.keep) await this.#keep();
      if (!passed) this.#keepLogs();
      await this.#stage?.close({ gently: true });
      this.#narrator.plain(pc.dim(`${this.#narrator.elapsedSeconds()} s in all`));
      return passed ? 0 : EXIT_FAILED;
    } catch (error) {
      if (this.#stopping) return await new Promise<never>(() => undefined);
      this.#report(error);
      await this.#stage?.close({ gently: false });
      return EXIT_FAILED;
    }
  }

  async #play(): Promise<boolean> {
    const narrator = this.#narrator;
    const { embedded, withoutEtcd } = this.#options;
    const standalone = embedded || withoutEtcd;
    narrator.step(`Two Kafka clusters${standalone ? '' : ', etcd'}, and what mirrors between them`);
    const stage = await Stage.open({ embedded: standalone });
    this.#stage = stage;
    if (stage.embedded && !embedded) {
      narrator.line('etcd cannot be had here: mirror-maker runs on its embedded lease store');
    }
    await stage.startMirroring();
    narrator.pairs(stage.addresses());
    narrator.line();
    narrator.line(pc.cyan(`$ export MIRRORCTL_COORDINATOR=${stage.coordinatorAddress}`));
    const verdict = await new Story(stage, narrator).play();
    return verdict.faults.length === 0;
  }

  async #keep(): Promise<void> {
    const narrator = this.#narrator;
    const stage = this.#stage;
    if (stage === undefined) return;
    narrator.step('Left running until Ctrl-C');
    narrator.pairs(stage.addresses());
    narrator.line();
    const mirrorctl = `node dist/cli/main.js --coordinator ${stage.coordinatorAddress}`;
    const java = `java -cp '.cache/kafka-${stage.west.version}/libs/*' org.apache.kafka.tools.consumer`;
    const server = `--bootstrap-server ${stage.west.bootstrapServers}`;
    narrator.line('Try, in another terminal:');
    for (const command of [
      `${mirrorctl} status ${FLOW}`,
      `${mirrorctl} --json status`,
      `${mirrorctl} promote ${FLOW}`,
      `curl ${stage.leaderHttp}/metrics`,
      `${java}.ConsoleConsumer ${server} --topic us-east.orders --from-beginning --max-messages 3`,
      `${java}.group.ConsumerGroupCommand ${server} --describe --group order-processor`,
    ]) {
      narrator.line(`  ${pc.cyan(command)}`);
    }
    // Only a signal ends it.
    const keepAlive = setInterval(() => undefined, 60_000);
    await new Promise<never>(() => keepAlive.ref());
  }

  #report(error: unknown): void {
    const narrator = this.#narrator;
    narrator.plain();
    const message = error instanceof DemoFailure ? error.message : (error as Error).stack;
    narrator.plain(`${pc.red(pc.bold('FAIL'))}  ${message}`);
    for (const name of error instanceof DemoFailure ? error.concerned : []) {
      narrator.plain(`\nThe end of the log of ${name}:`);
      narrator.plain(this.#stage?.lastLines(name));
    }
    this.#keepLogs();
  }

  #keepLogs(): void {
    if (this.#stage === undefined) return;
    this.#narrator.plain(`\nAll logs are kept in ${this.#stage.keepLogs()}`);
  }

  async #interrupt(code: number): Promise<void> {
    // A second Ctrl-C is for who cannot wait: the guardian then does the rest.
    if (this.#stopping) process.exit(code);
    this.#stopping = true;
    this.#narrator.endWith('\nStopping, and removing everything that was started.\n');
    await this.#stage?.close({ gently: false }).catch(() => undefined);
    process.exit(code);
  }
}

function readOptions(): Options {
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({ options: { keep: flag, embedded: flag, 'without-etcd': flag } });
  return { ...values, withoutEtcd: values['without-etcd'] };
}

process.exit(await new Demo(readOptions()).run());
