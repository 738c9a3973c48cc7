import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Consumer } from 'kafkajs';
import { eventually } from '../kit/eventually.js';
import { connectKafkajs } from '../kit/kafkajs-client.js';
import { MirroredPair } from '../kit/mirrored-pair.js';
import { projectRoot } from '../kit/project-root.js';
import { temporaryFolder } from '../kit/temporary-folder.js';
import { withAdmin } from '../kit/with-admin.js';
import { createTopics, writeUnique } from '../kit/write-unique.js';

const GROUP = 'payment-consumer-group';

/**
 * The runbook's commands, in its order: each line `$ mirrorctl …` of a block marked `console`. One
 * that ends otherwise than well says so: `$ mirrorctl … # exit 3`.
 */
function commandsOf(markdown: string): { line: string; args: string[]; exit: number }[] {
  const blocks = [...markdown.matchAll(/^ *```console\n(.*?)^ *```/gms)].map(
    ([, text = '']) => text,
  );
  const lines = blocks.flatMap((text) => text.split('\n')).map((line) => line.trim());
  return lines.flatMap((line) => {
    const found = /^\$ mirrorctl (.*?)(?: +#.*?)?$/.exec(line);
    if (found === null) return [];
    const words = found[1]!.match(/'[^']*'|\S+/g) ?? [];
    const exit = Number(/# exit ([0-9])/.exec(line)?.[1] ?? 0);
    return [{ line, args: words.map((word) => word.replace(/^'(.*)'$/, '$1')), exit }];
  });
}

describe('docs/operations.md', () => {
  const markdown = readFileSync(join(projectRoot(), 'docs', 'operations.md'), 'utf8');
  let pair: MirroredPair;
  let consumer: Consumer;
  const folder = temporaryFolder('runbook');

  before(async () => {
    pair = await MirroredPair.open({
      flowLines: ['us-east->us-west.topics = orders.*', 'us-east->us-west.groups = .*'],
      agents: ['factory-7-a', 'factory-7-b'],
      leaseTtlMs: 10_000,
    });
    await createTopics(pair.east, [{ topic: 'orders', partitions: 2 }]);
    await writeUnique(pair.east, { topic: 'orders', partitions: [0, 1], count: 200 });
    await withAdmin(pair.east, async (admin) => {
      const offsets = [0, 1].map((partition) => ({ topic: 'orders', partition, offset: 100n }));
      assert.deepEqual(await admin.commitGroupOffsets(GROUP, offsets), []);
    });
    await pair.start();
    await pair.caughtUp(['orders']);
    consumer = connectKafkajs(pair.west).consumer({ groupId: GROUP });
    await consumer.connect();
    await consumer.subscribe({ topic: 'us-east.orders', fromBeginning: true });
    await consumer.run({ autoCommitInterval: 100, eachMessage: () => Promise.resolve() });
    const validate = () => pair.mirrorctl('validate', 'us-west', GROUP, '--look-interval', '100ms');
    await eventually(async () => (await validate()).code === 0, validate, 60_000);
  });

  after(async () => {
    await consumer.disconnect();
    await pair.close();
  });

  /** What the runbook names as an example only. */
  const substitutes = (): Readonly<Record<string, string>> => ({
    '/var/lib/mirror': folder,
    'mm2.properties': pair.configFile,
    // How fast this machine is, is no matter of the runbook.
    '15s': '10m',
  });

  function runs({ line, args, exit }: ReturnType<typeof commandsOf>[number]): void {
    it(line, async () => {
      const words = args.map((word) => {
        for (const [example, real] of Object.entries(substitutes()))
          if (word.startsWith(example)) return word.replace(example, real);
        return word;
      });
      const command = pair.startMirrorctl(...words);
      if (args.includes('--watch')) {
        const isShown = (): boolean => command.out.includes('us-east->us-west');
        await eventually(isShown, () => command.out).finally(() => command.interrupt());
      }
      const { code, out, err } = await command.finished;
      assert.equal(code, exit, out + err);
    });
  }

  const commands = commandsOf(markdown);
  const isFailover = ({ args }: { args: string[] }): boolean =>
    /^(promote|failback)$/.test(args[0]!);
  it('has commands to run', () => assert.ok(commands.length > 25));
  for (const command of commands) if (!isFailover(command)) runs(command);

  it('validates: refuses what is not there, fails what is not active', async () => {
    const target = await pair.mirrorctl('validate', 'us-north', GROUP);
    assert.equal(target.code, 4);
    assert.match(target.err, /no enabled flow has the target 'us-north'; targets: us-west/);
    const group = await pair.mirrorctl('validate', 'us-west', 'nobody');
    assert.equal(group.code, 4);
    assert.match(group.err, /no consumer group 'nobody' on us-west/);
    await consumer.stop();
    await consumer.disconnect();
    const idle = await pair.mirrorctl('validate', 'us-west', GROUP, '--look-interval', '100ms');
    assert.equal(idle.code, 1);
    assert.match(idle.out, /FAIL +active +no members/);
  });

  // In their order as well, but last: nothing is mirrored in between.
  for (const command of commands) if (isFailover(command)) runs(command);
});
