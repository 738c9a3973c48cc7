import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLogger } from '../../../common/log.js';
import { PromotionRefusedError } from '../../../coordinator/promotion/promotion-errors.js';
import { selectionOf } from '../../../coordinator/promotion/promotion-selection.js';
import type { Coordination } from '../../../coordinator/service/coordination.js';
import type { PromotionOutcome } from '../../../coordinator/service/coordinator-port.js';
import type { OpenedFlowTarget } from '../../../coordinator/service/flow-target-port.js';
import { FlowActs } from '../../../coordinator/service/flow-acts.js';
import { PromotionRunner, type Promoter } from '../../../coordinator/service/promotion-runner.js';
import type { PromotedScope } from '../../../coordinator/target/flow-promotions.js';

const FLOW = 'a->b';
const OPERATOR = { flow: FLOW, operator: 'me' };

const select = (...topics: string[]) =>
  selectionOf({ topics, groups: [], mode: 'auto', accept: [] });

/** A term that finds some topics, or the whole flow, promoted halfway; each promotion ends when told. */
function stage(topics: readonly string[] | undefined) {
  const target: { unfinishedPromotion: PromotedScope | undefined } = {
    unfinishedPromotion: { topics, groups: [], accept: [] },
  };
  let [underWay, mostUnderWay] = [0, 0];
  /** In the journal. */
  const ended: string[] = [];
  const begun: { operator: string; end: () => void; fail: () => void }[] = [];
  const promoter = {
    promote: async ({ request }) => {
      underWay += 1;
      mostUnderWay = Math.max(mostUnderWay, underWay);
      const { operator, selection } = request;
      try {
        await new Promise<void>((resolve, reject) => {
          begun.push({
            operator,
            end: resolve,
            fail: () => reject(new PromotionRefusedError(FLOW, [])),
          });
        });
      } finally {
        underWay -= 1;
      }
      target.unfinishedPromotion = undefined;
      return { alreadyPromoted: false, plan: selection.description } as unknown as PromotionOutcome;
    },
  } as Pick<Promoter<OpenedFlowTarget>, 'promote'> as Promoter<OpenedFlowTarget>;
  const acts = new FlowActs(FLOW);
  const coordination = {
    ...{ log: silentLogger, over: new AbortController().signal, leadership: { get: never } },
    flow: () => ({ phase: 'promoting', acts }),
    opened: () => ({ target }),
    journal: {
      begin: () =>
        Promise.resolve({
          end: ({ outcome }: { outcome: string }) => Promise.resolve(void ended.push(outcome)),
        }),
    },
  } as unknown as Coordination<OpenedFlowTarget>;
  const runner = new PromotionRunner(coordination, promoter);
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return { runner, acts, target, begun, ended, settle, most: () => mostUnderWay };
}

const never = (): Promise<undefined> => Promise.resolve(undefined);

describe('PromotionRunner', () => {
  it('is an act of its flow until the end, also of some topics only', async () => {
    const { runner, acts, begun, settle } = stage(undefined);
    const called = runner.promote({ ...OPERATOR, selection: select('orders') }, () => {});
    await settle();
    assert.equal(acts.running, 'promotion');
    begun[0]?.end();
    await called;
    assert.equal(acts.running, undefined);
  });

  it('does not begin while another configuration is being applied', async () => {
    const { runner, acts, begun } = stage(undefined);
    acts.changing = true;
    const called = runner.promote({ ...OPERATOR, selection: select() }, () => {});
    await assert.rejects(called, /the configuration of a->b is being changed: call again/);
    await assert.rejects(
      runner.drill(OPERATOR, () => {}),
      /being changed/,
    );
    assert.deepEqual(begun, []);
  });

  it('does not take up what an operator has taken up already', async () => {
    const { runner, begun, settle, most } = stage(undefined);
    runner.resume(FLOW); // asks the store for a name first
    const called = runner.promote({ ...OPERATOR, selection: select() }, () => {});
    await settle();
    begun[0]?.end();
    await called;
    await settle();
    assert.deepEqual(
      begun.map(({ operator }) => operator),
      ['me'],
    );
    assert.equal(most(), 1);
  });

  it('writes down as refused only what was not begun', async () => {
    const { runner, target, begun, ended, settle } = stage(undefined);
    for (const expected of ['failed', 'refused']) {
      const called = runner.promote({ ...OPERATOR, selection: select() }, () => {});
      await settle();
      begun.at(-1)?.fail();
      await assert.rejects(called, PromotionRefusedError);
      assert.equal(ended.at(-1), expected);
      target.unfinishedPromotion = undefined;
    }
  });

  it('lets whoever repeats the call of a leader that died join what its successor does', async () => {
    const { runner, begun, settle } = stage(undefined);
    runner.resume(FLOW);
    await settle();
    const called = runner.promote({ ...OPERATOR, selection: select() }, () => {});
    begun[0]?.end();
    await called;
    assert.equal(begun.length, 1);
  });

  it('promotes what an operator asks for, and not what it finds under way instead', async () => {
    const { runner, begun, settle, most } = stage(['orders']);
    runner.resume(FLOW);
    await settle();
    const called = runner.promote({ ...OPERATOR, selection: select('audit') }, () => {});
    await settle();
    assert.equal(begun.length, 1);
    begun[0]?.end();
    await settle();
    begun[1]?.end();
    assert.deepEqual((await called).plan, '--topics audit');
    assert.equal(most(), 1);
  });

  it('tries again for an operator what could not be taken up', async () => {
    const { runner, begun, settle } = stage(undefined);
    runner.resume(FLOW);
    await settle();
    const called = runner.promote({ ...OPERATOR, selection: select() }, () => {});
    begun[0]?.fail();
    await settle();
    begun[1]?.end();
    await called;
    assert.equal(begun[1]?.operator, 'me');
  });
});
