import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';

import { Metadata, status as GrpcStatus } from '@grpc/grpc-js';

import {
  PromoteMode,
  type PromoteEvent,
  type PromoteRequest,
} from '../../proto/gen/mirror/v1/operator.js';
import { runMirrorctl as mirrorctl } from '../kit/run-mirrorctl.js';
import { planWith, serveOperator, statusWith } from './operator-server.js';

describe('mirrorctl', () => {
  const closing: (() => void)[] = [];
  after(() => closing.forEach((close) => close()));

  async function served(service: Parameters<typeof serveOperator>[0]): Promise<string> {
    const { address, close } = await serveOperator(service);
    closing.push(close);
    return address;
  }

  it('shows a healthy status and exits 0', async () => {
    const address = await served({ getStatus: (_, answer) => answer(null, statusWith(false)) });
    const { code, out, err } = await mirrorctl(['--coordinator', address, 'status']);
    assert.equal(err, '');
    assert.match(out, /Coordinator c1 at 127\.0\.0\.1:7700, term 3, leases in etcd/);
    assert.match(out, /us-east->us-west +running +1 +2 +2 +0 +0 +0 +4 +40 ms/);
    assert.equal(code, 0);
  });

  it('names what is halted and exits 3', async () => {
    const address = await served({ getStatus: (_, answer) => answer(null, statusWith(true)) });
    const { code, out } = await mirrorctl(['status', 'us-east:us-west'], {
      MIRRORCTL_COORDINATOR: address,
    });
    assert.match(out, /! us-east->us-west orders-1 source-truncated: orders-1: the source ends/);
    assert.match(out, /^g +orders +0 +5 +5$/m);
    assert.equal(code, 3);
  });

  it('names what running partitions wait for and exits 3', async () => {
    const waiting = statusWith(false);
    for (const each of waiting.flows[0]?.partitions ?? []) each.trouble = 'a transaction is open';
    const address = await served({ getStatus: (_, answer) => answer(null, waiting) });
    const { code, out } = await mirrorctl(['--coordinator', address, 'status']);
    assert.match(out, /! us-east->us-west: 2 partitions wait: a transaction is open$/m);
    assert.equal(code, 3);
  });

  it('prints one JSON document with numbers and stable names', async () => {
    const address = await served({ getStatus: (_, answer) => answer(null, statusWith(true)) });
    const { code, out } = await mirrorctl(['--json', '--coordinator', address, 'status']);
    const document = JSON.parse(out) as { flows: Record<string, unknown>[] };
    const { flow, halted, lagRecords, sourceEndAgeMs, degraded } = document.flows[0] ?? {};
    assert.deepEqual(
      { flow, halted, degraded, code },
      { flow: 'us-east->us-west', halted: 1, degraded: true, code: 3 },
    );
    assert.deepEqual({ lagRecords, sourceEndAgeMs }, { lagRecords: 4, sourceEndAgeMs: 80 });
  });

  it('goes where a standby points', async () => {
    const leader = await served({ getStatus: (_, answer) => answer(null, statusWith(false)) });
    const metadata = new Metadata();
    metadata.set('mirror-leader', leader);
    const standby = await served({
      getStatus: (_, answer) =>
        answer({ code: GrpcStatus.FAILED_PRECONDITION, details: 'not the leader', metadata }),
    });
    const { code } = await mirrorctl(['--coordinator', standby, 'status']);
    assert.equal(code, 0);
  });

  it('says how to reach a coordinator when none answers, as text and as JSON', async () => {
    const text = await mirrorctl(['--coordinator', '127.0.0.1:1', 'status']);
    assert.match(text.err, /no coordinator answers at 127\.0\.0\.1:1/);
    assert.match(text.err, /MIRRORCTL_COORDINATOR/);
    const json = await mirrorctl(['--json', '--coordinator', '127.0.0.1:1', 'status']);
    const { error } = JSON.parse(json.err) as { error: { code: string } };
    assert.equal(error.code, 'MIRROR_COORDINATOR_UNREACHABLE');
    assert.deepEqual([text.code, json.code, json.out], [1, 1, '']);
  });

  it('does not take what a coordinator says for its silence', async () => {
    const metadata = new Metadata();
    const failing = (code: string) =>
      served({
        listGroups: (_, answer) => {
          metadata.set('mirror-code', code);
          answer({ code: GrpcStatus.UNAVAILABLE, details: `it is ${code}`, metadata });
        },
      });
    for (const [code, exit] of [
      ['MIRROR_NOT_READY', 4],
      ['MIRROR_STORE_UNAVAILABLE', 1],
    ] as const) {
      const called = await mirrorctl(['--coordinator', await failing(code), 'groups', 'a:b']);
      assert.equal(called.code, exit);
      assert.match(called.err, new RegExp(`^mirrorctl: it is ${code}`));
    }
    const both = `${await failing('MIRROR_NOT_READY')},127.0.0.1:1`;
    const { err } = await mirrorctl(['--coordinator', both, 'groups', 'a:b']);
    assert.match(err, /^mirrorctl: it is MIRROR_NOT_READY/);
  });

  it('refuses wrong usage with exit code 2 and one error', async () => {
    for (const args of [['stauts'], ['promote'], ['promote', 'a'], ['status', '--wach']]) {
      const { code, out, err } = await mirrorctl(args);
      assert.deepEqual([code, out], [2, ''], args.join(' '));
      assert.notEqual(err, '');
    }
  });

  it('shows a promotion plan without changing anything', async () => {
    const address = await served({ planPromote: (_, answer) => answer(null, planWith(undefined)) });
    const { code, out } = await mirrorctl([
      '--coordinator',
      address,
      'promote',
      'us-east:us-west',
      '--plan',
    ]);
    assert.match(out, /Source is unreachable: no agent has heard from it for 9 s/);
    assert.match(out, /orders +us-east\.orders +2 +4 +1\.5 s +9\.0 s ago +3/);
    assert.equal(code, 0);
  });

  it('does not promote without a yes where nobody can be asked', async () => {
    const address = await served({ planPromote: (_, answer) => answer(null, planWith(undefined)) });
    const args = ['--coordinator', address, 'promote', 'us-east:us-west'];
    const { code, err } = await mirrorctl(args);
    assert.match(err, /--yes/);
    assert.equal(code, 2);
  });

  it('refuses a blocked promotion with exit code 4 and the reason', async () => {
    const blocked = planWith('group g has 2 active members on us-west');
    const address = await served({ planPromote: (_, answer) => answer(null, blocked) });
    const args = ['--coordinator', address, 'promote', 'us-east:us-west', '--yes'];
    const { code, err } = await mirrorctl(args);
    assert.match(err, /cannot be promoted: group g has 2 active members/);
    assert.equal(code, 4);
  });

  it('refuses an unknown flow and contradictions with exit code 4', async () => {
    const details = 'there is no flow a->b';
    const unknown = { code: GrpcStatus.NOT_FOUND, details };
    const address = await served({ planPromote: (_, answer) => answer(unknown) });
    const promote = ['--coordinator', address, 'promote', 'a:b'];
    const first = await mirrorctl(promote);
    assert.match(first.err, /there is no flow a->b/);
    const second = await mirrorctl([...promote, '--planned', '--unplanned']);
    assert.match(second.err, /contradict/);
    assert.deepEqual([first.code, second.code], [4, 4]);
  });

  it('hands on what is chosen', async () => {
    let asked: PromoteRequest | undefined;
    const address = await served({
      planPromote: (call, answer) => {
        asked = call.request;
        answer(null, planWith(undefined));
      },
    });
    const chosen = [
      '--topics',
      'a',
      'b',
      '--groups',
      'g',
      '--unplanned',
      '--accept',
      'map-corrupt',
    ];
    await mirrorctl(['--coordinator', address, 'promote', 'a:b', '--plan', ...chosen]);
    const { topics, groups, mode, accept } = asked ?? {};
    assert.deepEqual(
      { topics, groups, mode, accept },
      { topics: ['a', 'b'], groups: ['g'], mode: PromoteMode.UNPLANNED, accept: ['map-corrupt'] },
    );
  });

  it('shows each step of a promotion and its end', async () => {
    const step = { name: 'fence', done: true, message: '2 partitions', elapsedMs: 57n };
    const events: PromoteEvent[] = [
      { event: { $case: 'step', value: step } },
      {
        event: {
          $case: 'result',
          value: { plan: planWith(undefined), alreadyPromoted: false, elapsedMs: 900n },
        },
      },
    ];
    const address = await served({
      planPromote: (_, answer) => answer(null, planWith(undefined)),
      promote: (call) => {
        for (const event of events) call.write(event);
        call.end();
      },
    });
    const args = ['--coordinator', address, 'promote', 'us-east->us-west', '--yes'];
    const { code, out } = await mirrorctl(args);
    assert.match(out, /done +fence +2 partitions 57 ms/);
    assert.match(out, /us-east->us-west is promoted, in 900 ms/);
    assert.match(out, /orders is now us-east\.orders/);
    assert.equal(code, 0);
  });

  it('shows who did what, and refuses a limit that is none', async () => {
    const entry = {
      ...{ id: '1-0', atMs: 0n, operator: 'ann@desk', act: 'promote', flow: 'a->b', detail: '' },
      ...{ before: { state: 'running' }, after: { state: 'promoted' }, outcome: 'done' },
      ...{ message: '', elapsedMs: 900n },
    };
    const address = await served({
      listJournal: (_, answer) => answer(null, { entries: [entry] }),
    });
    const { code, out } = await mirrorctl(['--coordinator', address, 'journal', 'a:b']);
    assert.match(
      out,
      /1970-01-01T.* ann@desk +promote a->b +done +900 ms +state running → promoted/,
    );
    assert.equal(code, 0);
    const json = await mirrorctl(['--json', '--coordinator', address, 'journal']);
    const { entries } = JSON.parse(json.out) as { entries: Record<string, unknown>[] };
    assert.deepEqual(entries[0]?.['after'], { state: 'promoted' });
    const wrong = await mirrorctl(['--coordinator', address, 'journal', '--limit', 'ten']);
    assert.equal(wrong.code, 2);
  });

  it('completes commands for a shell', async () => {
    const script = await mirrorctl(['completion', 'bash']);
    assert.match(script.out, /mirrorctl complete --/);
    const words = await mirrorctl(['complete', '--', 'sta']);
    assert.match(words.out, /^status/m);
  });
});
