import type { Clock } from '../../common/clock.js';
import { KafkaApiError } from '../../kafka/admin/errors.js';
import { backoffMs, type KafkaCluster } from '../../kafka/client/index.js';
import { addPartitionsToTxn } from '../../kafka/messages/add-partitions-to-txn.js';
import { endTxn } from '../../kafka/messages/end-txn.js';
import { describeErrorCode, ErrorCode } from '../../kafka/messages/error-codes.js';

/** With the client's backoff, some ten seconds. */
const ATTEMPTS_MAX = 10;

/** One process alone uses a transactional id: no crowd to spread. */
const JITTER_NONE = 0.5;

export interface ProducerInUse {
  transactionalId: string;
  producerId: bigint;
  producerEpoch: number;
}

/**
 * Reminds the transaction coordinator of a transactional id, which it forgets after a week without
 * transactions (`transactional.id.expiration.ms`): the next fence would then get another producer id
 * and fence nobody. An empty, aborted transaction does it: same epoch, and one marker in `topic`.
 *
 * Throws KafkaApiError; INVALID_PRODUCER_ID_MAPPING says that it was forgotten before.
 */
export async function refreshProducer(
  options: { cluster: KafkaCluster; clock: Clock; topic: string },
  producer: ProducerInUse,
  signal: AbortSignal,
): Promise<void> {
  const { cluster, clock, topic } = options;
  const { transactionalId } = producer;
  const to = { transactionalId };
  const add = { ...producer, topics: [{ name: topic, partitions: [0] }] };
  await whileBusy({ clock, signal, subject: transactionalId, api: addPartitionsToTxn.name }, async () => {
    const { results } = await cluster.request(to, addPartitionsToTxn, add, { signal });
    return results[0]?.partitions[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
  });
  const end = { ...producer, committed: false };
  await whileBusy({ clock, signal, subject: transactionalId, api: endTxn.name }, async () => {
    return (await cluster.request(to, endTxn, end, { signal })).errorCode;
  });
}

async function whileBusy(
  context: { clock: Clock; signal: AbortSignal; api: string; subject: string },
  ask: () => Promise<number>,
): Promise<void> {
  const { api, subject } = context;
  for (let attempt = 1; ; attempt += 1) {
    const errorCode = await ask();
    if (errorCode === ErrorCode.NONE) return;
    const passes =
      errorCode === ErrorCode.CONCURRENT_TRANSACTIONS || describeErrorCode(errorCode).retriable;
    if (!passes || attempt === ATTEMPTS_MAX) throw new KafkaApiError({ api, subject, errorCode });
    await context.clock.sleep(backoffMs(attempt, JITTER_NONE), context.signal);
  }
}
