import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import type { Producer } from 'kafkajs';

import { GroupWatch } from '../../../agent/site/group-watch.js';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { AdminClient } from '../../../kafka/admin/admin-client.js';
import type { GroupOffset } from '../../../proto/gen/mirror/v1/agent.js';
import { flowFrom } from '../../coordinator/target/open-on-broker.js';
import { clusterOf } from '../../kafka/records/on-broker.js';
import { eventually } from '../../kit/eventually.js';
import { commitOffsets } from '../../kit/group-offsets.js';
import { connectKafkajs } from '../../kit/kafkajs-client.js';
import {
  KAFKA_CURRENT,
  KAFKA_OLDER,
  startKafka,
  type KafkaServers,
} from '../../kit/start-kafka.js';
import { createTopics } from '../../kit/write-unique.js';

const NEVER = new AbortController().signal;

for (const version of [KAFKA_CURRENT, KAFKA_OLDER]) {
  describe(`GroupWatch on Kafka ${version}`, () => {
    let source: KafkaServers;

    before(async () => {
      source = await startKafka({ name: 'groups', version });
      await createTopics(source, [{ topic: 'orders', partitions: 2 }, { topic: 'secret' }]);
    });

    after(() => source.stop());

    /** What is reported, the last of each group, topic and partition, and in order. */
    function watch(...lines: string[]) {
      const cluster = clusterOf(source.bootstrapServers);
      const flow = flowFrom('east', 'topics = orders', ...lines);
      const reports: GroupOffset[] = [];
      const stop = new AbortController();
      const watching = new GroupWatch({
        flow,
        source: cluster,
        admin: new AdminClient({ cluster, clock: systemClock }),
        clock: systemClock,
        log: silentLogger,
        send: (offsets) => reports.push(...offsets) > 0,
        trouble: () => undefined,
      });
      const running = watching.run(stop.signal);
      const last = (group: string, partition = 0): bigint | undefined =>
        reports.findLast((each) => each.group === group && each.partition === partition)?.offset;
      const close = async (): Promise<void> => {
        stop.abort();
        await running;
        await cluster.close();
      };
      return { reports, last, watching, [Symbol.asyncDispose]: close };
    }

    const commit = (group: string, offset: bigint, topic = 'orders'): Promise<void> =>
      commitOffsets(source, { group, topic }, [Number(offset)]);

    it('finds the first group of a cluster, and each of its commits', async () => {
      await using seen = watch();
      await seen.watching.reportNow(NEVER);
      assert.deepEqual(seen.reports, []);
      await commit('first', 1n);
      await seen.watching.reportNow(NEVER);
      assert.equal(seen.last('first'), 1n);
      for (let offset = 2n; offset <= 20n; offset += 1n) await commit('first', offset);
      await eventually(
        () => seen.last('first') === 20n,
        () => seen.reports,
      );
      const offsets = seen.reports.map(({ offset }) => offset);
      assert.deepEqual(
        offsets,
        offsets.toSorted((a, b) => Number(a - b)),
      );
    });

    it('lists what was committed before, and only what the flow selects', async () => {
      await commit('earlier', 7n);
      await commit('earlier', 3n, 'secret');
      await commit('console-consumer-1', 5n);
      await using seen = watch();
      await eventually(
        () => seen.last('earlier') === 7n,
        () => seen.reports,
      );
      await seen.watching.reportNow(NEVER); // what is not reported by now never is
      assert.deepEqual(
        seen.reports.filter(({ group, topic }) => group !== 'first' && topic !== 'orders'),
        [],
      );
      assert.equal(seen.last('console-consumer-1'), undefined);
    });

    it('says everything again to a new session, and follows a group that goes back', async () => {
      await using seen = watch();
      await eventually(
        () => seen.last('earlier') === 7n,
        () => seen.reports,
      );
      seen.reports.length = 0;
      seen.watching.repeatAll();
      await eventually(
        () => seen.last('earlier') === 7n,
        () => seen.reports,
      );
      await commit('earlier', 2n);
      await eventually(
        () => seen.last('earlier') === 2n,
        () => seen.reports,
      );
    });

    it('answers behind every commit that was made before it was asked', async () => {
      await using seen = watch();
      for (let offset = 30n; offset <= 33n; offset += 1n) {
        await commit('asked', offset);
        await seen.watching.reportNow(NEVER);
        assert.equal(seen.last('asked'), offset);
      }
      const givenUp = AbortSignal.abort(new Error('given up'));
      await assert.rejects(seen.watching.reportNow(givenUp), /given up/);
    });

    it('takes the offsets of a transaction when it is committed, and not when it is aborted', async () => {
      const [aborts, commits] = ['tx-abort', 'tx-commit'].map((transactionalId) =>
        connectKafkajs(source).producer({
          transactionalId,
          maxInFlightRequests: 1,
          idempotent: true,
        }),
      ) as [Producer, Producer];
      await Promise.all([aborts.connect(), commits.connect()]);
      await using seen = watch();
      await eventually(
        () => seen.last('earlier') !== undefined,
        () => seen.reports,
      );
      const offsetsOf = (offset: string) => ({
        consumerGroupId: 'in-transaction',
        topics: [{ topic: 'orders', partitions: [{ partition: 0, offset }] }],
      });
      const aborted = await aborts.transaction();
      await aborted.sendOffsets(offsetsOf('11'));
      await aborted.abort();
      const committed = await commits.transaction();
      await committed.sendOffsets(offsetsOf('12'));
      // The open transaction holds up nobody else.
      await commit('beside', 4n);
      await eventually(
        () => seen.last('beside') === 4n,
        () => seen.reports,
      );
      assert.equal(seen.last('in-transaction'), undefined);
      await using late = watch();
      await eventually(
        () => late.last('beside') === 4n,
        () => late.reports,
      );
      await committed.commit();
      await eventually(
        () => seen.last('in-transaction') === 12n,
        () => seen.reports,
      );
      // Who came while it was open does not miss it either.
      await eventually(
        () => late.last('in-transaction') === 12n,
        () => late.reports,
      );
      await Promise.all([aborts.disconnect(), commits.disconnect()]);
    });

    it('keeps to the groups of its first listing when refresh.groups is off', async () => {
      await using seen = watch('refresh.groups.enabled = false');
      await eventually(
        () => seen.last('earlier') === 2n,
        () => seen.reports,
      );
      await commit('newcomer', 1n);
      await commit('earlier', 9n);
      await eventually(
        () => seen.last('earlier') === 9n,
        () => seen.reports,
      );
      await seen.watching.reportNow(NEVER);
      assert.equal(seen.last('newcomer'), undefined);
    });

    it('goes on when the source was away', async () => {
      await using seen = watch();
      await eventually(
        () => seen.last('earlier') === 9n,
        () => seen.reports,
      );
      await source.brokers[0]!.kill();
      await source.brokers[0]!.start();
      await commit('earlier', 10n);
      await eventually(
        () => seen.last('earlier') === 10n,
        () => seen.reports,
      );
    });
  });
}
