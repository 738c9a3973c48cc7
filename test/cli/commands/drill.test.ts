import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { status as GrpcStatus } from '@grpc/grpc-js';
import { DrillReport } from '../../../proto/gen/mirror/v1/operator.js';
import { runMirrorctl } from '../../kit/run-mirrorctl.js';
import { temporaryFolder } from '../../kit/temporary-folder.js';
import { serveOperator } from '../operator-server.js';

const REPORT = DrillReport.fromPartial({
  ...{ id: 'x', flow: 'a->b', operator: 'ann@desk', startedAtMs: 0n, topic: 't', group: 't' },
  ...{ partitions: 2, written: 300, readBefore: 200, rtoMs: 1_200n, rpoRecords: 0n },
  steps: [{ name: 'promote', done: true, message: 'by a|b', elapsedMs: 700n }],
});

describe('mirrorctl drill', () => {
  const closing: (() => void)[] = [];
  after(() => closing.forEach((close) => close()));

  async function drill(report: Partial<DrillReport>, ...args: string[]) {
    const { address, close } = await serveOperator({
      drill: (call) => {
        const step = { name: 'prepare', done: true, message: 'made', elapsedMs: 10n };
        call.write({ event: { $case: 'step', value: step } });
        call.write({ event: { $case: 'report', value: { ...REPORT, ...report } } });
        call.end();
      },
    });
    closing.push(close);
    return runMirrorctl(['--coordinator', address, 'drill', 'a:b', ...args]);
  }

  it('exits by whether the targets were met', async () => {
    const good = await drill({}, '--expect-rto', '2s', '--expect-rpo', '0');
    assert.match(good.out, /done +prepare +made 10 ms/);
    assert.match(good.out, /Drill of a->b: met\nRTO 1\.2 s, expected 2\.0 s\nRPO 0 records/);
    const late = await drill({}, '--expect-rto', '1s');
    const lossy = await drill({ rpoRecords: 3n }, '--expect-rpo', '2');
    const unjudged = await drill({ rpoRecords: 3n });
    const twice = await drill({ duplicated: 1 });
    const broken = await drill({ failure: 'it broke', rtoMs: undefined });
    assert.match(broken.out, /failed: it broke/);
    const codes = [good, late, lossy, unjudged, twice, broken].map(({ code }) => code);
    assert.deepEqual(codes, [0, 3, 3, 0, 1, 1]);
  });

  it('writes the report as Markdown and as JSON', async () => {
    const folder = join(temporaryFolder('drill'), 'made', 'here');
    const { out } = await drill({}, '--report', folder, '--expect-rto', '2s');
    const [json = '', markdown = ''] = readdirSync(folder).sort();
    assert.match(out, /Written: .*\.md/);
    assert.match(json, /^drill-a-to-b-1970-01-01T000000\.000Z\.json$/);
    const document = JSON.parse(readFileSync(join(folder, json), 'utf8')) as object;
    const { verdict, expected, rtoMs } = document as Record<string, unknown>;
    assert.deepEqual([verdict, expected, rtoMs], ['met', { rtoMs: 2000, rpoRecords: null }, 1200]);
    const text = readFileSync(join(folder, markdown), 'utf8');
    assert.match(text, /\| RTO, group stopped to reading on \| 2\.0 s \| 1\.2 s \|/);
    assert.match(text, /\| promote \| 700 ms \| by a\\\|b \|/);
  });

  it('refuses an unknown flow with 4, and nonsense with 2', async () => {
    const unknown = { code: GrpcStatus.NOT_FOUND, details: 'there is no flow a->b' };
    const { address, close } = await serveOperator({
      drill: (call) => void call.emit('error', unknown),
    });
    closing.push(close);
    const refused = await runMirrorctl(['--coordinator', address, 'drill', 'a:b']);
    assert.equal(refused.code, 4);
    assert.equal((await drill({}, '--expect-rto', 'soon')).code, 2);
    assert.equal((await drill({}, '--expect-rpo', 'none')).code, 2);
  });
});
