/** Whether records of open and aborted transactions are read, as Fetch and ListOffsets have it. */
export const IsolationLevel = { readUncommitted: 0, readCommitted: 1 } as const;

export type IsolationLevel = (typeof IsolationLevel)[keyof typeof IsolationLevel];
