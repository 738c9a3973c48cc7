import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { ActsAwaited } from '../../../coordinator/service/reconfigure.js';
import { loadMirrorConfig } from '../../../mirror/config/mm2-config.js';
import { planReload } from '../../../mirror/config/reload-plan.js';
import { startFixture, until } from './fixture.js';

const FLOW = 'a->b';

/** A coordinator in whose flow an act runs until it is told to end. */
async function acting(t: TestContext) {
  const fixture = await startFixture();
  t.after(() => fixture.close());
  const { coordinator, lines } = fixture;
  const coordination = await until(() => coordinator.coordination, 'leadership');
  const { acts } = coordination.flow(FLOW);
  let end = (): void => {};
  const act = acts.during('drill', () => new Promise<void>((resolve) => (end = resolve)));
  const waiting: ActsAwaited[] = [];
  const reload = (...more: string[]): Promise<void> => {
    const text = [...lines, ...more].join('\n');
    const file = { path: 'test', text, requireSourceBootstrap: false };
    return coordinator.reconfigure(planReload(coordinator.config, loadMirrorConfig(file)), {
      onWaiting: (awaited) => waiting.push(awaited),
      onUnconfirmed: () => assert.fail('nobody copies anything'),
    });
  };
  const notices = (): string[] =>
    coordinator.status(FLOW).flows[0]!.notices.map(({ code, message }) => `${code}: ${message}`);
  const selected = (): readonly string[] => {
    return coordination.flow(FLOW).flow.topicFilter.include.patterns;
  };
  return { coordination, acts, act, end: () => end(), waiting, reload, notices, selected };
}

describe('a changed configuration', () => {
  it('waits for the acts of a flow that it concerns, and says so', async (t) => {
    const { act, end, waiting, reload, notices, selected } = await acting(t);
    const applied = reload('topics = orders');
    await until(() => waiting[0], 'that it waits');
    assert.deepEqual(waiting, [new Map([[FLOW, 'drill']])]);
    assert.deepEqual(notices(), [
      'configuration-waits: a changed configuration is not in force until the drill has ended',
    ]);
    assert.deepEqual(selected(), ['.*']);
    end();
    await act;
    await applied;
    assert.deepEqual(selected(), ['orders']);
    assert.equal(waiting.length, 1);
    assert.deepEqual(notices(), []);
  });

  it('that removes the flow waits likewise', async (t) => {
    const { coordination, end, waiting, reload } = await acting(t);
    const applied = reload('a->b.enabled = false');
    await until(() => waiting[0], 'that it waits');
    assert.equal(coordination.flows.has(FLOW), true);
    end();
    await applied;
    assert.equal(coordination.flows.has(FLOW), false);
  });

  it('does not wait for a flow that it does not concern', async (t) => {
    const { coordination, end, waiting, reload } = await acting(t);
    await reload('b->a.enabled = true');
    assert.deepEqual(waiting, []);
    assert.equal(coordination.flows.has('b->a'), true);
    end();
  });

  it('takes the place of one that waits, also if it changes nothing', async (t) => {
    const { end, act, waiting, reload, notices, selected } = await acting(t);
    const first = assert.rejects(reload('topics = orders'), /an earlier configuration/);
    await until(() => waiting[0], 'that it waits');
    await reload();
    await first;
    assert.deepEqual(notices(), []);
    end();
    await act;
    assert.deepEqual(selected(), ['.*']);
  });

  it('lets acts begin again once it is in force', async (t) => {
    const { acts, act, end, reload } = await acting(t);
    end();
    await act;
    await reload('topics = orders');
    assert.equal(await acts.during('promotion', () => Promise.resolve(7)), 7);
  });
});
