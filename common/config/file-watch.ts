import type { Clock } from '../clock.js';

/** How often the file is looked at. Polled, because links that are swapped raise no event. */
export const LOOK_INTERVAL_MS = 1_000;

export interface FileWatchOptions {
  readonly path: string;
  /** What the process has loaded already. */
  readonly text: string;
  readonly clock: Clock;
  readonly read: (path: string) => Promise<string>;
  /** Called with each new content, one at a time; `nudged` if somebody asked, changed or not. */
  readonly onText: (text: string, nudged: boolean) => Promise<void>;
  /** Called once for each reason why the file cannot be read. */
  readonly onUnreadable: (error: unknown) => void;
}

/**
 * Tells when the content of a file changes. A content counts once two looks have found the same, so
 * that a file that is still being written is not taken; a file that is touched or replaced by the
 * same content is no news.
 */
export class FileWatch {
  readonly #options: FileWatchOptions;
  #text: string;
  #nudged = false;
  #unreadable = '';
  #wake: (() => void) | undefined;

  constructor(options: FileWatchOptions) {
    this.#options = options;
    this.#text = options.text;
  }

  /** Looks now, and tells the content even if it is the same: what it refers to may have changed. */
  nudge(): void {
    this.#nudged = true;
    this.#wake?.();
  }

  async run(signal: AbortSignal): Promise<void> {
    let seen = this.#text;
    while (!signal.aborted) {
      await this.#pause(signal);
      if (signal.aborted) return;
      const text = await this.#read();
      if (text === undefined) continue;
      const nudged = this.#nudged;
      const settled = text === seen;
      seen = text;
      if (!settled || (text === this.#text && !nudged)) continue;
      this.#nudged = false;
      this.#text = text;
      await this.#options.onText(text, nudged);
    }
  }

  async #read(): Promise<string | undefined> {
    try {
      const text = await this.#options.read(this.#options.path);
      this.#unreadable = '';
      return text;
    } catch (error) {
      const reason = String(error);
      if (reason !== this.#unreadable) this.#options.onUnreadable(error);
      this.#unreadable = reason;
      return undefined;
    }
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    const either = AbortSignal.any([signal, woken.signal]);
    await this.#options.clock.sleep(LOOK_INTERVAL_MS, either).catch(() => undefined);
  }
}
