import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { credentials } from '@grpc/grpc-js';
import { AgentServiceClient, type AgentMessage } from '../../../proto/gen/mirror/v1/agent.js';
import { PartitionState } from '../../../proto/gen/mirror/v1/common.js';
import {
  FlowState,
  OperatorServiceClient,
  type PromoteEvent,
  type Status,
  PromoteRequest,
} from '../../../proto/gen/mirror/v1/operator.js';
import { eventually } from '../../kit/eventually.js';
import { startEtcd, type EtcdServers } from '../../kit/start-etcd.js';
import { startKafka, type KafkaServers } from '../../kit/start-kafka.js';
import { startProcess, type RunningProcess } from '../../kit/start-process.js';
import { temporaryFolder } from '../../kit/temporary-folder.js';
import { isPartition, isSite, TestAgent } from './fixture.js';

/** Longer than a machine stalls: the script of this test does not join again. */
const LEASE_TTL_MS = 10_000;

/** Two coordinators on real etcd and a real target; the agent is a script of this test. */
describe('mirror-coordinator', { timeout: 240_000 }, () => {
  let etcd: EtcdServers;
  let target: KafkaServers;
  let configFile: (id: string) => string;
  const processes: RunningProcess[] = [];

  before(async () => {
    [etcd, target] = await Promise.all([startEtcd(), startKafka({ name: 'target' })]);
    const folder = temporaryFolder('coordinators');
    configFile = (id) => {
      const file = join(folder, `${id}.properties`);
      const lines = [
        'clusters = east, west',
        `west.bootstrap.servers = ${target.bootstrapServers}`,
        'east->west.enabled = true',
        'replication.factor = 1',
        'offset-syncs.topic.replication.factor = 1',
        'checkpoints.topic.replication.factor = 1',
        'heartbeats.topic.replication.factor = 1',
        `coordinator.id = ${id}`,
        'coordinator.listen = 127.0.0.1:0',
        'coordinator.http.listen = 127.0.0.1:0',
        `coordinator.lease.ttl.ms = ${LEASE_TTL_MS}`,
        `coordinator.etcd.endpoints = ${etcd.endpoints.join(', ')}`,
      ];
      writeFileSync(file, `${lines.join('\n')}\n`);
      return file;
    };
  });

  after(async () => {
    for (const running of processes) await running.stop();
    await Promise.all([etcd?.stop(), target?.stop()]);
  });

  async function start(id: string): Promise<RunningProcess> {
    const args = ['coordinator/main.js', configFile(id)];
    const running = await startProcess({ name: id, args });
    processes.push(running);
    return running;
  }

  const addressOf = (running: RunningProcess): string => String(running.readyLine['grpc']);

  function getStatus(running: RunningProcess): Promise<Status | undefined> {
    const client = new OperatorServiceClient(addressOf(running), credentials.createInsecure());
    return new Promise((resolve) => {
      client.getStatus({ flow: '' }, (error, status) => {
        client.close();
        resolve(error === null ? status : undefined);
      });
    });
  }

  async function leads(running: RunningProcess): Promise<Status> {
    let status: Status | undefined;
    await eventually(async () => {
      status = await getStatus(running);
      return status?.flows[0]?.state === FlowState.RUNNING;
    });
    return status!;
  }

  const inventory: NonNullable<AgentMessage['message']> = {
    $case: 'inventory',
    value: {
      flow: 'east->west',
      topics: [{ name: 't', topicId: '6f1f3f5e-0c1b-4a55-9d3c-3a1d0b5c7e21', partitionCount: 2 }],
    },
  };

  const configs: NonNullable<AgentMessage['message']> = {
    $case: 'topicConfigs',
    value: {
      ...{ flow: 'east->west', names: [], wholeLook: false },
      topics: [{ topic: 't', values: [], kept: [], problem: undefined }],
    },
  };

  /** Heartbeats until stopped; an agent that lives. */
  function beat(agent: TestAgent): () => void {
    let sequence = 0n;
    const timer = setInterval(() => {
      sequence += 1n;
      agent.say({
        $case: 'heartbeat',
        value: { sequence, bufferedBytes: 0n, limitedFlows: [], missingRights: [] },
      });
    }, LEASE_TTL_MS / 4);
    return () => clearInterval(timer);
  }

  it('hands leases and offset maps over to a standby, and promotes', async () => {
    const first = await start('first');
    await leads(first);
    const second = await start('second');

    const insecure = credentials.createInsecure();
    const agent = new TestAgent(new AgentServiceClient(addressOf(first), insecure), {
      ...{ agentId: 'x', clusters: ['east', 'west'] },
    });
    const stopBeating = beat(agent);
    await agent.grant(isSite);
    agent.say(configs);
    agent.say(inventory);
    const grant = await agent.grant(isPartition(1));
    assert.equal(grant.partition?.targetTopic, 'east.t');
    assert.equal(grant.partition.mapTail.length, 0);
    const { item, leaseEpoch } = grant;
    const runs = [{ sourceStart: 5n, targetStart: 0n, length: 0n }];
    const progress = {
      ...{ item, leaseEpoch, state: PartitionState.RUNNING, halt: undefined, runs },
      ...{
        truncatedTo: undefined,
        sourceEpoch: undefined,
        sourceNext: 5n,
        targetNext: 0n,
        sourceEnd: 5n,
      },
      ...{ sourceEndAgeMs: 0n, records: 0n, bytes: 0n, lastTimestampMs: -1n },
      mapRestarted: false,
      trouble: '',
      standing: false,
      sequenceBase: 0n,
    };
    agent.say({ $case: 'progress', value: { partitions: [progress], standing: [] } });
    await eventually(
      () => agent.all('mapAcks').length > 0,
      () => ({ lines: first.lines.slice(-20), messages: agent.messages, error: agent.error }),
    );
    const held = agent.grants().map(({ item, leaseEpoch }) => ({ item, leaseEpoch }));

    stopBeating();
    await first.kill('SIGKILL');
    await leads(second);
    const { sessionId } = await agent.welcome();
    const again = new TestAgent(new AgentServiceClient(addressOf(second), insecure), {
      ...{ agentId: 'x', clusters: ['east', 'west'], sessionId, held },
    });
    const stopBeatingAgain = beat(again);
    await again.grant(isSite);
    again.say(configs);
    again.say(inventory);
    const after = await again.grant(isPartition(1));
    assert.deepEqual(after.partition?.mapTail, runs);
    assert.equal(after.partition?.producerId, grant.partition.producerId);

    const operators = new OperatorServiceClient(addressOf(second), insecure);
    const events: PromoteEvent[] = [];
    const failures: Error[] = [];
    const call = operators.promote(
      PromoteRequest.fromPartial({ flow: 'east->west', operator: 'test' }),
    );
    call.on('data', (event: PromoteEvent) => events.push(event));
    call.on('error', (error) => failures.push(error));
    const released = new Set<bigint>();
    await eventually(
      () => {
        for (const { item, leaseEpoch } of again.grants()) {
          // Caught up, said so after each look at the source.
          if (item?.work?.$case !== 'partition' || released.has(leaseEpoch)) continue;
          again.say({
            $case: 'progress',
            value: { partitions: [{ ...progress, item, leaseEpoch }], standing: [] },
          });
        }
        for (const { revokes } of again.all('revokes')) {
          const fresh = revokes.filter((revoke) => !released.has(revoke.leaseEpoch));
          for (const revoke of fresh) released.add(revoke.leaseEpoch);
          if (fresh.length > 0) again.say({ $case: 'released', value: { releases: fresh } });
        }
        return failures.length > 0 || events.some(({ event }) => event?.$case === 'result');
      },
      () => ({ events, failures }),
      60_000,
    );
    assert.deepEqual(failures, []);
    const status = await getStatus(second);
    assert.equal(status?.flows[0]?.state, FlowState.PROMOTED);
    stopBeatingAgain();

    // A new leader finds the promotion on the target, even with nothing else left.
    const { code } = await second.stop();
    assert.equal(code, 0);
    const third = await start('third');
    await eventually(
      async () => (await getStatus(third))?.flows[0]?.state === FlowState.PROMOTED,
      () => getStatus(third),
    );
  });
});
