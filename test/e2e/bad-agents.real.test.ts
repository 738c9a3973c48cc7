import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { credentials, status } from '@grpc/grpc-js';

import { PartitionState } from '../../proto/gen/mirror/v1/common.js';
import { AgentServiceClient } from '../../proto/gen/mirror/v1/agent.js';
import { TestAgent } from '../coordinator/service/fixture.js';
import { eventually } from '../kit/eventually.js';
import { assertMirrored } from '../kit/history-checker.js';
import { MirroredPair } from '../kit/mirrored-pair.js';
import { readTopic } from '../kit/read-topic.js';
import { startProcess } from '../kit/start-process.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const FLOW = 'us-east->us-west';

/** Nothing here waits for a lease to run out, and whoever is held up for a while is to keep its own. */
const LEASE_TTL_MS = 20_000;

interface Agents {
  agents: { agentId: string; state: string; partitions: number; problems: string[] }[];
  refused: { agentId: string; peer: string; reason: string; times: number }[];
}

describe('agents that do not behave, at a real coordinator', () => {
  let pair: MirroredPair;
  let client: AgentServiceClient;
  const open: TestAgent[] = [];

  function hello(fields: ConstructorParameters<typeof TestAgent>[1]): TestAgent {
    const agent = new TestAgent(client, { clusters: ['us-east', 'us-west'], ...fields });
    open.push(agent);
    return agent;
  }

  async function agents(): Promise<Agents> {
    const { out } = await pair.mirrorctl('--json', 'agents');
    return JSON.parse(out) as Agents;
  }

  async function problemsOf(agentId: string): Promise<string> {
    const found = (await agents()).agents.find((agent) => agent.agentId === agentId);
    return found?.problems.join('\n') ?? '';
  }

  async function refusalOf(agentId: string): Promise<string> {
    const found = (await agents()).refused.find((agent) => agent.agentId === agentId);
    return found?.reason ?? '';
  }

  /** In what people see as well, and in the log. */
  async function named(agentId: string, what: RegExp): Promise<void> {
    await eventually(
      async () =>
        (await pair.mirrorctl('agents')).out
          .split('\n')
          .some((line) => line.startsWith(`! ${agentId}`) && what.test(line)),
      async () => (await pair.mirrorctl('agents')).out,
    );
    await pair.programs
      .get('mirror-coordinator')
      ?.waitForLine((line) => line['agentId'] === agentId && what.test(JSON.stringify(line)));
  }

  before(async () => {
    pair = await MirroredPair.open({ flowLines: [], agents: ['good'], leaseTtlMs: LEASE_TTL_MS });
    await createTopics(pair.east, [{ topic: 'orders', partitions: 2 }]);
    await pair.start();
    client = new AgentServiceClient(pair.coordinator, credentials.createInsecure());
    await writeUnique(pair.east, { topic: 'orders', partitions: [0, 1], count: 100 });
    await pair.caughtUp(['orders']);
  });

  after(async () => {
    await Promise.all(open.map((agent) => agent.leave()));
    client.close();
    await pair.stop();
    await pair.close();
  });

  it('refuses a second agent with the id of a living one, which works on', async () => {
    const file = pair.write('second.properties', [
      ...['agent.id = good', 'agent.clusters = us-east, us-west'],
      ...[`agent.coordinators = ${pair.coordinator}`, 'agent.http.listen = 127.0.0.1:0'],
    ]);
    const second = await startProcess({
      ...{ name: 'second', args: ['agent/main.js', file] },
      readyMatch: ({ msg, error }) => msg === 'no session' && /give each agent/.test(String(error)),
    });
    await named('good', /another agent with this id was refused/);
    await second.kill();
    // Two of orders, and that of heartbeats when it was found.
    const works = async (): Promise<boolean> =>
      (await agents()).agents.find(({ agentId }) => agentId === 'good')?.partitions === 3;
    await eventually(works, agents);
  });

  it('gives nothing for clusters that no flow has, and names them', async () => {
    const agent = hello({ agentId: 'elsewhere', clusters: ['us-east', 'mars'] });
    agent.stay();
    await agent.welcome();
    await named('elsewhere', /agent\.clusters names mars, which no enabled flow has/);
    assert.deepEqual(agent.grants(), []);
  });

  it('says which clusters an agent claims and does not reach, and gives its work to one that does', async () => {
    // A real one that was told other addresses than those of the clusters: nothing listens there.
    await pair.startAgent('lost', {
      lines: [
        'agent.site = us-east', // so that it is preferred
        'us-east.bootstrap.servers = 127.0.0.1:1',
        'us-west.bootstrap.servers = 127.0.0.1:1',
      ],
    });
    const recovers = /us-west: \d partitions? recover: cluster us-(east|west): no broker answers/;
    let last = { code: 0, out: '', err: '' };
    const says = async (): Promise<boolean> => {
      last = await pair.mirrorctl('status', FLOW);
      return last.code === 3 && recovers.test(last.out);
    };
    // Both for as long as it is left to try, which is not long.
    await Promise.all([
      named('lost', /: cluster us-(east|west): no broker answers: 127\.0\.0\.1:1/),
      eventually(says, () => last),
    ]);
    // Though it is preferred, the work goes to the one that does it, and that one only is left to wait for.
    await writeUnique(pair.east, { topic: 'orders', partitions: [0, 1], count: 100, from: 100 });
    await pair.caughtUp(['orders']);
    const holdsNothing = async (): Promise<boolean> =>
      (await agents()).agents.find(({ agentId }) => agentId === 'lost')?.partitions === 0;
    await eventually(holdsNothing, agents);
    await pair.programs.get('lost')?.kill('SIGKILL');
  });

  it('heeds no report of a partition that the agent does not hold', async () => {
    const agent = hello({ agentId: 'liar', clusters: ['us-east'] });
    agent.stay();
    await agent.welcome();
    const item = {
      flow: FLOW,
      work: { $case: 'partition' as const, value: { topic: 'orders', partition: 0 } },
    };
    const run = { sourceStart: 0n, targetStart: 0n, length: 1_000_000n };
    const counts = {
      records: 1n,
      bytes: 1n,
      lastTimestampMs: 1n,
      sequenceBase: 0n,
      trouble: '',
      standing: false,
    };
    agent.say({
      $case: 'progress',
      value: {
        standing: [],
        partitions: [
          {
            ...{ item, leaseEpoch: 1n, state: PartitionState.RUNNING, halt: undefined },
            ...{ runs: [run], sourceNext: 1_000_000n, targetNext: 1_000_000n, ...counts },
            ...{
              sourceEnd: 1_000_000n,
              sourceEndAgeMs: 0n,
              sourceEpoch: undefined,
              mapRestarted: false,
            },
          },
        ],
      },
    });
    agent.say({ $case: 'inventory', value: { flow: FLOW, topics: [] } });
    await named('liar', /reported of .*orders\/0, which it does not hold/);
    const { out } = await pair.mirrorctl('--json', 'topics');
    assert.doesNotMatch(out, /1000000/);
    await pair.caughtUp(['orders']);
  });

  it('ends the stream of an agent whose message is over the limit', async () => {
    const agent = hello({ agentId: 'verbose', clusters: ['us-east'] });
    await agent.welcome();
    const offset = { group: 'g', topic: 't', partition: 0, offset: 0n };
    const metadata = 'x'.repeat(17 * 1024 * 1024);
    agent.say({ $case: 'groupOffsets', value: { flow: FLOW, offsets: [{ ...offset, metadata }] } });
    assert.equal((await agent.failure()).code, status.RESOURCE_EXHAUSTED);
    await named('verbose', /larger than max/);
  });

  it('refuses a hello that claims more leases than there can be', async () => {
    const held = {
      item: { flow: 'f', work: { $case: 'site' as const, value: {} } },
      leaseEpoch: 1n,
    };
    const agent = hello({ agentId: 'greedy', held: Array.from({ length: 200_001 }, () => held) });
    assert.equal((await agent.failure()).code, status.INVALID_ARGUMENT);
    await named('greedy', /claims more than 200000 leases/);
  });

  it('refuses a topic that could not be one, and names who listed it', async () => {
    const agent = hello({ agentId: 'fantast', clusters: ['us-east'] });
    await agent.welcome();
    const topics = [{ name: '../../etc', topicId: '', partitionCount: 1 }];
    agent.say({ $case: 'inventory', value: { flow: FLOW, topics } });
    assert.equal((await agent.failure()).code, status.INVALID_ARGUMENT);
    await named('fantast', /not the name of a topic/);
  });

  it('refuses an agent of a protocol that it does not work with, and says what to do', async () => {
    const agent = hello({ agentId: 'ancient', protocol: -1 });
    const { details } = await agent.failure();
    assert.match(details, /upgrade the agent/);
    await named('ancient', /speaks version -1 of the agent protocol/);
    assert.match(await refusalOf('ancient'), /upgrade the agent/);
  });

  it('works with an agent of a newer protocol, ignores what it does not know, and names it', async () => {
    const agent = hello({ agentId: 'future', protocol: 99, clusters: ['us-east'] });
    agent.stay();
    await agent.welcome();
    await named('future', /it speaks version 99 of the protocol, this coordinator \d+/);
    agent.say(undefined as never);
    await eventually(async () => /a kind not known here/.test(await problemsOf('future')));
  });

  it('has mirrored everything once, whatever they said', async () => {
    await pair.caughtUp(['orders']);
    assertMirrored(
      await readTopic(pair.east, 'orders'),
      await readTopic(pair.west, 'us-east.orders'),
    );
  });
});
