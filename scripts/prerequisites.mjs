/**
 * What must be on the machine before anything else: Node, Java, Maven. A missing one is one line
 * that names it and the command that gets it, and exit code 2. As root on Debian or Ubuntu the
 * command is run, after a yes at the prompt or with CI=true.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { run, step, StepFailed } from './progress.mjs';

export const EXIT_PREREQUISITE = 2;

const NODE_MIN = [20, 11];
const JAVA_MIN = 17;
const APT_NEWER_JAVA = 'apt-get install -y default-jre-headless maven';
const APT_UPDATE = 'apt-get update && ';
const APT = 'apt-get install -y openjdk-17-jre-headless maven';

/** Thrown for something missing; the message is the one line for the reader. */
export class PrerequisiteMissing extends Error {}

function outputOf(command, args) {
  const result = spawnSync(command, args, { encoding: 'utf8' });
  return result.error === undefined && result.status === 0
    ? `${result.stdout}${result.stderr}`
    : undefined;
}

/** The major version in the first line of `java -version`: `17.0.15` is 17, `1.8.0_392` is 8. */
export function javaMajor(text) {
  const match = /version "(?:1\.)?(\d+)/.exec(text ?? '');
  return match === null ? 0 : Number(match[1]);
}

/** Whether a version as in `process.versions.node` is new enough. */
export function nodeIsEnough(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1]);
}

/** The names of what Java and Maven lack; empty when all is there. */
export function missingTools(output = outputOf) {
  const missing = [];
  const java = javaMajor(output('java', ['-version']));
  if (java < JAVA_MIN) missing.push(`Java ${JAVA_MIN} or newer${java > 0 ? ` (is ${java})` : ''}`);
  if (output('mvn', ['-version']) === undefined) missing.push('Maven (mvn)');
  return missing;
}

function isDebian() {
  if (!existsSync('/etc/os-release')) return false;
  return /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync('/etc/os-release', 'utf8'));
}

/** Newer releases carry only a newer Java, which serves as well. */
function aptCommand() {
  const policy = outputOf('apt-cache', ['policy', 'openjdk-17-jre-headless']) ?? '';
  return APT_UPDATE + (/Candidate: \(none\)/.test(policy) ? APT_NEWER_JAVA : APT);
}

async function mayInstall(command) {
  if (process.env.CI === 'true') return true;
  if (process.stdin.isTTY !== true || process.stdout.isTTY !== true) return false;
  const prompt = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await prompt.question(`Run "${command}" now? [y/N] `);
  prompt.close();
  return /^y(es)?$/i.test(answer.trim());
}

async function install(command, missing) {
  await step(`installing ${missing.join(' and ')}`, async (report) => {
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    const onLine = (line) => {
      const unpacked = /^(?:Unpacking|Setting up) (\S+)/.exec(line);
      if (unpacked !== null) report(unpacked[1]);
    };
    // Before the first update nothing tells which Java this release has, so both are tried.
    await run('sh', ['-c', `${command} || ${APT_NEWER_JAVA}`], { env, onLine });
  });
}

/** Returns when all is there; throws `PrerequisiteMissing` with the line to print otherwise. */
export async function checkPrerequisites() {
  if (!nodeIsEnough(process.versions.node)) {
    throw new PrerequisiteMissing(
      `missing: Node ${NODE_MIN.join('.')} or newer (is ${process.versions.node}); ` +
        'get it with: npx -y n 20, or from your system',
    );
  }
  const missing = missingTools();
  if (missing.length === 0) return;
  const debian = isDebian();
  const command = debian ? aptCommand() : APT_UPDATE + APT;
  const line = `missing: ${missing.join(' and ')}; get it with: ${command}`;
  const isRoot = process.getuid?.() === 0;
  if (!debian || !isRoot || !(await mayInstall(command))) throw new PrerequisiteMissing(line);
  await install(command, missing);
  const still = missingTools();
  if (still.length > 0)
    throw new StepFailed(`after "${command}" still missing: ${still.join(', ')}`);
}
