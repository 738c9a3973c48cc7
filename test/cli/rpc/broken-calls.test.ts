import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { describe, it } from 'node:test';
import { Metadata, status as GrpcStatus } from '@grpc/grpc-js';
import { eventually } from '../../kit/eventually.js';
import { RunningMirrorctl, runMirrorctl } from '../../kit/run-mirrorctl.js';
import { planWith, serveOperator, statusWith } from '../operator-server.js';

type Service = Parameters<typeof serveOperator>[0];
type Served = Awaited<ReturnType<typeof serveOperator>>;

const plan: Service = { planPromote: (_, answer) => answer(null, planWith(undefined)) };
const step = { name: 'fence', done: true, message: '2 partitions', elapsedMs: 57n };

/** A coordinator that dies in the middle of a call. */
async function dying(service: (die: () => void) => Service): Promise<Served> {
  const served: Served = await serveOperator(service(() => setTimeout(() => served.close(), 50)));
  return served;
}

const dyingPromotion = () =>
  dying((die) => ({
    ...plan,
    promote: (call) => {
      call.write({ event: { $case: 'step', value: step } });
      die();
    },
  }));

const refusing = (code: string, details: string, service: 'promote' | 'getStatus') => {
  const metadata = new Metadata();
  metadata.set('mirror-code', code);
  const error = { code: GrpcStatus.FAILED_PRECONDITION, details, metadata };
  return serveOperator({
    planPromote: (_, answer) => answer(error),
    ...(service === 'promote'
      ? { promote: (call) => void call.emit('error', error) }
      : { getStatus: (_, answer) => answer(error) }),
  });
};

describe('a call that a coordinator does not end', () => {
  it('is not said to have met nobody', async () => {
    const { address } = await dyingPromotion();
    const promote = ['--coordinator', address, 'promote', 'a:b', '--yes'];
    const { code, err } = await runMirrorctl(promote);
    assert.match(err, /^mirrorctl: the coordinator broke off: what came of the call is unknown/);
    assert.match(err, /calling promote again is safe/);
    assert.equal(code, 1);
    const json = await runMirrorctl([
      '--json',
      ...promote.with(1, (await dyingPromotion()).address),
    ]);
    const { error } = JSON.parse(json.err) as { error: { code: string; hint: string } };
    assert.equal(error.code, 'MIRROR_OUTCOME_UNKNOWN');
    assert.deepEqual([json.code, json.out], [1, '']);
  });

  it('was no refusal once a promotion has fenced', async () => {
    const error = { code: GrpcStatus.FAILED_PRECONDITION, details: 'group g cannot be moved' };
    const { address, close } = await serveOperator({
      ...plan,
      promote: (call) => {
        call.write({ event: { $case: 'step', value: step } });
        call.emit('error', error);
      },
    });
    const args = ['--coordinator', address, 'promote', 'a:b', '--yes'];
    const { code, err } = await runMirrorctl(args);
    close();
    assert.match(
      err,
      /^mirrorctl: group g cannot be moved\n.*copying has stopped.*call promote again/,
    );
    assert.equal(code, 1);
  });

  it('has changed nothing if it only looked', async () => {
    const { address } = await dying((die) => ({ getStatus: die }));
    const { code, err } = await runMirrorctl(['--coordinator', address, 'status']);
    assert.match(err, /broke off before it had answered\n {2}nothing was changed; call again/);
    assert.equal(code, 1);
  });

  it('is not refused because another coordinator does not lead yet', async () => {
    const first = await dyingPromotion();
    const standby = await refusing('MIRROR_NOT_LEADING', 'nobody leads', 'promote');
    const both = `${first.address},${standby.address}`;
    const { code, err } = await runMirrorctl(['--coordinator', both, 'promote', 'a:b', '--yes']);
    standby.close();
    assert.match(err, /what came of the call is unknown/);
    assert.equal(code, 1);
  });

  it('asks the next coordinator where one does not know who leads', async () => {
    const standby = await refusing('MIRROR_NOT_LEADING', 'nobody leads', 'getStatus');
    const leader = await serveOperator({
      getStatus: (_, answer) => answer(null, statusWith(false)),
    });
    const both = `${standby.address},${leader.address}`;
    const { code, err } = await runMirrorctl(['--coordinator', both, 'status']);
    assert.deepEqual([code, err], [0, '']);
    leader.close();
    const alone = await runMirrorctl(['--coordinator', both, 'status']);
    assert.deepEqual([alone.code, alone.err], [4, 'mirrorctl: nobody leads\n']);
    standby.close();
  });

  it('asks the next coordinator where one is silent', async () => {
    const silent = createServer((socket) => socket.on('error', () => {}));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as { port: number };
    const leader = await serveOperator({
      getStatus: (_, answer) => answer(null, statusWith(false)),
    });
    const both = `127.0.0.1:${port},${leader.address}`;
    const { code, err } = await runMirrorctl(['--coordinator', both, 'status']);
    assert.deepEqual([code, err], [0, '']);
    leader.close();
    const alone = await runMirrorctl(['--coordinator', `127.0.0.1:${port}`, 'status']);
    assert.match(alone.err, /no coordinator answers at 127.0.0.1:/);
    assert.equal(alone.code, 1);
    silent.close();
  });

  it('does not end a watch, and Ctrl-C ends any call', async () => {
    let asked = 0;
    const metadata = new Metadata();
    metadata.set('mirror-code', 'MIRROR_NOT_LEADING');
    const notLeading = { code: GrpcStatus.FAILED_PRECONDITION, details: 'nobody leads', metadata };
    const { address, close } = await serveOperator({
      ...plan,
      getStatus: (_, answer) =>
        (asked += 1) === 2 ? answer(notLeading) : answer(null, statusWith(false)),
      promote: (call) => void call.write({ event: { $case: 'step', value: step } }),
    });
    const watch = new RunningMirrorctl(['--json', '--coordinator', address, 'status', '--watch']);
    await eventually(() => asked >= 4);
    watch.interrupt();
    const { code, out, err } = await watch.finished;
    assert.deepEqual([code, err], [0, '']);
    for (const line of out.trim().split('\n')) JSON.parse(line);
    const promote = ['--coordinator', address, 'promote', 'a:b', '--yes'];
    const promotion = new RunningMirrorctl(promote);
    await eventually(() => promotion.out.includes('fence'));
    promotion.interrupt();
    const stopped = await promotion.finished;
    assert.match(stopped.err, /stopped; a coordinator that has begun goes on/);
    assert.equal(stopped.code, 1);
    close();
  });
});
