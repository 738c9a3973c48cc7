import type { Clock } from '../../common/clock.js';
import { describeError, type ClosedError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import { abortable } from './abortable.js';
import { BACKOFF_MS_MAX, backoffMs } from './backoff.js';
import type { BadAnswerError } from './errors.js';
import { BrokerConnection, type BrokerConnectionOptions } from './broker-connection.js';
import { formatAddress, type Address } from './socket.js';

/** A connection that lived longer than this ended for a reason of its own, and is not a failure. */
const STABLE_AFTER_MS = BACKOFF_MS_MAX;

export interface ConnectionPoolOptions {
  connection: Omit<BrokerConnectionOptions, keyof Address>;
  clock: Clock;
  log: Logger;
  random: () => number;
}

/** One lane to one address: at most one socket, made when it is first wanted. */
interface Slot {
  readonly address: Address;
  connection: BrokerConnection | undefined;
  opening: Promise<BrokerConnection> | undefined;
}

/** Failures in a row of one address. */
interface Fault {
  failures: number;
  failedMs: number;
  notBeforeMs: number;
}

/**
 * One socket per (address, lane), shared by all who ask for it and opened again when it is broken.
 * Failures are counted per address, and every attempt waits for that address's backoff, so that no
 * caller's loop can become a hot loop of connecting.
 */
export class ConnectionPool {
  readonly #options: ConnectionPoolOptions;

  /** By lane within address. */
  readonly #slots = new Map<string, Slot>();

  /** By address; gone with the first connection that lasts. */
  readonly #faults = new Map<string, Fault>();

  /** Ends attempts and waits when the pool is closed. */
  readonly #stop = new AbortController();

  constructor(options: ConnectionPoolOptions) {
    this.#options = options;
  }

  /** A usable connection, new or shared. Rejects with what stood in the way of making one. */
  get(address: Address, lane: string, signal?: AbortSignal): Promise<BrokerConnection> {
    if (this.#stop.signal.aborted) return Promise.reject(this.#stop.signal.reason as Error);
    const slot = this.#slot(address, lane);
    if (slot.connection?.usable === true) return Promise.resolve(slot.connection);
    slot.opening ??= this.#open(slot).finally(() => {
      slot.opening = undefined;
    });
    return abortable(slot.opening, signal);
  }

  hasUsable(address: Address, lane: string): boolean {
    return this.#slots.get(slotKey(address, lane))?.connection?.usable === true;
  }

  /** How long an attempt would have to wait for the backoff. */
  backoffLeftMs(address: Address): number {
    const fault = this.#faults.get(formatAddress(address));
    return fault === undefined ? 0 : Math.max(0, fault.notBeforeMs - this.#options.clock.nowMs());
  }

  /** Closes what leads to addresses that are no longer part of the cluster. */
  retain(addresses: readonly Address[]): void {
    const kept = new Set(addresses.map(formatAddress));
    for (const address of this.#faults.keys()) {
      if (!kept.has(address)) this.#faults.delete(address);
    }
    for (const [key, slot] of this.#slots) {
      if (kept.has(formatAddress(slot.address)) || slot.opening !== undefined) continue;
      this.#slots.delete(key);
      void slot.connection?.close();
    }
  }

  /** Graceful: what is under way is answered or times out. */
  async close(reason: ClosedError): Promise<void> {
    this.#stop.abort(reason);
    const slots = [...this.#slots.values()];
    this.#slots.clear();
    await Promise.allSettled(slots.flatMap((slot) => slot.opening ?? []));
    await Promise.all(slots.flatMap((slot) => slot.connection?.close() ?? []));
  }

  #slot(address: Address, lane: string): Slot {
    const key = slotKey(address, lane);
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      slot = { address, connection: undefined, opening: undefined };
      this.#slots.set(key, slot);
    }
    return slot;
  }

  async #open(slot: Slot): Promise<BrokerConnection> {
    const { clock, log } = this.#options;
    const { signal } = this.#stop;
    const broker = formatAddress(slot.address);
    // One that is near the end of its session is replaced before the broker drops it.
    void slot.connection?.close();
    slot.connection = undefined;

    const waitMs = this.backoffLeftMs(slot.address);
    if (waitMs > 0) await clock.sleep(Math.ceil(waitMs), signal);
    const startedMs = clock.nowMs();
    try {
      const options = { ...this.#options.connection, ...slot.address };
      const connection = await BrokerConnection.open(options, signal);
      slot.connection = connection;
      this.#watch(connection, broker);
      return connection;
    } catch (error) {
      signal.throwIfAborted();
      this.#recordFailure(broker, startedMs);
      log.debug({ broker, problem: describeError(error) }, 'broker connection failed');
      throw error;
    }
  }

  /** A broker that accepts connections only to drop them must not be met in a hot loop either. */
  #watch(connection: BrokerConnection, broker: string): void {
    const { clock } = this.#options;
    const openedMs = clock.nowMs();
    void connection.closed.then(() => {
      this.#logBadAnswer(connection.badAnswer);
      if (clock.nowMs() - openedMs >= STABLE_AFTER_MS) this.#faults.delete(broker);
      else if (!this.#stop.signal.aborted) this.#recordFailure(broker, openedMs);
    });
  }

  /** Once for a connection, however many requests and partitions it costs their answers. */
  #logBadAnswer(bad: BadAnswerError | undefined): void {
    if (bad === undefined) return;
    const { broker, api, place } = bad;
    this.#options.log.error({ broker, api, place, error: describeError(bad) }, 'bad answer');
  }

  /** Lanes that fail together are one failure: what began before the last one adds nothing to it. */
  #recordFailure(broker: string, startedMs: number): void {
    const { clock, random } = this.#options;
    const fault = this.#faults.get(broker);
    if (fault !== undefined && fault.failedMs >= startedMs) return;
    const failedMs = clock.nowMs();
    const failures = (fault?.failures ?? 0) + 1;
    const notBeforeMs = failedMs + backoffMs(failures, random());
    this.#faults.set(broker, { failures, failedMs, notBeforeMs });
  }
}

function slotKey(address: Address, lane: string): string {
  return `${formatAddress(address)}/${lane}`;
}
