import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { targetConnector } from '../../../coordinator/service/connect-target.js';
import { NoSiteAgentError } from '../../../coordinator/service/site-task-errors.js';
import { metadata } from '../../../kafka/messages/metadata.js';
import { loadMirrorConfig } from '../../../mirror/config/mm2-config.js';
import { failbackFlow } from '../../../mirror/failback-flow.js';
import { metadataBody } from '../../kafka/client/metadata-body.js';
import { answer, ScriptedBroker } from '../../kafka/client/scripted-broker.js';

let broker: ScriptedBroker;

async function serve(): Promise<never> {
  for (;;) {
    const request = await broker.next();
    assert.equal(request.apiKey, metadata.key);
    answer(request, metadataBody({ ports: [] }));
  }
}

describe('targetConnector', () => {
  beforeEach(async () => {
    broker = await ScriptedBroker.listen();
  });

  afterEach(() => broker.close());

  it('leaves an old primary that nobody reaches to whoever asks it next', async () => {
    const text = `clusters = a, b
a.bootstrap.servers = 127.0.0.1:${broker.port}
b.bootstrap.servers = 127.0.0.1:1
a->b.enabled = true
`;
    const config = loadMirrorConfig({ path: 'm', text, requireSourceBootstrap: true });
    const copyBack = failbackFlow(config.flows[0]!);
    const asked: string[] = [];
    const run = (flow: string): Promise<never> => {
      asked.push(flow);
      return Promise.reject(new NoSiteAgentError(flow, 0));
    };
    const connect = targetConnector({
      config: () => config,
      siteTasks: () => ({ run }),
      ...{ clientId: 'test', clock: systemClock, log: silentLogger },
    });
    const { signal } = new AbortController();
    broker.onSocket = (socket) => socket.destroy();
    const { cluster } = await connect(copyBack, signal);
    assert.deepEqual([...new Set(asked)], ['b->a~failback']);
    broker.onSocket = () => {};
    void serve();
    assert.equal((await cluster.metadata([], { signal })).clusterId, 'cluster-id');
    await cluster.close();
  });
});
