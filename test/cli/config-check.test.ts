import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { runMirrorctl } from '../kit/run-mirrorctl.js';
import { temporaryFolder } from '../kit/temporary-folder.js';
import { AGGREGATION_EXAMPLE, FULL_EXAMPLE } from '../mirror/config/seed-examples.js';

const SECRET = 'hunter2-s3cret';

interface Document {
  valid: boolean;
  flows: { flow: string; enabled: boolean; options: Value[]; clients: Record<string, Value[]> }[];
  problems: { severity: string; line: number; key: string; message: string; hint: string | null }[];
}

interface Value {
  key: string;
  value: string;
  scope: string;
  from: { line: number; key: string } | null;
}

describe('mirrorctl config check', () => {
  const file = (text: string): string => {
    const path = join(temporaryFolder('config-check'), 'mm2.properties');
    writeFileSync(path, text);
    return path;
  };
  const check = async (text: string, ...more: string[]) =>
    runMirrorctl(['config', 'check', file(text), ...more]);
  const explain = async (text: string): Promise<Document> => {
    const { out } = await runMirrorctl(['--json', 'config', 'check', file(text)]);
    return JSON.parse(out) as Document;
  };

  for (const [name, text] of Object.entries({ FULL_EXAMPLE, AGGREGATION_EXAMPLE })) {
    it(`takes the seed's ${name} as it stands`, async () => {
      const { code, out } = await check(text);
      assert.equal(code, 0, out);
      assert.match(out, /The file can be used: 0 errors/);
    });
  }

  it('names the source of each value: flow, cluster, whole file, default', async () => {
    const { flows } = await explain(
      [
        'clusters = a, b',
        'a.bootstrap.servers = a:1',
        'b.bootstrap.servers = b:1',
        'a->b.enabled = true',
        'a->b.topics = orders',
        'topics.blacklist = x',
        'a.security.protocol = SSL',
      ].join('\n'),
    );
    const values = new Map(flows[0]?.options.map((value) => [value.key, value]));
    const of = (key: string) => {
      const { value, scope, from } = values.get(key) ?? {};
      return [value, scope, from?.line, from?.key];
    };
    assert.deepEqual(of('topics'), ['orders', 'flow', 5, 'a->b.topics']);
    assert.deepEqual(of('topics.exclude'), ['x', 'file', 6, 'topics.blacklist']);
    assert.deepEqual(of('groups'), ['.*', 'default', undefined, undefined]);
    const [security] = flows[0]?.clients['source consumer'] ?? [];
    assert.deepEqual([security?.scope, security?.from?.line], ['cluster', 7]);
  });

  it('names file, line and the nearest key of each problem, and exits 2 for errors only', async () => {
    const clusters = 'clusters = a, b\na.bootstrap.servers = a:1\nb.bootstrap.servers = b:1\n';
    const warned = await check(`${clusters}a->b.enabled = true\na->b.topcs = x\n`);
    assert.equal(warned.code, 0);
    assert.match(warned.out, /mm2\.properties:5: warning: .*did you mean `a->b\.topics`\?/);
    const wrong = await check(`${clusters}a->b.enabled = maybe\nreplication.factor = 0\n`);
    assert.equal(wrong.code, 2);
    assert.match(wrong.out, /mm2\.properties:4: .* must be true or false/);
    assert.match(wrong.out, /mm2\.properties:5: .* must not be 0/);
  });

  it('shows no secret, and no value that a reference stands for', async () => {
    const folder = temporaryFolder('config-check-secrets');
    writeFileSync(join(folder, 's.properties'), `p=${SECRET}\nn=${SECRET}\n`);
    const text = [
      'clusters = a, b',
      'a.bootstrap.servers = a:1',
      'b.bootstrap.servers = b:1',
      'a->b.enabled = true',
      `a.sasl.jaas.config = x required username="u" password="${SECRET}";`,
      `b.sasl.jaas.config = x required username="${SECRET}" password="\${file:${folder}/s.properties:p}";`,
      `replication.factor = \${file:${folder}/s.properties:n}`,
      'admin.timeout.ms = ${env:NOT_SET_ANYWHERE}',
      'config.providers = file, env',
      'config.providers.file.class = org.apache.kafka.common.config.provider.FileConfigProvider',
      'config.providers.env.class = org.apache.kafka.common.config.provider.EnvVarConfigProvider',
    ].join('\n');
    for (const json of [[], ['--json']]) {
      const { code, out, err } = await runMirrorctl([...json, 'config', 'check', file(text)]);
      assert.ok(!`${out}${err}`.includes(SECRET), out);
      assert.equal(code, 2); // the factor is no number, wherever it came from
      assert.match(out, /must be a whole number .*not `\$\{file:/);
      assert.match(out, /\*{8} with \$\{file:/);
      assert.match(out, /refers to `\$\{env:NOT_SET_ANYWHERE\}`: there is no such key/);
    }
  });

  it('shows one flow alone, and names the flows there are', async () => {
    const { out } = await check(FULL_EXAMPLE, '--flow', 'us-east:us-west');
    assert.match(out, /^us-east->us-west {2}enabled$/m);
    assert.doesNotMatch(out, /^us-west->us-east/m);
    const { code, err } = await check(FULL_EXAMPLE, '--flow', 'x:y');
    assert.equal(code, 2);
    assert.match(err, /no flow x->y[^]*it has us-east->us-west/);
  });

  it('says plainly that the file is missing', async () => {
    const { code, err } = await runMirrorctl(['config', 'check', '/nowhere/mm2.properties']);
    assert.equal(code, 2);
    assert.match(err, /\/nowhere\/mm2\.properties: there is no such file/);
  });

  it('checks the file of an agent as its process would', async () => {
    const lines = [
      'agent.id = edge',
      'agent.clusters = a, b',
      'agent.coordinators = centre:7700',
      'a.bootstrap.servers = k:9092',
      `a.sasl.jaas.config = required password="${SECRET}";`,
    ];
    const { code, out } = await check(lines.join('\n'));
    assert.equal(code, 0, out);
    assert.match(out, /agent\.coordinators +centre:7700 +\S+:3/);
    assert.match(out, /cluster a\n(.*\n){1,2}.*k:9092/);
    assert.match(out, /agent\.http\.listen +127\.0\.0\.1:7790 +default/);
    assert.match(out, /0 errors, 0 warnings/);
    assert.ok(!out.includes(SECRET));
    const wrong = await check(`${lines.join('\n').replace('coordinators', 'cordinators')}\n`);
    assert.equal(wrong.code, 2);
    assert.match(wrong.out, /:3: warning: .*did you mean `agent\.coordinators`/);
    assert.match(wrong.out, /`agent\.coordinators` is missing/);
    const misplaced = await check([...lines, 'a->b.topics = x'].join('\n'));
    assert.equal(misplaced.code, 0);
    assert.match(misplaced.out, /:6: warning: unknown key `a->b\.topics` is ignored/);
  });

  it('says in one sentence that there is no such file', async () => {
    const { code, err } = await runMirrorctl(['config', 'check', '/nowhere/mm2.properties']);
    assert.equal(code, 2);
    assert.equal(err, 'mirrorctl: /nowhere/mm2.properties: there is no such file\n');
  });
});
