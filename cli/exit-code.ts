/** What `mirrorctl` exits with; scripts depend on these (docs/design: public surface). */
export const ExitCode = {
  ok: 0,
  failed: 1,
  /** Wrong usage or configuration. */
  usage: 2,
  /** It works, but not as it should: halted, unheld or lagging partitions. */
  degraded: 3,
  /** A precondition of a dangerous act is not met; nothing was changed. */
  refused: 4,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
