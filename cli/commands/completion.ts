import tab from '@bomb.sh/tab/commander';
import type { Command } from 'commander';

/** Adds `completion SHELL`, which prints a script for bash, zsh, fish or powershell. */
export function installCompletion(program: Command): void {
  tab(program, { completionCommandName: 'completion' });
}
