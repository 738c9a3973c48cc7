import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { promisify } from 'node:util';

import { kafkaFolder } from '../kit/fetched.js';
import { projectRoot } from '../kit/project-root.js';
import { readTopic } from '../kit/read-topic.js';
import { KAFKA_CURRENT, startKafka } from '../kit/start-kafka.js';
import { temporaryFolder } from '../kit/temporary-folder.js';
import { createTopics } from '../kit/write-unique.js';

const run = promisify(execFile);

/** As the quarantine writes them; numbers of 64 bits are text. */
function saved(offset: number, key: string | null, value: string | null): string {
  const base64 = (text: string | null): string | null =>
    text === null ? null : Buffer.from(text).toString('base64');
  const place = { topic: 'orders', partition: 0, offset: String(offset), timestamp: '1' };
  return JSON.stringify({ ...place, key: base64(key), value: base64(value), headers: [] });
}

it('docs/operations.md: writes the records that never crossed again, from their file', async () => {
  const markdown = readFileSync(join(projectRoot(), 'docs', 'operations.md'), 'utf8');
  const block = [...markdown.matchAll(/^ *```sh\n(.*?)^ *```/gms)]
    .map(([, text = '']) => text)
    .find((text) => text.includes('kafka-console-producer.sh'));
  assert.ok(block);
  await using servers = await startKafka({ name: 'replay' });
  await createTopics(servers, [{ topic: 'orders' }]);
  const folder = temporaryFolder('replay');
  const lines = [saved(7, 'a', 'one, "two"'), saved(8, null, 'ünïcode'), saved(9, 'b', null)];
  const other = saved(1, 'c', 'x').replace('"orders"', '"others"');
  writeFileSync(
    join(folder, 'quarantine.us-east-us-west.jsonl'),
    [...lines, other].map((line) => `${line}\n`).join(''),
  );
  const jars = join(kafkaFolder(KAFKA_CURRENT), 'libs', '*');
  const command = block
    .replace('us-east-1:9092', servers.bootstrapServers)
    .replace(
      'kafka-console-producer.sh',
      `java -Xmx192m -XX:TieredStopAtLevel=1 -cp '${jars}' org.apache.kafka.tools.ConsoleProducer`,
    );
  await run('bash', ['-o', 'pipefail', '-c', command], { cwd: folder });
  const records = await readTopic(servers, 'orders');
  assert.deepEqual(
    records.map(({ key, value }) => [key?.toString() ?? null, value?.toString() ?? null]),
    [
      ['a', 'one, "two"'],
      [null, 'ünïcode'],
      ['b', null],
    ],
  );
});
