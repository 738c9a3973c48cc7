import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkTree } from '../../../scripts/tidy/check-tree.js';

/** The problems of a tree given as path -> text, as `path:line: message`. */
function problemsOf(tree: Record<string, string>): string[] {
  const files = Object.entries(tree).map(([path, text]) => ({ path, text }));
  return checkTree(files).map(({ path, line, message }) => `${path}:${line}: ${message}`);
}

/** Asserts that one file, alone in its tree, has exactly one problem, and that it says so. */
function assertProblem(path: string, text: string, message: RegExp): void {
  const problems = problemsOf({ [path]: text });
  assert.equal(problems.length, 1, problems.join('\n'));
  assert.match(problems[0] ?? '', message);
}

function assertFine(path: string, text: string): void {
  assert.deepEqual(problemsOf({ [path]: text }), []);
}

function load(specifier: string): string {
  return `import { a } from '${specifier}';\n`;
}

describe('tidy: directions', () => {
  for (const [importer, specifier] of [
    ['kafka/client/a.ts', '../../common/errors.js'],
    ['agent/replication/a.ts', '../../kafka/records/b.js'],
    ['agent/replication/a.ts', '../../mirror/flow.js'],
    ['agent/rpc/a.ts', '../../proto/gen/mirror/v1/agent.js'],
    ['coordinator/core/a.ts', '../../mirror/offset-map.js'],
    ['cli/commands/a.ts', '../../mirror/flow.js'],
    ['cli/commands/a.ts', '../../mirror/config/mirror-config.js'],
    ['mirror-maker/main.ts', '../coordinator/main-loop.js'],
    ['test/agent/a.test.ts', '../../coordinator/core/state.js'],
    ['bench/a.ts', '../test/kit/b.js'],
  ] as const) {
    it(`${importer} may import ${specifier}`, () => assertFine(importer, load(specifier)));
  }

  for (const [importer, specifier] of [
    ['common/a.ts', '../kafka/wire/index.js'],
    ['kafka/client/a.ts', '../../agent/rpc/b.js'],
    ['kafka/client/a.ts', '../../mirror/flow.js'],
    ['mirror/a.ts', '../kafka/wire/index.js'],
    ['agent/rpc/a.ts', '../../coordinator/rpc/b.js'],
    ['coordinator/rpc/a.ts', '../../agent/rpc/b.js'],
    ['coordinator/rpc/a.ts', '../../cli/output/b.js'],
    ['cli/commands/a.ts', '../../coordinator/core/state.js'],
    ['cli/commands/a.ts', '../../mirror/offset-map.js'],
    ['cli/commands/a.ts', '../../kafka/wire/index.js'],
    ['agent/rpc/a.ts', '../../test/kit/b.js'],
    ['common/a.ts', '../scripts/b.js'],
    ['kafka/client/a.ts', '../../proto/gen/mirror/v1/agent.js'],
  ] as const) {
    it(`${importer} must not import ${specifier}`, () =>
      assertProblem(importer, load(specifier), /:1: \S+ must not import/));
  }

  it('sees types, re-exports and imports at run time too', () => {
    const importer = 'agent/rpc/a.ts';
    for (const text of [
      "import type { A } from '../../cli/b.js';",
      "export { a } from '../../cli/b.js';",
      "const b = await import('../../cli/b.js');",
      "type B = import('../../cli/b.js').B;",
    ]) {
      assertProblem(importer, text, /agent\/ must not import cli\/b\.ts/);
    }
  });

  it('does not see imports in comments and strings', () => {
    assertFine(
      'agent/rpc/a.ts',
      `// import '../../cli/b.js'\nconst a = "import '../../cli/b.js'";`,
    );
  });

  it('wants an entry for a new top folder', () => {
    assertProblem('plugin/a.ts', load('./b.js'), /plugin\/ has no entry/);
  });
});

describe('tidy: pure folders', () => {
  for (const [path, text] of [
    ['coordinator/core/a.ts', load('node:net')],
    ['kafka/wire/a.ts', load('node:fs/promises')],
    ['kafka/records/a.ts', load('node:timers')],
    ['mirror/a.ts', load('../common/log.js')],
    ['mirror/config/a.ts', load('../../common/telemetry/metrics.js')],
    ['kafka/messages/a.ts', load('../client/broker-connection.js')],
    ['mirror/a.ts', load('../common/clock.js')],
    ['coordinator/core/a.ts', 'const now = Date.now();'],
    ['coordinator/core/a.ts', 'const now = new Date();'],
    ['mirror/a.ts', 'setTimeout(run, 10);'],
    ['mirror/a.ts', 'console.log(1);'],
    ['kafka/records/a.ts', 'const env = process.env;'],
    ['agent/core/a.ts', 'const at = performance.now();'],
    ['agent/core/a.ts', 'const at = Math.random();'],
  ] as const) {
    it(`${path} must not say ${text.trim()}`, () =>
      assertProblem(path, text, /does no I\/O|does I\/O|types only/));
  }

  it('may use the types of the clock, and pure parts of Node', () => {
    assertFine('mirror/a.ts', "import type { Clock } from '../common/clock.js';");
    assertFine('mirror/a.ts', "import { type Clock } from '../common/clock.js';");
    assertFine('kafka/records/a.ts', load('node:zlib') + load('node:assert/strict'));
    assertFine('mirror/a.ts', 'const text = new Date(timestampMs).toISOString();');
  });

  it('must not import the one reader of configuration files', () => {
    assertFine('mirror/config/read-config.ts', load('node:fs/promises'));
    assertProblem('mirror/config/a.ts', load('./read-config.js'), /does I\/O/);
  });

  it('may have members named like globals', () => {
    assertFine('mirror/a.ts', 'clock.setTimeout(run); const x = state.process;');
  });
});

describe('tidy: homes', () => {
  for (const [name, home, elsewhere] of [
    ['etcd3', 'coordinator/store/a.ts', 'coordinator/rpc/a.ts'],
    ['@platformatic/kafka', 'kafka/admin/a.ts', 'agent/replication/a.ts'],
    ['@grpc/grpc-js', 'agent/rpc/a.ts', 'agent/replication/a.ts'],
    ['prom-client', 'common/telemetry/a.ts', 'agent/replication/a.ts'],
    ['pino', 'common/log.ts', 'common/a.ts'],
    ['commander', 'cli/a.ts', 'mirror-maker/a.ts'],
    ['re2js', 'mirror/policy/a.ts', 'mirror/config/a.ts'],
    ['snappy', 'kafka/records/a.ts', 'kafka/client/a.ts'],
    ['kafkajs', 'test/a.ts', 'agent/replication/a.ts'],
    ['kafkajs', 'demo/a.ts', 'scripts/a.ts'],
  ] as const) {
    it(`${name} may be in ${home}, not in ${elsewhere}`, () => {
      assertFine(home, load(name));
      assertProblem(elsewhere, load(name), /belongs in/);
    });
  }

  it('knows a package by its name, whatever the path inside it', () => {
    assertFine('proto/gen/a.ts', load('@bufbuild/protobuf/wire'));
    assertProblem('agent/a.ts', load('@bufbuild/protobuf/wire'), /package @bufbuild\/protobuf/);
  });

  it('lets tests look at what is shipped', () => {
    assertFine('test/coordinator/a.test.ts', load('etcd3'));
  });

  it('names a package without a home, and the import of a tool', () => {
    assertProblem('agent/a.ts', load('left-pad'), /package left-pad has no home/);
    assertProblem('test/a.ts', load('prettier'), /is a tool/);
    assertFine('eslint.config.mjs', load('typescript-eslint'));
  });
});

describe('tidy: the process', () => {
  for (const name of ['process.argv', 'process.env', 'process.exit']) {
    it(`${name} is for main.ts, scripts and tests`, () => {
      const text = `use(${name});`;
      assertProblem('agent/lease/a.ts', text, /belongs in a main\.ts/);
      assertFine('agent/main.ts', text);
      assertFine('scripts/a.mjs', text);
      assertFine('test/a.test.ts', text);
    });
  }

  it('lets services read what is not configuration', () => {
    assertFine('common/telemetry/a.ts', 'const rss = process.memoryUsage().rss;');
  });
});

describe('tidy: cycles', () => {
  it('names the whole cycle once', () => {
    const tree = {
      'common/a.ts': load('./b.js'),
      'common/b.ts': `\n${load('./c.js')}`,
      'common/c.ts': load('./a.js'),
      'common/d.ts': load('./a.js'),
    };
    assert.deepEqual(problemsOf(tree), [
      'common/c.ts:1: import cycle: common/a.ts -> common/b.ts -> common/c.ts -> common/a.ts',
    ]);
  });

  it('lets a part name the type of its whole', () => {
    const tree = {
      'common/a.ts': load('./b.js'),
      'common/b.ts': "import type { A } from './a.js';\nexport type B = A;\n",
    };
    assert.deepEqual(problemsOf(tree), []);
  });

  it('lets two paths meet', () => {
    const tree = {
      'common/a.ts': load('./b.js') + load('./c.js'),
      'common/b.ts': load('./d.js'),
      'common/c.ts': load('./d.js'),
      'common/d.ts': '',
    };
    assert.deepEqual(problemsOf(tree), []);
  });
});

describe('tidy: files', () => {
  for (const [path, message] of [
    ['common/FooBar.ts', /not in kebab-case/],
    ['common/foo_bar.ts', /not in kebab-case/],
    ['common/string-utils.ts', /"utils" in a name/],
    ['agent/lease-manager.ts', /"manager" in a name/],
    ['agent/helper/lease.ts', /"helper" in a name/],
    ['agent/lease/index.ts', /a barrel file/],
  ] as const) {
    it(`${path} is refused`, () => assertProblem(path, '', message));
  }

  for (const path of [
    'kafka/wire/index.ts',
    'kafka/client/index.ts',
    'mirror/offset-map.ts',
    'kafka/records/crc32c.ts',
    'test/mirror/offset-map.property.test.ts',
    'common/metadata.ts',
  ]) {
    it(`${path} is fine`, () => assertFine(path, ''));
  }

  it('allows 400 lines and not one more', () => {
    assertFine('common/a.ts', '\n'.repeat(400));
    assertProblem('common/a.ts', '\n'.repeat(401), /a\.ts:401: 401 lines, 400 are allowed/);
  });

  it('does not judge generated files by size, name or import', () => {
    assertFine('proto/gen/mirror/v1/Weird_name.ts', load('left-pad') + '\n'.repeat(500));
  });
});

describe('tidy: tests', () => {
  it('refuses only, whatever is said about it', () => {
    assertProblem('test/a.test.ts', "// For now.\nit.only('a', run);", /only leaves all other/);
    assertProblem('test/a.test.ts', "it('a', { only: true }, run);", /only leaves all other/);
  });

  it('wants a reason for a test that is left out', () => {
    assertProblem('test/a.test.ts', "describe.skip('a', run);", /skip without a comment/);
    assertProblem('test/a.test.ts', "it('a', { skip: true }, run);", /skip without a comment/);
    assertFine('test/a.test.ts', "// Needs a broker.\nit.skip('a', run);");
    assertFine('test/a.test.ts', "it('a', { skip: reason }, run);");
  });
});

describe('tidy: texts', () => {
  // Joined here, so that this file does not hold what it looks for.
  for (const [text, message] of [
    [['', 'home', 'alice', 'src'].join('/'), /path of one machine/],
    [['', 'Users', 'alice', 'src'].join('/'), /path of one machine/],
    [`cd ${['', 'root', 'src'].join('/')}`, /path of one machine/],
    [['https:', '', ['registry', 'npmjs', 'org'].join('.')].join('/'), /host of a registry/],
    [`"resolved": ${'"'}https://example.com/a.tgz"`, /download address/],
  ] as const) {
    it(`${text} is refused in any file`, () => assertProblem('docs/a.md', text, message));
  }

  it('lets relative paths and addresses be', () => {
    assertFine(
      'docs/a.md',
      'docs/work/a.md https://example.com/home/a/b ~/root/x /etc/kafka /tmp/a',
    );
    assertFine('deploy/agent.dockerfile', 'WORKDIR /home/node/app');
  });
});

describe('tidy: package.json', () => {
  const user = { 'coordinator/store/a.ts': load('etcd3') };

  it('wants one version of each dependency', () => {
    const manifest = '{\n"dependencies": {\n"etcd3": "^1.1.2"\n}\n}';
    assert.deepEqual(problemsOf({ ...user, 'package.json': manifest }), [
      'package.json:3: etcd3 ^1.1.2 is not pinned to one version',
    ]);
  });

  it('wants a home for each dependency, and a file that imports it', () => {
    const manifest = '{\n"dependencies": {\n"left-pad": "1.0.0",\n"snappy": "7.4.3"\n}\n}';
    assert.deepEqual(problemsOf({ 'package.json': manifest }), [
      'package.json:3: left-pad has no home in scripts/tidy/layout.ts',
      'package.json:4: snappy is not imported anywhere',
    ]);
  });

  it('wants what is shipped to import declared dependencies only', () => {
    const tree = { 'demo/a.ts': load('kafkajs'), 'kafka/records/a.ts': load('snappy') };
    const manifest = '{"devDependencies": {"kafkajs": "2.2.4", "snappy": "7.4.3"}}';
    assert.deepEqual(problemsOf({ ...tree, 'package.json': manifest }), [
      'kafka/records/a.ts:1: snappy is not among the dependencies',
    ]);
  });

  it('lets tools be', () => {
    const manifest = '{"devDependencies": {"prettier": "3.10.1"}}';
    assert.deepEqual(problemsOf({ 'package.json': manifest }), []);
  });
});
