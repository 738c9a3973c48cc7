import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { systemClock } from '../../common/clock.js';
import { silentLogger } from '../../common/log.js';
import { ErrorCode } from '../../kafka/messages/error-codes.js';
import { listOffsets } from '../../kafka/messages/list-offsets.js';
import { metadata } from '../../kafka/messages/metadata.js';
import { Writer } from '../../kafka/wire/index.js';
import { handBack } from '../../mirror-maker/hand-back.js';
import { loadMirrorConfig } from '../../mirror/config/mm2-config.js';
import { metadataBody } from '../kafka/client/metadata-body.js';
import { ScriptedBroker, answer } from '../kafka/client/scripted-broker.js';

const MAP = 'mm2-offset-map.a.internal';

let broker: ScriptedBroker;

/** One broker, and the map of the flow with one partition, or with none where the code is an error. */
function mapTopic(errorCode: number): Buffer {
  const topic = { name: MAP, errorCode, leaders: errorCode === 0 ? [1] : [] };
  return metadataBody({ ports: [broker.port], topics: [topic] });
}

function offsetsBody(errorCode: number): Buffer {
  return new Writer()
    .writeInt32(0)
    .writeCompactArray([MAP], (writer, name) =>
      writer
        .writeCompactString(name)
        .writeCompactArray([0], (out, partition) =>
          out
            .writeInt32(partition)
            .writeInt16(errorCode)
            .writeInt64(-1n)
            .writeInt64(-1n)
            .writeInt32(-1)
            .writeNoTaggedFields(),
        )
        .writeNoTaggedFields(),
    )
    .writeNoTaggedFields()
    .toBuffer();
}

/** Until the broker is closed. */
async function serve(codes: { topic: number; offsets: number }): Promise<never> {
  for (;;) {
    const request = await broker.next();
    if (request.apiKey === metadata.key) answer(request, mapTopic(codes.topic));
    else if (request.apiKey === listOffsets.key) answer(request, offsetsBody(codes.offsets));
    else assert.fail(`asked for API ${request.apiKey}`);
  }
}

function run(said: string[] = [], ...lines: string[]): Promise<void> {
  const address = `127.0.0.1:${broker.port}`;
  const text = `clusters = a, b
a.bootstrap.servers = ${address}
b.bootstrap.servers = ${address}
a->b.enabled = true
${lines.join('\n')}
`;
  const config = loadMirrorConfig({ path: 'm.properties', text, requireSourceBootstrap: true });
  const say = (line: string): void => void said.push(line);
  const options = { config, clock: systemClock, log: silentLogger, say };
  return handBack(options, new AbortController().signal);
}

describe('handBack', () => {
  beforeEach(async () => {
    broker = await ScriptedBroker.listen();
  });

  afterEach(() => broker.close());

  it('has nothing to hand back where there is no map', async () => {
    void serve({ topic: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, offsets: 0 });
    const said: string[] = [];
    await run(said);
    assert.deepEqual(said, ['a->b: nothing was copied by mirror-maker, nothing to hand back']);
  });

  it('does not take a map that it may not describe for none', async () => {
    void serve({ topic: ErrorCode.TOPIC_AUTHORIZATION_FAILED, offsets: 0 });
    await assert.rejects(run(), { code: 'MIRROR_KAFKA_API', errorCode: 29, api: 'Metadata' });
  });

  it('does not take an end that it may not read for one that stands still', async () => {
    void serve({ topic: 0, offsets: ErrorCode.TOPIC_AUTHORIZATION_FAILED });
    await assert.rejects(run(), { code: 'MIRROR_KAFKA_API', errorCode: 29, api: 'ListOffsets' });
  });

  it('reaches clusters with the options of the flow, and not those of the cluster alone', async () => {
    void serve({ topic: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, offsets: 0 });
    for (const line of ['b.admin', 'a->b.target.admin', 'a.consumer', 'a->b.source.consumer'])
      await assert.rejects(
        run([], `${line}.security.protocol = SASL_SSL`),
        /sasl\.mechanism/,
        line,
      );
  });
});
