import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { kafkaFolder } from './fetched.js';
import { projectRoot } from './project-root.js';
import { KAFKA_CURRENT } from './start-kafka.js';
import { temporaryFolder } from './temporary-folder.js';

const JAVA_MS_MAX = 180_000;

/** A program of test/kit/java, compiled against Kafka's own classes. */
export class JavaProgram {
  readonly #mainClass: string;
  readonly #classPath: string;

  /** Compiles `<name>.java`; the main class is the one of the same name. */
  constructor(name: string, packageName: string) {
    const kafkaJars = join(kafkaFolder(KAFKA_CURRENT), 'libs', '*');
    const classes = join(temporaryFolder('java'), 'classes');
    mkdirSync(classes);
    const source = join(projectRoot(), 'test', 'kit', 'java', `${name}.java`);
    execFileSync('javac', ['-cp', kafkaJars, '-d', classes, source], { timeout: JAVA_MS_MAX });
    this.#mainClass = `${packageName}.${name}`;
    this.#classPath = [classes, kafkaJars].join(delimiter);
  }

  /** Lines `question<TAB>answer`, by question. Fails with what Java says. */
  async ask(...args: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const options = [
      '-Xmx192m',
      '-XX:TieredStopAtLevel=1',
      '-XX:+UseSerialGC',
      '-Xshare:auto',
      ...['-cp', this.#classPath, this.#mainClass],
    ];
    const out = await new Promise<string>((resolve, reject) => {
      execFile('java', [...options, ...args], { timeout: JAVA_MS_MAX }, (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`java ${args.join(' ')}: ${stderr.slice(-4_000)}`));
      });
    });
    const lines = out.split('\n').filter((line) => line.includes('\t'));
    return new Map(lines.map((line) => line.split('\t', 2) as [string, string]));
  }
}
