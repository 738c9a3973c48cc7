import type { Clock } from '../../common/clock.js';
import { ErrorCode } from '../messages/error-codes.js';
import {
  COORDINATOR_TYPE_GROUP,
  COORDINATOR_TYPE_TRANSACTION,
  findCoordinator,
  type CoordinatorEntry,
  type FindCoordinatorRequest,
  type FindCoordinatorResponse,
} from '../messages/find-coordinator.js';
import { abortable } from './abortable.js';
import { backoffMs } from './backoff.js';
import { BrokerResponseError } from './errors.js';

/** About nine seconds: a fresh cluster makes its internal topics when they are first asked about. */
const FIND_ATTEMPTS_MAX = 10;

/** The oldest entries go first; a group that is asked about again costs one more question. */
const COORDINATORS_CACHED_MAX = 10_000;

export type CoordinatorKey = { group: string } | { transactionalId: string };

export interface CoordinatorFinderOptions {
  clock: Clock;
  random: () => number;
  /** Ends what is under way. */
  signal: AbortSignal;
  ask: (request: FindCoordinatorRequest, signal: AbortSignal) => Promise<FindCoordinatorResponse>;
  /** Told of each coordinator, whose address may be newer than the metadata. */
  learn: (coordinator: CoordinatorEntry) => void;
}

/** Which node coordinates a group or a transactional id: asked once, remembered until forgotten. */
export class CoordinatorFinder {
  readonly #options: CoordinatorFinderOptions;
  readonly #nodeIds = new Map<string, number>();

  /** Questions under way, joined by all who have the same one. */
  readonly #finding = new Map<string, Promise<number>>();

  constructor(options: CoordinatorFinderOptions) {
    this.#options = options;
  }

  find(key: CoordinatorKey, signal?: AbortSignal): Promise<number> {
    const cacheKey = JSON.stringify(key);
    const known = this.#nodeIds.get(cacheKey);
    if (known !== undefined) return Promise.resolve(known);
    let finding = this.#finding.get(cacheKey);
    if (finding === undefined) {
      finding = this.#find(key, cacheKey).finally(() => this.#finding.delete(cacheKey));
      this.#finding.set(cacheKey, finding);
    }
    return abortable(finding, signal);
  }

  forget(key: CoordinatorKey): void {
    this.#nodeIds.delete(JSON.stringify(key));
  }

  async #find(key: CoordinatorKey, cacheKey: string): Promise<number> {
    const { ask, clock, learn, random, signal } = this.#options;
    const [keyType, name] =
      'group' in key
        ? [COORDINATOR_TYPE_GROUP, key.group]
        : [COORDINATOR_TYPE_TRANSACTION, key.transactionalId];
    for (let attempt = 1; ; attempt += 1) {
      const { coordinators } = await ask({ keyType, coordinatorKeys: [name] }, signal);
      const found = coordinators[0];
      const errorCode = found?.errorCode ?? ErrorCode.COORDINATOR_NOT_AVAILABLE;
      if (found !== undefined && errorCode === ErrorCode.NONE) {
        learn(found);
        this.#remember(cacheKey, found.nodeId);
        return found.nodeId;
      }
      if (!isCoordinatorError(errorCode) || attempt === FIND_ATTEMPTS_MAX) {
        throw new BrokerResponseError(findCoordinator.name, errorCode, name);
      }
      await clock.sleep(backoffMs(attempt, random()), signal);
    }
  }

  #remember(cacheKey: string, nodeId: number): void {
    this.#nodeIds.set(cacheKey, nodeId);
    if (this.#nodeIds.size <= COORDINATORS_CACHED_MAX) return;
    for (const oldest of this.#nodeIds.keys()) {
      this.#nodeIds.delete(oldest);
      break;
    }
  }
}

/** The three codes with which a broker says that it did nothing, as it does not coordinate. */
export function isCoordinatorError(errorCode: number): boolean {
  return (
    errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS ||
    errorCode === ErrorCode.COORDINATOR_NOT_AVAILABLE ||
    errorCode === ErrorCode.NOT_COORDINATOR
  );
}
