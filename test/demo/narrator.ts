import pc from 'picocolors';

const INDENT = '     ';

/** A failure with everything a reader needs; the stack says nothing more. */
export class DemoFailure extends Error {
  /** Names of the processes whose logs may tell why. */
  readonly concerned: readonly string[];

  constructor(message: string, concerned: readonly string[] = []) {
    super(message);
    this.concerned = concerned;
  }
}

/** Tells the story as numbered steps; the same lines on a terminal and in a log. */
export class Narrator {
  readonly interactive = process.stdout.isTTY === true;
  readonly #startedMs = performance.now();
  #steps = 0;
  #silent = false;

  /** After this the story may end as it will: nothing more is told. */
  endWith(text: string): void {
    this.#write(text);
    this.#silent = true;
  }

  step(title: string): void {
    this.#steps += 1;
    const elapsed = `[${this.elapsedSeconds().padStart(5)} s]`;
    this.#write(`\n${pc.dim(elapsed)} ${pc.bold(`${this.#steps}. ${title}`)}\n`);
  }

  line(text = ''): void {
    this.#write(text === '' ? '\n' : `${INDENT}${text}\n`);
  }

  /** Something that took its time is done. */
  done(text: string): void {
    this.line(`${pc.green('ok')}  ${text}`);
  }

  /** Names and values in two columns. */
  pairs(rows: readonly (readonly [string, string])[]): void {
    const width = Math.max(...rows.map(([name]) => name.length));
    for (const [name, value] of rows) this.line(`${name.padEnd(width)}  ${value}`);
  }

  /** What a program printed, as it printed it. */
  block(text: string): void {
    for (const line of text.trimEnd().split('\n')) this.line(line);
  }

  /** Text that begins at the left edge: the summary and the verdict. */
  plain(text = ''): void {
    this.#write(`${text}\n`);
  }

  elapsedSeconds(): string {
    return ((performance.now() - this.#startedMs) / 1_000).toFixed(1);
  }

  #write(text: string): void {
    if (!this.#silent) process.stdout.write(text);
  }
}
