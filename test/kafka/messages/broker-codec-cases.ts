import { apiVersions } from '../../../kafka/messages/api-versions.js';
import { fetch } from '../../../kafka/messages/fetch.js';
import { listOffsets } from '../../../kafka/messages/list-offsets.js';
import { metadata } from '../../../kafka/messages/metadata.js';
import { offsetForLeaderEpoch } from '../../../kafka/messages/offset-for-leader-epoch.js';
import { produce, produceById } from '../../../kafka/messages/produce.js';
import { codecCase, type CodecCase } from './codec-case.js';

const topicId = '01234567-89ab-cdef-fedc-ba9876543210';
const noTopicId = '00000000-0000-0000-0000-000000000000';

export const brokerCodecCases: readonly CodecCase[] = [
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
    produceById,
    {
      transactionalId: null,
      acks: -1,
      timeoutMs: 30_000,
      topics: [
        {
          topicId: '01234567-89ab-cdef-fedc-ba9876543210',
          partitions: [{ partitionIndex: 0, records: Buffer.from('first batch') }],
        },
      ],
    },
    {
      topics: [
        {
          topicId: '01234567-89ab-cdef-fedc-ba9876543210',
          partitions: [
            {
              partitionIndex: 0,
              errorCode: 100,
              baseOffset: -1n,
              logAppendTimeMs: -1n,
              logStartOffset: -1n,
              recordErrors: [],
              errorMessage: null,
            },
          ],
        },
      ],
      throttleTimeMs: 6,
    },
    'Produce by id',
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
];
