import { addPartitionsToTxn } from '../../../kafka/messages/add-partitions-to-txn.js';
import { apiVersions } from '../../../kafka/messages/api-versions.js';
import type { Api } from '../../../kafka/messages/api.js';
import { describeGroups } from '../../../kafka/messages/describe-groups.js';
import { describeProducers } from '../../../kafka/messages/describe-producers.js';
import { endTxn } from '../../../kafka/messages/end-txn.js';
import { fetch } from '../../../kafka/messages/fetch.js';
import { findCoordinator } from '../../../kafka/messages/find-coordinator.js';
import { initProducerId } from '../../../kafka/messages/init-producer-id.js';
import { listGroups } from '../../../kafka/messages/list-groups.js';
import { listOffsets } from '../../../kafka/messages/list-offsets.js';
import { metadata } from '../../../kafka/messages/metadata.js';
import { offsetCommit } from '../../../kafka/messages/offset-commit.js';
import { offsetFetch } from '../../../kafka/messages/offset-fetch.js';
import { offsetForLeaderEpoch } from '../../../kafka/messages/offset-for-leader-epoch.js';
import { produce } from '../../../kafka/messages/produce.js';
import { saslAuthenticate } from '../../../kafka/messages/sasl-authenticate.js';
import { saslHandshake } from '../../../kafka/messages/sasl-handshake.js';

/** One API with the request and the response that golden/GoldenBytes.java writes for it. */
export interface CodecCase {
  readonly api: Api<never, unknown>;
  readonly request: unknown;
  readonly response: unknown;
}

function codecCase<Request, Response>(
  api: Api<Request, Response>,
  request: Request,
  response: Response,
): CodecCase {
  return { api: api as Api<never, unknown>, request, response };
}

const topicId = '01234567-89ab-cdef-fedc-ba9876543210';
const noTopicId = '00000000-0000-0000-0000-000000000000';

export const codecCases: readonly CodecCase[] = [
  codecCase(
    apiVersions,
    { clientSoftwareName: 'mirrorctl', clientSoftwareVersion: '1.0' },
    {
      errorCode: 0,
      apiKeys: [
        { apiKey: 3, minVersion: 0, maxVersion: 13 },
        { apiKey: 18, minVersion: 0, maxVersion: 4 },
      ],
      throttleTimeMs: 7,
    },
  ),
  codecCase(
    metadata,
    { topics: ['orders', 'gone'], allowAutoTopicCreation: false },
    {
      throttleTimeMs: 1,
      brokers: [
        { nodeId: 2, host: 'b2.example', port: 9092, rack: 'r1' },
        { nodeId: 3, host: 'b3.example', port: 9093, rack: null },
      ],
      clusterId: 'cid',
      controllerId: 2,
      topics: [
        {
          errorCode: 0,
          name: 'orders',
          topicId,
          isInternal: false,
          partitions: [
            {
              errorCode: 0,
              partitionIndex: 1,
              leaderId: 2,
              leaderEpoch: 9,
              replicaNodes: [2, 3],
              isrNodes: [2],
              offlineReplicas: [3],
            },
          ],
        },
        { errorCode: 3, name: 'gone', topicId: noTopicId, isInternal: false, partitions: [] },
      ],
    },
  ),
  codecCase(
    fetch,
    {
      maxWaitMs: 500,
      minBytes: 1,
      maxBytes: 1 << 20,
      isolationLevel: 1,
      sessionId: 77,
      sessionEpoch: 3,
      topics: [
        {
          topicId,
          partitions: [
            {
              partition: 1,
              currentLeaderEpoch: 9,
              fetchOffset: 1n << 40n,
              lastFetchedEpoch: 8,
              partitionMaxBytes: 65_536,
            },
          ],
        },
      ],
      forgottenTopics: [{ topicId, partitions: [0, 2] }],
      rackId: 'r1',
    },
    {
      throttleTimeMs: 2,
      errorCode: 0,
      sessionId: 77,
      responses: [
        {
          topicId,
          partitions: [
            {
              partitionIndex: 0,
              errorCode: 0,
              highWatermark: 100n,
              lastStableOffset: 90n,
              logStartOffset: 5n,
              abortedTransactions: [{ producerId: 4000n, firstOffset: 42n }],
              preferredReadReplica: -1,
              records: Buffer.from('the raw batches'),
              divergingEpoch: null,
              currentLeader: null,
            },
            {
              partitionIndex: 1,
              errorCode: 74,
              highWatermark: -1n,
              lastStableOffset: -1n,
              logStartOffset: -1n,
              abortedTransactions: [],
              preferredReadReplica: -1,
              records: null,
              divergingEpoch: { epoch: 4, endOffset: 55n },
              currentLeader: { leaderId: 3, leaderEpoch: 10 },
            },
          ],
        },
      ],
    },
  ),
  codecCase(
    produce,
    {
      transactionalId: null,
      acks: -1,
      timeoutMs: 30_000,
      topics: [
        {
          name: 'orders',
          partitions: [
            { partitionIndex: 0, records: Buffer.from('first batch') },
            { partitionIndex: 1, records: [Buffer.from('second '), Buffer.from('batch')] },
          ],
        },
      ],
    },
    {
      topics: [
        {
          name: 'orders',
          partitions: [
            {
              partitionIndex: 0,
              errorCode: 0,
              baseOffset: 1_234_567_890_123n,
              logAppendTimeMs: -1n,
              logStartOffset: 5n,
              recordErrors: [],
              errorMessage: null,
            },
            {
              partitionIndex: 1,
              errorCode: 87,
              baseOffset: -1n,
              logAppendTimeMs: -1n,
              logStartOffset: -1n,
              recordErrors: [{ batchIndex: 3, batchIndexErrorMessage: 'why' }],
              errorMessage: 'bad',
            },
          ],
        },
      ],
      throttleTimeMs: 6,
    },
  ),
  codecCase(
    listOffsets,
    {
      isolationLevel: 1,
      topics: [
        {
          name: 'orders',
          partitions: [{ partitionIndex: 1, currentLeaderEpoch: 9, timestamp: -3n }],
        },
      ],
    },
    {
      throttleTimeMs: 0,
      topics: [
        {
          name: 'orders',
          partitions: [
            {
              partitionIndex: 1,
              errorCode: 0,
              timestamp: 1_700_000_000_000n,
              offset: 99n,
              leaderEpoch: 9,
            },
          ],
        },
      ],
    },
  ),
  codecCase(
    offsetForLeaderEpoch,
    {
      topics: [
        { topic: 'orders', partitions: [{ partition: 1, currentLeaderEpoch: 9, leaderEpoch: 8 }] },
      ],
    },
    {
      throttleTimeMs: 0,
      topics: [
        {
          topic: 'orders',
          partitions: [{ errorCode: 0, partition: 1, leaderEpoch: 8, endOffset: 77n }],
        },
      ],
    },
  ),
  codecCase(
    findCoordinator,
    { keyType: 1, coordinatorKeys: ['mirror.a', 'mirror.b'] },
    {
      throttleTimeMs: 0,
      coordinators: [
        {
          key: 'mirror.a',
          nodeId: 2,
          host: 'b2.example',
          port: 9092,
          errorCode: 0,
          errorMessage: null,
        },
        { key: 'mirror.b', nodeId: -1, host: '', port: -1, errorCode: 15, errorMessage: 'wait' },
      ],
    },
  ),
  codecCase(
    initProducerId,
    {
      transactionalId: 'mirror.a',
      transactionTimeoutMs: 60_000,
      producerId: 4000n,
      producerEpoch: 6,
    },
    { throttleTimeMs: 3, errorCode: 90, producerId: 4000n, producerEpoch: 7 },
  ),
  codecCase(
    addPartitionsToTxn,
    {
      transactionalId: 'mirror.a',
      producerId: 4000n,
      producerEpoch: 7,
      topics: [{ name: 'orders', partitions: [0, 1] }],
    },
    {
      throttleTimeMs: 0,
      results: [
        {
          name: 'orders',
          partitions: [
            { partitionIndex: 0, errorCode: 55 },
            { partitionIndex: 1, errorCode: 3 },
          ],
        },
      ],
    },
  ),
  codecCase(
    endTxn,
    { transactionalId: 'mirror.a', producerId: 4000n, producerEpoch: 7, committed: true },
    { throttleTimeMs: 0, errorCode: 47 },
  ),
  codecCase(
    describeProducers,
    { topics: [{ name: 'orders', partitionIndexes: [0, 1] }] },
    {
      throttleTimeMs: 0,
      topics: [
        {
          name: 'orders',
          partitions: [
            {
              partitionIndex: 0,
              errorCode: 0,
              errorMessage: null,
              activeProducers: [
                {
                  producerId: 4000n,
                  producerEpoch: 7,
                  lastSequence: 2_147_483_647,
                  lastTimestamp: 1_700_000_000_000n,
                  coordinatorEpoch: 1,
                  currentTxnStartOffset: -1n,
                },
              ],
            },
            { partitionIndex: 1, errorCode: 6, errorMessage: 'moved', activeProducers: [] },
          ],
        },
      ],
    },
  ),
  codecCase(
    saslHandshake,
    { mechanism: 'PLAIN' },
    { errorCode: 33, mechanisms: ['SCRAM-SHA-256', 'SCRAM-SHA-512'] },
  ),
  codecCase(
    saslAuthenticate,
    { authBytes: Buffer.from('token') },
    {
      errorCode: 0,
      errorMessage: null,
      authBytes: Buffer.from('proof'),
      sessionLifetimeMs: 3_600_000n,
    },
  ),
  codecCase(
    offsetCommit,
    {
      groupId: 'readers',
      generationIdOrMemberEpoch: -1,
      memberId: '',
      groupInstanceId: null,
      topics: [
        {
          name: 'orders',
          partitions: [
            {
              partitionIndex: 1,
              committedOffset: 88n,
              committedLeaderEpoch: 9,
              committedMetadata: null,
            },
          ],
        },
      ],
    },
    {
      throttleTimeMs: 0,
      topics: [{ name: 'orders', partitions: [{ partitionIndex: 1, errorCode: 16 }] }],
    },
  ),
  codecCase(
    offsetFetch,
    {
      groups: [
        { groupId: 'readers', topics: null },
        { groupId: 'others', topics: [{ name: 'orders', partitionIndexes: [1] }] },
      ],
      requireStable: true,
    },
    {
      throttleTimeMs: 0,
      groups: [
        {
          groupId: 'readers',
          topics: [
            {
              name: 'orders',
              partitions: [
                {
                  partitionIndex: 1,
                  committedOffset: 88n,
                  committedLeaderEpoch: 9,
                  metadata: 'm',
                  errorCode: 0,
                },
              ],
            },
          ],
          errorCode: 0,
        },
        { groupId: 'others', topics: [], errorCode: 14 },
      ],
    },
  ),
  codecCase(
    listGroups,
    { statesFilter: ['Stable', 'Empty'] },
    {
      throttleTimeMs: 0,
      errorCode: 0,
      groups: [{ groupId: 'readers', protocolType: 'consumer', groupState: 'Stable' }],
    },
  ),
  codecCase(
    describeGroups,
    { groups: ['readers'] },
    {
      throttleTimeMs: 0,
      groups: [
        {
          errorCode: 0,
          groupId: 'readers',
          groupState: 'Stable',
          protocolType: 'consumer',
          protocolData: 'range',
          members: [
            {
              memberId: 'm-1',
              groupInstanceId: 'i-1',
              clientId: 'c',
              clientHost: '/10.0.0.1',
              memberMetadata: Buffer.from('meta'),
              memberAssignment: Buffer.from('assign'),
            },
          ],
        },
      ],
    },
  ),
];
