import assert from 'node:assert/strict';
import { it } from 'node:test';

import { takeSourceReport } from '../../../coordinator/service/source-intake.js';
import { SourceFacts } from '../../../coordinator/target/source-facts.js';

it('forgets the meters of a deleted topic, once nobody holds a partition of it', () => {
  const topics = new Map([['deleted', {}]]);
  const core = { state: { flows: new Map([['a->b', { topics }]]) } };
  const meters = new Map(['deleted', 'hidden', 'kept'].map((topic) => [topic, {}]));
  const flow = { id: 'a->b', facts: new SourceFacts(), meters };
  const report = () =>
    takeSourceReport(
      flow,
      { kind: 'missing-topics', flow: flow.id, gone: ['deleted'], hidden: ['hidden'] },
      core as never,
    );
  report();
  assert.deepEqual([...meters.keys()], ['deleted', 'hidden', 'kept']);
  topics.delete('deleted');
  report();
  assert.deepEqual([...meters.keys()], ['hidden', 'kept']);
});
