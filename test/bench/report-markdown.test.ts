import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { markdownTable } from '../../bench/markdown-table.js';
import { reportMarkdown, significant } from '../../bench/report-markdown.js';
import type { BenchReport, WorkloadResult } from '../../bench/results.js';
import { copyResult, copyRound, latencyResult } from './results-for-tests.js';

function report(workloads: readonly WorkloadResult[], quick = false): BenchReport {
  return {
    startedAt: '2026-01-02T03:04:05Z',
    machine: { cpu: 'A CPU', cores: 2, memoryBytes: 8 * 2 ** 30, system: 'Linux 6' },
    versions: { node: '20.0.0' },
    commit: 'abc',
    quick,
    rounds: 1,
    mm2Settings: { 'every workload': { 'tasks.max': '4' } },
    mm2JavaOptions: ['-Xmx1g'],
    workloads,
  };
}

const LARGE = copyResult('large', [
  copyRound('agent', { seconds: 2 }),
  copyRound('mm2', { seconds: 4, cpuSeconds: 10 }),
  copyRound('limit', { seconds: 1 }),
]);

/** The cells of the first row that begins with this. */
function row(markdown: string, name: string): string[] {
  const line = markdown.split('\n').find((text) => text.startsWith(`| ${name} `)) ?? '';
  return line.split('|').map((cell) => cell.trim());
}

describe('reportMarkdown', () => {
  it('gives every figure with its ratios', () => {
    const text = reportMarkdown(report([LARGE]));
    assert.deepEqual(row(text, 'MB/s').slice(2, 7), ['500.0', '250.0', '1000.0', '2.00', '0.500']);
    const cpu = row(text, 'CPU s per million records').slice(2, 7);
    assert.deepEqual(cpu, ['1.00', '10.00', '-', '0.100', '-']);
  });

  it('says of a missed goal by how much', () => {
    const text = reportMarkdown(report([LARGE]));
    assert.match(text, /throughput over the broker limit\*\* is 44 % below its bound/);
    assert.match(text, /CPU per record over MM2's\*\* is 20 % above its bound/);
    assert.match(text, /1.60 of 2 cores were busy: mirror-maker 0.50/);
    assert.match(text, /at least 0\.900 \|\s+0\.500 \| MISSED/);
  });

  it('says what machine, versions, commit and settings', () => {
    const text = reportMarkdown(report([LARGE]));
    assert.match(text, /Machine: 2 cores \(A CPU\), 8 GiB, Linux 6/);
    assert.match(text, /node 20\.0\.0/);
    assert.match(text, /Commit: abc/);
    assert.match(text, /tasks\.max = 4/);
    assert.match(text, /`-Xmx1g`/);
  });

  it('shows failures', () => {
    const failed = { ...LARGE, failures: ['agent: 3 records on the target'] };
    const text = reportMarkdown(report([failed]));
    assert.match(text, /Failures:\n\n- agent: 3 records on the target\n\n/);
  });

  it('names no goal after a quick run', () => {
    const text = reportMarkdown(report([LARGE, latencyResult(1, 10)], true));
    assert.doesNotMatch(text, /## Goals/);
    assert.match(text, /A quick run/);
  });
});

describe('markdownTable', () => {
  it('pads its cells, names to the left and figures to the right', () => {
    const lines = ['| name | figure |', '| ---- | -----: |', '| a    |     12 |'];
    assert.equal(markdownTable(['name', 'figure'], [['a', '12']]), lines.join('\n'));
  });
});

describe('significant', () => {
  it('shows three digits that mean something', () => {
    assert.equal(significant(1 / 12), '0.0833');
    assert.equal(significant(0.9), '0.900');
    assert.equal(significant(4.5), '4.50');
    assert.equal(significant(12.34), '12.3');
    assert.equal(significant(1234), '1234');
    assert.equal(significant(0), '0');
  });
});
