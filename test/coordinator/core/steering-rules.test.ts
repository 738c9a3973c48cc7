import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  TopicSteering,
  withRule,
  type SteeringAct,
  type SteeringRule,
} from '../../../coordinator/core/steering-rules.js';

const rule = (act: SteeringAct, ...topics: string[]): SteeringRule => ({
  ...{ act, topics, operator: 'me', atMs: 1 },
});
const rulesOf = (...given: SteeringRule[]): readonly SteeringRule[] =>
  given.reduce<readonly SteeringRule[]>(withRule, []);

describe('withRule', () => {
  it('lets the last matching rule of a kind decide', () => {
    const steering = new TopicSteering(rulesOf(rule('pause'), rule('resume', 'orders.*')));
    assert.equal(steering.isPaused('orders.eu'), false);
    assert.equal(steering.isPaused('users'), true);
    assert.equal(steering.isExcluded('users'), false);
  });

  it('keeps pauses and exclusions apart', () => {
    const steering = new TopicSteering(
      rulesOf(rule('exclude', 'a'), rule('pause'), rule('resume')),
    );
    assert.equal(steering.isExcluded('a'), true);
    assert.equal(steering.isPaused('a'), false);
    assert.equal(steering.rules.length, 1);
  });

  it('changes nothing when repeated, nor when there is nothing to undo', () => {
    const rules = rulesOf(rule('pause', 'a'));
    assert.equal(withRule(rules, rule('pause', 'a')), rules);
    assert.equal(withRule(rules, rule('include')), rules);
  });

  it('forgets what is undone', () => {
    assert.deepEqual(rulesOf(rule('pause', 'a'), rule('pause', 'b'), rule('resume')), []);
    assert.deepEqual(rulesOf(rule('exclude', 'a'), rule('include', 'a')), []);
  });

  it('decides like the whole history does', () => {
    const acts = fc.constantFrom<SteeringAct>('pause', 'resume', 'exclude', 'include');
    const topics = fc.subarray(['a', 'b', '[ab]', 'c.*']);
    fc.assert(
      fc.property(fc.array(fc.tuple(acts, topics), { maxLength: 12 }), (history) => {
        const given = history.map(([act, names]) => rule(act, ...names));
        const whole = new TopicSteering(given);
        const kept = new TopicSteering(rulesOf(...given));
        for (const topic of ['a', 'b', 'c1', 'd']) {
          assert.equal(kept.isPaused(topic), whole.isPaused(topic), topic);
          assert.equal(kept.isExcluded(topic), whole.isExcluded(topic), topic);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
