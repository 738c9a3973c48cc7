/**
 * Kafka servers through Maven: `node scripts/fetch-kafka.mjs [VERSION...]`, or `ensureKafka`.
 *
 *   .cache/kafka-VERSION/libs/*.jar            the broker, its tools, MM2
 *   .cache/kafka-VERSION/bootstrap.checkpoint  what `format` writes besides meta.properties
 *   .cache/kafka-VERSION/classes.jsa           class archive: measured, 4.5 s to start becomes 1 s
 */
import { spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CACHE, cached, locked } from './cache.mjs';
import { run, step, StepFailed, withoutHosts } from './progress.mjs';

export const KAFKA_CURRENT = '4.3.0';
export const KAFKA_OLDER = '3.9.2';

/** MM2 runs as the baseline in the current version only. */
const ARTIFACTS = {
  [KAFKA_CURRENT]: ['kafka_2.13', 'kafka-tools', 'connect-mirror', 'connect-runtime'],
  [KAFKA_OLDER]: ['kafka_2.13', 'kafka-tools'],
};
const SLF4J_VERSION = '1.7.36';
const ARCHIVE_START_MS_MAX = 60_000;

/** Any 16 bytes in base64url: clusters of the kit get their own. */
const CLUSTER_ID = 'bWlycm9yY3RsLWtpdC0wMA';

function pom(version) {
  const dependency = (group, artifact, number) =>
    `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId>` +
    `<version>${number}</version></dependency>`;
  const artifacts = ARTIFACTS[version] ?? ARTIFACTS[KAFKA_OLDER];
  return [
    '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>',
    `<groupId>mirrorctl</groupId><artifactId>kafka-libs</artifactId><version>${version}</version>`,
    '<packaging>pom</packaging><dependencies>',
    ...artifacts.map((artifact) => dependency('org.apache.kafka', artifact, version)),
    dependency('org.slf4j', 'slf4j-reload4j', SLF4J_VERSION),
    '</dependencies></project>',
  ].join('\n');
}

async function downloadLibs(version, folder, report) {
  writeFileSync(join(folder, 'pom.xml'), pom(version));
  let files = 0;
  const onLine = (line) => {
    const name = /^Downloaded from [^:]+: \S+\/([^/\s]+\.(?:jar|pom))/.exec(
      withoutHosts(line),
    )?.[1];
    if (name === undefined) return;
    files += 1;
    report(`${files} files, ${name}`);
  };
  const goal = 'dependency:copy-dependencies';
  await run('mvn', ['-B', goal, '-DoutputDirectory=libs'], { cwd: folder, onLine });
  const jars = readdirSync(join(folder, 'libs'));
  if (!jars.some((jar) => jar.startsWith('kafka_'))) {
    throw new StepFailed(`Maven brought no Kafka ${version}`);
  }
  const bytes = jars.reduce((sum, jar) => sum + statSync(join(folder, 'libs', jar)).size, 0);
  report(`${jars.length} jars, ${Math.round(bytes / 1e6)} MB`);
}

/** The libraries in a fixed order: the class archive is valid only for the same class path. */
export function classPath(folder) {
  const libs = join(folder, 'libs');
  const jars = readdirSync(libs).filter((name) => name.endsWith('.jar'));
  return jars
    .sort()
    .map((jar) => join(libs, jar))
    .join(':');
}

async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(
    servers.map((server) => new Promise((done) => server.listen(0, '127.0.0.1', done))),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

function brokerProperties(logDir, [port, controllerPort]) {
  return [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.voters=1@127.0.0.1:${controllerPort}`,
    `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'controller.listener.names=CONTROLLER',
    'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    `log.dirs=${logDir}`,
    'log.cleaner.dedupe.buffer.size=4194304',
  ].join('\n');
}

async function format(folder) {
  const work = mkdtempSync(join(tmpdir(), 'mirrorctl-format-'));
  try {
    const properties = join(work, 'server.properties');
    const logDir = join(work, 'log');
    writeFileSync(properties, brokerProperties(logDir, [1, 2]));
    const tool = ['kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', properties];
    await run('java', ['-cp', classPath(folder), ...tool]);
    copyFileSync(join(logDir, 'bootstrap.checkpoint'), join(folder, 'bootstrap.checkpoint'));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Starts a broker once, stops it, and lets the virtual machine write down the classes it loaded. */
async function archiveClasses(folder, archive) {
  const work = mkdtempSync(join(tmpdir(), 'mirrorctl-archive-'));
  try {
    const logDir = join(work, 'log');
    mkdirSync(logDir);
    copyFileSync(join(folder, 'bootstrap.checkpoint'), join(logDir, 'bootstrap.checkpoint'));
    const meta = `version=1\ncluster.id=${CLUSTER_ID}\nnode.id=1\n`;
    writeFileSync(join(logDir, 'meta.properties'), meta);
    const properties = join(work, 'server.properties');
    writeFileSync(properties, brokerProperties(logDir, await freePorts(2)));
    const log4j = join(work, 'log4j.properties');
    writeFileSync(
      log4j,
      'log4j.rootLogger=INFO, out\nlog4j.appender.out=org.apache.log4j.ConsoleAppender\n' +
        'log4j.appender.out.layout=org.apache.log4j.PatternLayout\n',
    );
    const flags = ['-Xmx320m', '-XX:+UseSerialGC', `-XX:ArchiveClassesAtExit=${archive}`];
    const main = ['-cp', classPath(folder), 'kafka.Kafka', properties];
    await startAndStop('java', [...flags, `-Dlog4j.configuration=file:${log4j}`, ...main]);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function startAndStop(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), ARCHIVE_START_MS_MAX);
    let seen = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      seen = (seen + text).slice(-10_000);
      if (/Kafka Server started/.test(seen)) child.kill('SIGTERM');
    });
    child.on('error', reject);
    child.on('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Makes the class archive when there is none for this Java; a machine that cannot does without. */
async function ensureArchive(folder, java, report) {
  const archive = join(folder, 'classes.jsa');
  const stamp = join(folder, 'classes.java');
  const current = () => existsSync(stamp) && readFileSync(stamp, 'utf8') === java;
  if (current()) return;
  await locked('kafka-archive', async () => {
    if (current()) return;
    report('class archive');
    const partial = `${archive}.partial`;
    rmSync(partial, { force: true });
    await archiveClasses(folder, partial);
    if (existsSync(partial)) renameSync(partial, archive);
    writeFileSync(stamp, java);
  });
}

/** The folder with Kafka `version`, complete; downloads what is missing. */
export async function ensureKafka(version, report = () => {}) {
  const folder = await cached(`kafka-${version}`, async (partial) => {
    await downloadLibs(version, partial, report);
    report('format');
    await format(partial);
  });
  await ensureArchive(folder, await run('java', ['-version']), report);
  return folder;
}

/** Whether Kafka `version` is there, complete. */
export function kafkaIsReady(version) {
  return existsSync(join(CACHE, `kafka-${version}`, 'classes.java'));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const asked = process.argv.slice(2);
  for (const version of asked.length > 0 ? asked : [KAFKA_CURRENT, KAFKA_OLDER]) {
    await step(`Kafka ${version}`, async (report) => void (await ensureKafka(version, report)));
  }
}
