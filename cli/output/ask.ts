import { createInterface } from 'node:readline/promises';

interface Terminal {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  /** Whether keys come one by one; known of a real terminal. */
  readonly terminal?: boolean;
}

/**
 * What a person answers. Whoever presses Ctrl-C or Ctrl-D instead, or whose process is told to end,
 * has answered nothing, which is no consent: readline by itself would never answer at all.
 */
export async function ask(
  question: string,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<string> {
  if (signal.aborted) return '';
  const lines = createInterface(terminal);
  const close = (): void => lines.close();
  const nothing = new Promise<undefined>((resolve) => {
    lines.once('close', () => resolve(undefined));
  });
  lines.once('SIGINT', close);
  signal.addEventListener('abort', close, { once: true });
  try {
    const answer = await Promise.race([lines.question(question), nothing]);
    if (answer === undefined) terminal.output.write('\n'); // what is said next begins a line
    return answer ?? '';
  } finally {
    signal.removeEventListener('abort', close);
    lines.close();
  }
}
