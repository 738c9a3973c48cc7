/**
 * The layout of the tree as tables: who may import whom, which folders do no I/O, and where each
 * third-party package lives. docs/ARCHITECTURE.md says why; this is what is checked.
 */

/** A folder (`kafka/wire`) contains everything below it; a file is itself. */
export type Place = string;

/** Where each top folder may reach, besides itself. A folder that is missing here is a problem. */
export const MAY_IMPORT: Readonly<Record<string, readonly Place[]>> = {
  common: [],
  kafka: ['common'],
  mirror: ['common'],
  proto: [],
  coordinator: ['common', 'kafka', 'mirror', 'proto/gen'],
  agent: ['common', 'kafka', 'mirror', 'proto/gen'],
  // The operator's tool reads flow names and configuration files, and nothing else of the domain.
  cli: ['common', 'mirror/flow.ts', 'mirror/config', 'mirror/policy', 'proto/gen'],
  // The composition root of the one-process binary.
  'mirror-maker': ['common', 'kafka', 'mirror', 'coordinator', 'agent', 'proto/gen'],
};

/** Folders that may import everything, and that nothing else may import. */
export const OUTSIDE: readonly Place[] = ['test', 'bench', 'scripts', 'demo'];

/** Deterministic code: bytes or events in, bytes or actions out. */
const PURE: readonly Place[] = [
  'agent/core',
  'coordinator/core',
  'cli/core',
  'kafka/wire',
  'kafka/messages',
  'kafka/records',
  'kafka/key-stores',
  'mirror',
];

/** What pure code must not load, even though its layer may; of these, none is pure itself. */
export const IMPURE: readonly Place[] = [
  'common/log.ts',
  'common/telemetry',
  'common/service',
  'kafka/client',
  'kafka/admin',
  // Three programs and `config check` read the same files; everything it calls is pure.
  'mirror/config/read-config.ts',
];

/** What pure code may import for its types only: time is passed in. */
export const TYPES_ONLY_IN_PURE: readonly Place[] = ['common/clock.ts'];

export const IMPURE_NODE_MODULES: ReadonlySet<string> = new Set(
  [
    'child_process cluster dgram dns dns/promises diagnostics_channel fs fs/promises http http2',
    'https inspector net os perf_hooks process readline readline/promises repl stream',
    'stream/promises timers timers/promises tls tty worker_threads',
  ]
    .join(' ')
    .split(' '),
);

/** The only barrels: they are the public face of the two layers used most. */
export const BARRELS: ReadonlySet<string> = new Set([
  'kafka/wire/index.ts',
  'kafka/client/index.ts',
]);

/** A package without an entry is a problem, and so is a tool's import. */
export const HOMES: Readonly<Record<string, readonly Place[]>> = {
  '@bokuweb/zstd-wasm': ['kafka/records'],
  '@bomb.sh/tab': ['cli'],
  '@bufbuild/protobuf': ['proto/gen', 'coordinator/rpc'],
  '@grpc/grpc-js': ['coordinator/rpc', 'agent/rpc', 'cli/rpc', 'proto/gen'],
  '@grpc/proto-loader': ['coordinator/rpc'],
  '@grpc/reflection': ['coordinator/rpc'],
  '@node-rs/crc32': ['kafka/records'],
  '@platformatic/kafka': ['kafka/admin'],
  'cli-table3': ['cli'],
  commander: ['cli'],
  'dot-properties': ['common/config', 'mirror/config'],
  etcd3: ['coordinator/store'],
  'grpc-health-check': ['coordinator/rpc', 'agent/rpc', 'cli/rpc'],
  'lz4-napi': ['kafka/records'],
  picocolors: ['cli'],
  pino: ['common/log.ts'],
  'prom-client': ['common/telemetry'],
  re2js: ['mirror/policy'],
  snappy: ['kafka/records'],
  zod: ['common/config', 'mirror/config'],

  'fast-check': ['test'],
  kafkajs: ['test', 'demo'],
  typescript: ['scripts'],
};

/** Used as programs, or by configuration files in the root: nothing in a folder imports them. */
export const TOOLS: ReadonlySet<string> = new Set([
  '@eslint/js',
  '@types/node',
  'c8',
  'eslint',
  'prettier',
  'protoc',
  'ts-proto',
  'typescript-eslint',
]);

export const FILE_LINES_MAX = 400;
export const BANNED_WORDS: ReadonlySet<string> = new Set([
  'util',
  'utils',
  'helper',
  'helpers',
  'manager',
  'data',
  'info',
]);

/** Whether a file must do no I/O and know no time. */
export function isPure(path: string): boolean {
  return isWithinAny(path, PURE) && !isWithinAny(path, IMPURE);
}

export function isWithin(path: string, place: Place): boolean {
  return path === place || path.startsWith(`${place}/`);
}

export function isWithinAny(path: string, places: readonly Place[]): boolean {
  return places.some((place) => isWithin(path, place));
}
