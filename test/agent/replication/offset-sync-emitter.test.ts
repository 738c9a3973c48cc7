import { it } from 'node:test';

import { OffsetSyncEmitter } from '../../../agent/replication/offset-sync-emitter.js';
import type { PartitionCopier } from '../../../agent/replication/partition-copier.js';
import { systemClock } from '../../../common/clock.js';
import { MirrorError } from '../../../common/errors.js';
import { silentLogger } from '../../../common/log.js';
import type { KafkaCluster } from '../../../kafka/client/index.js';
import { flowFrom } from '../../coordinator/target/open-on-broker.js';
import { eventually } from '../../kit/eventually.js';

class Refused extends MirrorError {
  readonly code = 'MIRROR_TEST';
  readonly retriable = true;
}

it('writes again what could not be written, also of a topic without news', async () => {
  const tail = { runs: [{ sourceStart: 0n, targetStart: 0n, length: 10n }] };
  const copier = { assignment: { topic: 't', partition: 0 }, tail } as unknown as PartitionCopier;
  let attempts = 0;
  // Only how often it is tried is asked: what it would write is for the real broker's tests.
  const cluster = {
    metadata: () => {
      attempts += 1;
      return Promise.reject(new Refused('the broker refuses'));
    },
  } as unknown as KafkaCluster;
  const emitter = new OffsetSyncEmitter({
    ...{ config: flowFrom('a'), source: cluster, target: cluster },
    ...{ clock: systemClock, log: silentLogger, copiers: () => new Set([copier]) },
    onMissingRight: () => undefined,
  });
  await eventually(
    () => attempts >= 3,
    () => attempts,
  );
  await emitter.close();
});
