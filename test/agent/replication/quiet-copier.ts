import type { CopierAssignment } from '../../../agent/replication/copier-assignment.js';
import { PartitionCopier } from '../../../agent/replication/partition-copier.js';

/** A copier of which nobody is told anything; what a test is about is what it says of the assignment. */
export function quietCopier(about: Partial<CopierAssignment> = {}): PartitionCopier {
  const assignment: CopierAssignment = {
    ...{ topic: 'orders', partition: 3, targetTopic: 'a.orders' },
    ...{ sourceTopicId: 's', targetTopicId: 't' },
    ...{ producerId: 1n, producerEpoch: 0, sequenceBase: 0n, mapTail: [], accept: '' },
  };
  const tell = (): undefined => undefined;
  const events = { needsRecovery: tell, bytesHeld: tell, stateChanged: tell };
  return new PartitionCopier({ ...assignment, ...about }, events);
}
