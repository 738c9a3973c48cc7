import { Wakeup } from '../../common/wakeup.js';

/** One answer of a source broker brings at most this part of the budget. */
const ANSWER_FRACTION = 1 / 8;

/** An account that was full takes more once it holds less than this part of what it may hold. */
const REOPEN_FRACTION = 1 / 2;

/**
 * Bytes that an agent may hold of record batches, and of offset maps that wait for a coordinator.
 * Fetching pauses while they are used up; acknowledgements, the target's and the coordinator's, free
 * them. Overshoot is bounded by one fetch answer per source broker.
 */
export class MemoryBudget {
  readonly bytesMax: number;
  #held = 0;
  readonly #waiting = new Set<() => void>();
  readonly #accounts = new Map<string, MemoryAccount>();
  /** Resolves when whoever came last has left. */
  #turn: Promise<void> = Promise.resolve();

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get heldBytes(): number {
    return this.#held;
  }

  get exhausted(): boolean {
    return this.#held >= this.bytesMax;
  }

  get answerBytesMax(): number {
    return Math.ceil(this.bytesMax * ANSWER_FRACTION);
  }

  /**
   * What is held for one target broker, by all flows. `onChanged` is told whenever it became full,
   * or is so no more.
   */
  openAccount(broker: string, onChanged: (account: MemoryAccount) => void): MemoryAccount {
    let account = this.#accounts.get(broker);
    if (account === undefined) {
      account = new MemoryAccount((bytes) => this.hold(bytes));
      this.#accounts.set(broker, account);
    }
    account.listeners.add(onChanged);
    return account;
  }

  closeAccount(broker: string, onChanged: (account: MemoryAccount) => void): void {
    const account = this.#accounts.get(broker);
    account?.listeners.delete(onChanged);
    if (account?.listeners.size === 0 && account.heldBytes === 0) this.#accounts.delete(broker);
  }

  /** Calls back each time that memory is free again. */
  onFree(wake: () => void): void {
    this.#waiting.add(wake);
  }

  offFree(wake: () => void): void {
    this.#waiting.delete(wake);
  }

  /** Waits until memory is free, if there is none. */
  async untilFree(signal: AbortSignal): Promise<void> {
    const wakeup = new Wakeup();
    const wake = (): void => wakeup.wake();
    this.onFree(wake);
    try {
      while (this.exhausted && !signal.aborted) await wakeup.wait(signal);
    } finally {
      this.offFree(wake);
    }
    signal.throwIfAborted();
  }

  /** Work that needs much memory for a while: all of it, of all flows, takes turns. */
  async alone(bytes: number, work: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const before = this.#turn;
    let leave = (): void => {};
    const left = new Promise<void>((resolve) => (leave = resolve));
    // Whoever gives up while it waits does not let its successor go ahead of who is before both.
    this.#turn = before.then(() => left);
    try {
      await abortable(before, signal);
      this.hold(bytes);
      await work().finally(() => this.hold(-bytes));
    } finally {
      leave();
    }
  }

  /** What is held for no broker: offset maps that no coordinator has taken yet. A change. */
  hold(bytes: number): void {
    const wasExhausted = this.exhausted;
    this.#held += bytes;
    // As many as target brokers: what one holds changes what each may.
    for (const account of this.#accounts.values()) account.look(this.#shareMax);
    if (wasExhausted && !this.exhausted) for (const wake of this.#waiting) wake();
  }

  /**
   * A broker may hold as much as is still free, so that one that does not answer comes to half of
   * the budget, two come to two thirds, and whoever answers always has room. A broker that is alone
   * has no one to leave room for.
   */
  get #shareMax(): number {
    return this.#accounts.size > 1 ? this.bytesMax - this.#held : Infinity;
  }
}

/** See `MemoryBudget.openAccount`. */
export class MemoryAccount {
  readonly listeners = new Set<(account: MemoryAccount) => void>();
  readonly #onChange: (bytes: number) => void;
  #held = 0;
  #full = false;

  constructor(onChange: (bytes: number) => void) {
    this.#onChange = onChange;
  }

  get heldBytes(): number {
    return this.#held;
  }

  /** Nothing more is to be fetched for this broker. */
  get full(): boolean {
    return this.#full;
  }

  change(bytes: number): void {
    this.#held += bytes;
    this.#onChange(bytes);
  }

  /** Compares what it holds with what it may. */
  look(shareMax: number): void {
    const limit = this.#full ? shareMax * REOPEN_FRACTION : shareMax;
    const full = this.#held > 0 && this.#held >= limit;
    if (full === this.#full) return;
    this.#full = full;
    for (const changed of this.listeners) changed(this);
  }
}

async function abortable(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const wakeup = new Wakeup();
  void promise.then(() => wakeup.wake());
  await wakeup.wait(signal);
  signal.throwIfAborted();
}
