import pc from 'picocolors';
import { formatDuration } from './format.js';

export interface ShownStep {
  readonly name: string;
  readonly done: boolean;
  readonly message: string;
  readonly elapsedMs: bigint;
}

/** One line of something long: a step that has begun, or how long it took. */
export function stepLine({ name, done, message, elapsedMs }: ShownStep, nameWidth: number): string {
  const mark = done ? pc.green('done') : pc.dim('....');
  const elapsed = done ? pc.dim(` ${formatDuration(elapsedMs)}`) : '';
  return `${mark}  ${name.padEnd(nameWidth)} ${message}${elapsed}`;
}
