import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';

import { Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js';

import { CoordinatorLink } from '../../../agent/rpc/coordinator-link.js';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import type { TlsFiles } from '../../../mirror/config/mirror-config.js';
import {
  AgentServiceService,
  type AgentServiceServer,
  type CoordinatorMessage,
} from '../../../proto/gen/mirror/v1/agent.js';
import { projectRoot } from '../../kit/project-root.js';

const FIXTURES = join(projectRoot(), 'test', 'fixtures', 'tls');
const CA = join(FIXTURES, 'ca.pem');
const PLAIN: TlsFiles = { ca: null, cert: null, key: null };
const MUTUAL: TlsFiles = {
  ca: CA,
  cert: join(FIXTURES, 'agent.pem'),
  key: join(FIXTURES, 'agent.key'),
};

function mutualTls(): ServerCredentials {
  const read = (name: string): Buffer => readFileSync(join(FIXTURES, name));
  const pair = { private_key: read('coordinator.key'), cert_chain: read('coordinator.pem') };
  return ServerCredentials.createSsl(readFileSync(CA), [pair], true);
}

type Session = AgentServiceServer['session'];

const welcome: Session = (call) => {
  call.on('data', () => {
    call.write({ message: { $case: 'heartbeatAck', value: { sequence: 1n } } });
  });
  call.on('end', () => call.end());
};

describe('CoordinatorLink', () => {
  const closing: (() => void)[] = [];
  afterEach(() => closing.splice(0).forEach((close) => close()));

  async function serve(session: Session, credentials = ServerCredentials.createInsecure()) {
    const server = new Server();
    const service: AgentServiceServer = {
      session,
      findMapEntry: (_call, callback) => callback(null, { runs: [] }),
    };
    server.addService(AgentServiceService, service);
    closing.push(() => server.forceShutdown());
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', credentials, (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    return `127.0.0.1:${port}`;
  }

  /** Resolves with what the link was told first: a message, or that it lost the stream. */
  function firstNews(coordinators: string[], tls: TlsFiles): Promise<CoordinatorMessage | 'lost'> {
    const stop = new AbortController();
    closing.push(() => stop.abort());
    return new Promise((resolve) => {
      const link = new CoordinatorLink({
        coordinators,
        tls,
        clock: systemClock,
        log: silentLogger,
        hello: () => ({
          ...{
            agentId: 'a',
            site: '',
            clusters: [],
            version: '0',
            sessionId: '',
            held: [],
            siteTaskKinds: [],
            protocol: 1,
          },
        }),
        onMessage: resolve,
        onDisconnected: () => resolve('lost'),
      });
      void link.run(stop.signal);
    });
  }

  it('speaks plain text without certificates', async () => {
    const address = await serve(welcome);
    assert.notEqual(await firstNews([address], PLAIN), 'lost');
  });

  it('shows its certificate to a coordinator that asks for one', async () => {
    const address = await serve(welcome, mutualTls());
    assert.notEqual(await firstNews([address], MUTUAL), 'lost');
  });

  it('has no session without a certificate, or in plain text', async () => {
    const address = await serve(welcome, mutualTls());
    assert.equal(await firstNews([address], { ...PLAIN, ca: CA }), 'lost');
    assert.equal(await firstNews([address], PLAIN), 'lost');
  });

  it('goes where a standby points', async () => {
    const leader = await serve(welcome);
    const metadata = new Metadata();
    metadata.set('mirror-leader', leader);
    const standby = await serve((call) => {
      const error = { code: status.FAILED_PRECONDITION, details: 'not the leader', metadata };
      call.emit('error', error);
    });
    const stop = new AbortController();
    closing.push(() => stop.abort());
    await new Promise<void>((resolve) => {
      const link = new CoordinatorLink({
        ...{ coordinators: [standby], tls: PLAIN, clock: systemClock, log: silentLogger },
        hello: () => ({
          ...{
            agentId: 'a',
            site: '',
            clusters: [],
            version: '0',
            sessionId: '',
            held: [],
            siteTaskKinds: [],
            protocol: 1,
          },
        }),
        onMessage: () => resolve(),
        onDisconnected: () => undefined,
      });
      void link.run(stop.signal);
    });
  });
});
