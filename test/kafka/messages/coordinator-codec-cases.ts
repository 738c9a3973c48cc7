import { addPartitionsToTxn } from '../../../kafka/messages/add-partitions-to-txn.js';
import { describeGroups } from '../../../kafka/messages/describe-groups.js';
import { describeProducers } from '../../../kafka/messages/describe-producers.js';
import { endTxn } from '../../../kafka/messages/end-txn.js';
import { findCoordinator } from '../../../kafka/messages/find-coordinator.js';
import { initProducerId } from '../../../kafka/messages/init-producer-id.js';
import { listGroups } from '../../../kafka/messages/list-groups.js';
import { offsetCommit } from '../../../kafka/messages/offset-commit.js';
import { offsetFetch } from '../../../kafka/messages/offset-fetch.js';
import { saslAuthenticate } from '../../../kafka/messages/sasl-authenticate.js';
import { saslHandshake } from '../../../kafka/messages/sasl-handshake.js';
import { codecCase, type CodecCase } from './codec-case.js';

export const coordinatorCodecCases: readonly CodecCase[] = [
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
