import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { CommandContext } from '../../../cli/command.js';
import { runFailback } from '../../../cli/commands/failback.js';
import { CallFailedError } from '../../../cli/errors.js';
import { ExitCode } from '../../../cli/exit-code.js';
import { StreamOutput } from '../../../cli/output/output.js';
import { FailbackEvent, FailbackPlan } from '../../../proto/gen/mirror/v1/operator.js';

const RECORDS = ['{"offset":"7"}', '{"offset":"8"}'];
const NAME = 'quarantine.east-west.jsonl';

describe('failback, of records that never crossed', () => {
  let directory: string;
  let text: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'failback-'));
    text = '';
  });

  afterEach(() => rmSync(directory, { recursive: true }));

  function run(change: { json?: boolean; into?: string; quarantine?: () => Promise<void> } = {}) {
    const { json = false, into = directory, quarantine = () => Promise.resolve() } = change;
    const plan = FailbackPlan.fromPartial({ flow: 'east->west', quarantineTopic: 'q' });
    const value = { plan, alreadyDone: false, uncrossedRecords: 2n, elapsedMs: 5n };
    const result = FailbackEvent.fromPartial({ event: { $case: 'result', value } });
    const context = {
      ...{ json, operator: 'me', signal: new AbortController().signal },
      output: new StreamOutput({ write: (part) => (text += part) }),
      client: {
        planFailback: () => Promise.resolve(plan),
        failback: (_: unknown, take: (event: FailbackEvent) => void) => {
          take(result);
          return Promise.resolve();
        },
        readQuarantine: async (_: unknown, take: (records: { lines: string[] }) => void) => {
          take({ lines: RECORDS });
          await quarantine();
        },
      },
    } as unknown as CommandContext;
    const options = { flow: 'east:west', plan: false, yes: true, wait: false };
    return runFailback(context, { ...options, quarantineDir: into });
  }

  it('writes them to a file', async () => {
    assert.equal(await run(), ExitCode.ok);
    assert.equal(readFileSync(join(directory, NAME), 'utf8'), `${RECORDS.join('\n')}\n`);
    assert.match(text, /2 records never crossed; they are in .*jsonl and in\nq on west/);
  });

  it('says that the flow runs again where the file cannot be written', async () => {
    writeFileSync(join(directory, 'taken'), '');
    assert.equal(await run({ into: join(directory, 'taken') }), ExitCode.degraded);
    assert.match(text, /is not written: /);
    assert.match(text, /east->west runs again/);
    assert.match(text, /they are in\nq on west\.\nThere is no file/);
  });

  it('does not die of a file that cannot be opened while records come', async () => {
    mkdirSync(join(directory, `${NAME}.part`));
    const quarantine = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(await run({ json: true, quarantine }), ExitCode.degraded);
    const document = JSON.parse(text) as Record<string, unknown>;
    assert.match(String(document['quarantineProblem']), /EISDIR/);
    assert.equal(document['quarantineFile'], undefined);
  });

  it('leaves no part of it under its name', async () => {
    const quarantine = () => Promise.reject(new CallFailedError('the coordinator is gone'));
    assert.equal(await run({ quarantine }), ExitCode.degraded);
    assert.equal(existsSync(join(directory, NAME)), false);
  });
});
