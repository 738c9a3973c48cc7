import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Client, credentials, status } from '@grpc/grpc-js';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import {
  ForwardClock,
  isSite,
  LEASE_TTL_MS,
  startFixture,
  TestAgent,
  until,
  type Fixture,
} from '../service/fixture.js';

/** One string field numbered 1, as a health request is. */
const stringField = (text: string): Buffer => {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([0x0a, bytes.length]), bytes]);
};

describe('GrpcServer', () => {
  let fixture: Fixture;
  let raw: Client;
  const clock = new ForwardClock();

  before(async () => {
    fixture = await startFixture({ clock });
    await until(() => fixture.coordinator.coordination, 'leadership');
    raw = new Client(fixture.coordinator.address, credentials.createInsecure());
  });

  after(async () => {
    raw.close();
    await fixture.close();
  });

  const same = (bytes: Buffer): Buffer => bytes;

  function healthOf(service: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const path = '/grpc.health.v1.Health/Check';
      raw.makeUnaryRequest(path, same, same, stringField(service), (error, answer) => {
        if (answer === undefined) return reject(error ?? new Error('no answer'));
        const reader = new BinaryReader(answer);
        reader.tag();
        resolve(reader.int32());
      });
    });
  }

  it('answers the standard health check for itself and for the leader', async () => {
    const serving = 1;
    assert.equal(await healthOf(''), serving);
    assert.equal(await healthOf('mirror.v1.AgentService'), serving);
  });

  it('lists its services by reflection', async () => {
    const path = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
    const call = raw.makeBidiStreamRequest(path, same, same);
    const listServices = Buffer.from([0x3a, 0x01, 0x2a]); // list_services = 7: "*"
    const answer = await new Promise<Buffer>((resolve, reject) => {
      call.on('data', resolve);
      call.on('error', reject);
      call.write(listServices);
    });
    call.end();
    assert.match(answer.toString('latin1'), /mirror\.v1\.AgentService/);
    assert.match(answer.toString('latin1'), /mirror\.v1\.OperatorService/);
  });

  it('answers where an offset of the target comes from', async () => {
    const item = {
      flow: 'a->b',
      work: { $case: 'partition', value: { topic: 't', partition: 0 } } as const,
    };
    const runs = await new Promise((resolve, reject) => {
      fixture.agents.findMapEntry({ item, targetOffset: 9n }, (error, answer) =>
        error === null ? resolve(answer.runs) : reject(error),
      );
    });
    assert.deepEqual(runs, [{ sourceStart: 9n, targetStart: 9n, length: 1n }]);
  });

  const badTopics = [
    { name: 't', topicId: 'not-a-uuid', partitionCount: 1 },
    { name: '../t', topicId: '6f1f3f5e-0c1b-4a55-9d3c-3a1d0b5c7e21', partitionCount: 1 },
    { name: 't', topicId: '6f1f3f5e-0c1b-4a55-9d3c-3a1d0b5c7e21', partitionCount: -1 },
  ];
  for (const topic of badTopics) {
    it(`ends the stream of an agent that lists ${JSON.stringify(topic)}`, async () => {
      const agent = new TestAgent(fixture.agents, { agentId: `bad-${badTopics.indexOf(topic)}` });
      await agent.welcome();
      agent.say({ $case: 'inventory', value: { flow: 'a->b', topics: [topic] } });
      assert.equal((await agent.failure()).code, status.INVALID_ARGUMENT);
      const next = new TestAgent(fixture.agents, { agentId: `good-${badTopics.indexOf(topic)}` });
      await next.welcome();
      await next.leave();
    });
  }

  it('ends a stream whose first message is not hello', async () => {
    const call = fixture.agents.session();
    const code = await new Promise((resolve) => {
      call.on('error', (error) => resolve((error as Error & { code: number }).code));
      call.on('data', () => {});
      call.write({ message: { $case: 'draining', value: {} } });
    });
    assert.equal(code, status.INVALID_ARGUMENT);
  });

  it('still grants after all this', async () => {
    await clock.putForward(2 * LEASE_TTL_MS); // those before it did not say goodbye
    const agent = new TestAgent(fixture.agents, { agentId: 'sane' });
    await agent.grant(isSite);
    await agent.leave();
  });
});
