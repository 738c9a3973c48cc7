import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { kafkaFolder } from './fetched.js';
import { ServerProcess } from './server-process.js';
import { KAFKA_CURRENT } from './start-kafka.js';
import { temporaryFolder } from './temporary-folder.js';

export interface ConsoleConsumerOptions {
  readonly bootstrapServers: string;
  readonly topic: string;
  readonly group: string;
  /** Ends after so many, which it commits. */
  readonly records: number;
  /** `classic` or `consumer` (KIP-848). */
  readonly protocol: 'classic' | 'consumer';
  /** For a group without offsets: from the start. */
  readonly fromBeginning?: boolean;
}

const CONSUMER_MS_MAX = 120_000;

function argsOf(options: Omit<ConsoleConsumerOptions, 'records'>): string[] {
  const { bootstrapServers, topic, group, protocol, fromBeginning } = options;
  const jars = join(kafkaFolder(KAFKA_CURRENT), 'libs', '*');
  return [
    ...['-Xmx192m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-cp', jars],
    'org.apache.kafka.tools.consumer.ConsoleConsumer',
    ...['--bootstrap-server', bootstrapServers, '--topic', topic, '--group', group],
    ...['--isolation-level', 'read_committed'],
    ...(fromBeginning === true ? ['--from-beginning'] : []),
    ...['--command-property', `group.protocol=${protocol}`],
    // What was fetched and not printed must not be committed: the position is that of the printed.
    ...['--command-property', 'max.poll.records=1'],
  ];
}

/** A member of the group that commits nothing, until it is stopped. */
export function stayWithJava(options: Omit<ConsoleConsumerOptions, 'records'>): ServerProcess {
  const args = [...argsOf(options), '--command-property', 'enable.auto.commit=false'];
  const logFile = join(temporaryFolder('console-consumer'), 'log');
  const name = `console consumer of ${options.group}`;
  const consumer = new ServerProcess({ name, command: 'java', args, logFile });
  consumer.launch();
  return consumer;
}

/** Reads with Kafka's own Java consumer, as `kafka-console-consumer.sh` does; one value per line. */
export function consumeWithJava(options: ConsoleConsumerOptions): Promise<string[]> {
  const args = [...argsOf(options), '--max-messages', String(options.records)];
  return new Promise((resolve, reject) => {
    execFile('java', args, { timeout: CONSUMER_MS_MAX }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout.split('\n').filter((line) => line !== ''));
      else reject(new Error(`console consumer: ${stderr.slice(-2_000)}`));
    });
  });
}
