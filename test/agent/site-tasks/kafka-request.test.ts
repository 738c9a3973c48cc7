import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { kafkaRequest, KafkaRequestRefusedError } from '../../../agent/site-tasks/kafka-request.js';
import type { SiteTaskContext } from '../../../agent/site-tasks/site-task.js';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import type { FlowRuntime } from '../../../agent/session/flow-runtimes.js';

const FETCH = 1;
const DELETE_TOPICS = 20;
const DELETE_RECORDS = 21;
const CREATE_ACLS = 30;

/** An agent whose cluster answers with many bytes, whatever is asked. */
function context(flow: string, parts: Buffer[]): SiteTaskContext<'kafkaRequest'> {
  const connection = { rawRequest: () => Promise.resolve(Buffer.alloc(500_000, 1)) };
  const target = {
    alias: 'A',
    nodeAt: ({ port }: { port: number }) => (port === 9092 ? 1 : undefined),
    metadata: () => Promise.resolve(),
    connection: () => Promise.resolve(connection),
  };
  return {
    flow: { config: { id: flow }, target } as unknown as FlowRuntime,
    ...{ clock: systemClock, log: silentLogger, signal: new AbortController().signal },
    report: ({ bytes }) => {
      parts.push(bytes);
      return Promise.resolve();
    },
  };
}

const ask = (apiKey: number, flow = 'B->A~failback', port = 9092): Promise<Buffer> => {
  const parts: Buffer[] = [];
  const task = { host: 'broker', port, apiKey, apiVersion: 1, body: Buffer.alloc(0) };
  return kafkaRequest(task, context(flow, parts)).then(() => {
    assert.ok(parts.every(({ length }) => length < 256 * 1024));
    return Buffer.concat(parts);
  });
};

describe('kafkaRequest', () => {
  it('passes the answer on in parts', async () => {
    assert.deepEqual(await ask(FETCH), Buffer.alloc(500_000, 1));
  });

  it('refuses what a failback does not need, any other flow, and an unknown broker', async () => {
    for (const key of [DELETE_TOPICS, DELETE_RECORDS, CREATE_ACLS])
      await assert.rejects(ask(key), KafkaRequestRefusedError);
    await assert.rejects(ask(FETCH, 'A->B'), KafkaRequestRefusedError);
    await assert.rejects(ask(FETCH, 'B->A~failback', 9999), KafkaRequestRefusedError);
  });
});
