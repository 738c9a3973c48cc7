import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ProblemCollector } from '../../../common/config/problems.js';
import type { FlowConfig } from '../../../mirror/config/mirror-config.js';
import { analyseMirrorConfig } from '../../../mirror/config/mm2-config.js';
import { topicExclusion } from '../../../mirror/policy/topic-selection.js';
import { Seeded, seedFor } from '../../kit/seeded-random.js';

const ALIASES = ['a', 'b', 'c', 'd'];
const TOPICS = ['x', 'y', '.*', 'x, a\\.x', '[a-d]\\..*'];
const SEED_NAMES = ['x', 'y', 'a.x', 'd.c'];

/** No name that stops growing has as many: each cluster stops what it has sent on before. */
const PREFIXES_MAX = 16;

function randomFile(random: Seeded): string {
  const lines = [`clusters = ${ALIASES.join(', ')}`];
  for (const alias of ALIASES) lines.push(`${alias}.bootstrap.servers = ${alias}:1`);
  for (const source of ALIASES) {
    for (const target of ALIASES) {
      if (source === target || random.chance(0.6)) continue;
      const flow = `${source}->${target}`;
      const policy = random.chance(0.5) ? 'Identity' : 'Default';
      lines.push(`${flow}.enabled = true`);
      lines.push(`${flow}.replication.policy.class = ${policy}ReplicationPolicy`);
      lines.push(`${flow}.topics = ${random.pick(TOPICS)}`);
    }
  }
  return lines.join('\n');
}

/** Whether a name comes back to where it was, or grows beyond all bounds: by following each. */
function goRound(flows: readonly FlowConfig[]): boolean {
  const arriving = (alias: string, name: string, before: ReadonlySet<string>): boolean => {
    const place = `${alias} ${name}`;
    if (before.has(place) || name.split('.').length > PREFIXES_MAX) return true;
    const been = new Set([...before, place]);
    return flows.some((flow) => {
      if (flow.source !== alias || topicExclusion(flow, name) !== null) return false;
      return arriving(flow.target, flow.policy.formatRemoteTopic(alias, name), been);
    });
  };
  return ALIASES.some((alias) => SEED_NAMES.some((name) => arriving(alias, name, new Set())));
}

describe('checkCycles', () => {
  it('refuses the files whose topics would go round, and no others', () => {
    const random = new Seeded(seedFor('cycles'));
    let endless = 0;
    for (let run = 0; run < 400; run += 1) {
      const text = randomFile(random);
      const problems = new ProblemCollector();
      const options = { path: 'f', text, requireSourceBootstrap: true };
      const flows = analyseMirrorConfig(options, problems).flows.filter(({ enabled }) => enabled);
      const expected = goRound(flows);
      if (expected) endless += 1;
      const errors = problems.all.filter(({ severity }) => severity === 'error');
      const shown = [text, ...errors.map(({ message }) => message)].join('\n');
      assert.equal(errors.length > 0, expected, shown);
    }
    assert.ok(endless > 20 && endless < 380, `${endless} of 400 go round`);
  });
});
