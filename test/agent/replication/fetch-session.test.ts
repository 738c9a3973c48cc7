import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { FetchSession } from '../../../agent/replication/fetch-session.js';
import type { PartitionCopier } from '../../../agent/replication/partition-copier.js';
import { ErrorCode } from '../../../kafka/messages/error-codes.js';
import type { FetchResponse } from '../../../kafka/messages/fetch.js';
import { Seeded, seedFor } from '../../kit/seeded-random.js';
import { quietCopier } from './quiet-copier.js';

const MIB = 1024 * 1024;

const RANDOM_HISTORIES = 300;

function copierOf(partition: number, topicId = 'id'): PartitionCopier {
  const copier = quietCopier({ topic: 't', partition, sourceTopicId: topicId });
  copier.fetchOffset = 0n;
  return copier;
}

function copierAt({ assignment, fetchOffset }: PartitionCopier): PartitionCopier {
  const copier = copierOf(assignment.partition);
  copier.fetchOffset = fetchOffset;
  return copier;
}

const answer = (sessionId: number, errorCode: number = ErrorCode.NONE): FetchResponse => ({
  throttleTimeMs: 0,
  errorCode,
  sessionId,
  responses: [],
});

/** The broker's side (FetchManager of Kafka): which partitions it watches, and from where. */
class ModelBroker {
  #id = 0;
  #epoch = 0;
  watched = new Map<number, bigint>();
  /** Partitions whose end the last answer told: it is news when a session begins to watch them. */
  told: number[] = [];

  fetch(request: ReturnType<FetchSession['request']>, newId: number): FetchResponse {
    if (request.sessionEpoch === 0) {
      this.#id = newId;
      this.#epoch = 1;
      this.watched.clear();
    } else if (request.sessionId !== this.#id) {
      return answer(0, ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
    } else if (request.sessionEpoch !== this.#epoch) {
      return answer(0, ErrorCode.INVALID_FETCH_SESSION_EPOCH);
    } else this.#epoch += 1;
    this.told = [];
    for (const { partitions } of request.topics) {
      for (const { partition, fetchOffset } of partitions) {
        if (!this.watched.has(partition)) this.told.push(partition);
        this.watched.set(partition, fetchOffset);
      }
    }
    for (const { partitions } of request.forgottenTopics) {
      for (const partition of partitions) this.watched.delete(partition);
    }
    return answer(this.#id);
  }

  forgetSession(): void {
    this.#id = -1;
  }
}

describe('FetchSession', () => {
  it('names all partitions once, and then only what changed', () => {
    const session = new FetchSession();
    const [one, two] = [copierOf(1), copierOf(2)];
    session.want(one);
    session.want(two);
    const first = session.request(MIB);
    assert.equal(first.sessionEpoch, 0);
    assert.equal(first.topics[0]?.partitions.length, 2);
    assert.equal(session.answered(answer(9)), true);
    for (const copier of [one, two]) copier.noteSourceEnd(9n, 0);
    two.fetchOffset = 5n;
    session.want(one);
    session.want(two);
    const second = session.request(MIB);
    assert.deepEqual([second.sessionId, second.sessionEpoch], [9, 1]);
    assert.deepEqual(
      second.topics[0]?.partitions.map(({ partition, fetchOffset }) => [partition, fetchOffset]),
      [[2, 5n]],
    );
    assert.deepEqual(second.forgottenTopics, []);
  });

  it('keeps the place of a new copier when the old one of its partition is dropped late', () => {
    const session = new FetchSession();
    const [old, renewed] = [copierOf(1), copierOf(1)];
    session.want(old);
    session.want(renewed);
    session.drop(old);
    assert.equal(session.find('id', 1)?.copier, renewed);
  });

  it('opens a new session after the broker forgot the old one', () => {
    const session = new FetchSession();
    session.want(copierOf(1));
    session.request(MIB);
    session.answered(answer(9));
    assert.equal(session.answered(answer(0, ErrorCode.FETCH_SESSION_ID_NOT_FOUND)), false);
    assert.equal(session.request(MIB).sessionEpoch, 0);
  });

  it('names everything each time while the broker has no room for a session', () => {
    const session = new FetchSession();
    session.want(copierOf(1));
    for (let round = 0; round < 3; round += 1) {
      const request = session.request(MIB);
      assert.equal(request.sessionEpoch, 0);
      assert.equal(request.topics.length, 1);
      session.answered(answer(0));
    }
  });

  it('has the broker watch exactly what is wanted, whatever happens', () => {
    const seed = seedFor('FetchSession');
    for (let history = 0; history < RANDOM_HISTORIES; history += 1) {
      const random = new Seeded(seed + history);
      const session = new FetchSession();
      const broker = new ModelBroker();
      const copiers = Array.from({ length: 6 }, (_, partition) => copierOf(partition));
      const wanted = new Set<PartitionCopier>();
      for (let step = 0; step < 60; step += 1) {
        const copier = random.pick(copiers);
        const event = random.below(8);
        if (event < 3) {
          copier.fetchOffset += BigInt(random.below(3));
          session.want(copier);
          wanted.add(copier);
        } else if (event < 5) {
          session.drop(copier);
          wanted.delete(copier);
          // Its lease may come back at once, to a new copier.
          if (random.chance(0.5)) copiers[copier.assignment.partition] = copierAt(copier);
        } else if (event === 5 && random.chance(0.2)) broker.forgetSession();
        else if (event === 6 && random.chance(0.2)) {
          session.request(MIB); // and its connection was lost
          session.reset();
        } else if (session.answered(broker.fetch(session.request(MIB), step + 1))) {
          const hear = (): void => {
            for (const told of broker.told) session.find('id', told)?.copier.noteSourceEnd(9n, 0);
          };
          hear();
          if (session.isPostponing) {
            session.answered(broker.fetch(session.request(MIB), step + 1));
            hear();
          }
          for (const each of wanted) assert.equal(each.sourceEnd, 9n, `SEED=${seed + history}`);
          const expected = [...wanted].map((each) => [
            each.assignment.partition,
            session.find('id', each.assignment.partition)?.fetchOffset,
          ]);
          const byPartition = (a: unknown[], b: unknown[]): number => Number(a[0]) - Number(b[0]);
          assert.deepEqual(
            [...broker.watched].sort(byPartition),
            expected.sort(byPartition),
            `SEED=${seed + history}`,
          );
        }
      }
    }
  });
});
