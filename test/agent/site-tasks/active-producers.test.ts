import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { FlowRuntime } from '../../../agent/session/flow-runtimes.js';
import { activeProducers } from '../../../agent/site-tasks/active-producers.js';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { KafkaCluster } from '../../../kafka/client/index.js';
import { ErrorCode } from '../../../kafka/messages/error-codes.js';
import { metadataBody } from '../../kafka/client/metadata-body.js';
import { answer, ScriptedBroker } from '../../kafka/client/scripted-broker.js';

const own = { clock: systemClock, log: silentLogger };

let broker: ScriptedBroker;

describe('activeProducers', () => {
  beforeEach(async () => {
    broker = await ScriptedBroker.listen();
  });

  afterEach(() => broker.close());

  it('counts what nobody can be asked about as unknown, and not as written by none', async () => {
    await using source = new KafkaCluster({
      ...{ alias: 'a', clientId: 'test', bootstrapServers: [`127.0.0.1:${broker.port}`], ...own },
    });
    const context = {
      ...{ flow: { source } as unknown as FlowRuntime, ...own },
      ...{ signal: new AbortController().signal, report: () => Promise.resolve() },
    };
    const topics = [
      { name: 'hidden', errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED },
      { name: 'leaderless', leaders: [-1, -1] },
    ];
    const asked = { topics: topics.map(({ name }) => name), withinMs: 60_000n };
    const found = activeProducers(asked, context);
    answer(await broker.next(), metadataBody({ ports: [broker.port], topics }));
    assert.deepEqual(await found, { producers: [], unknownPartitions: 3 });
  });
});
