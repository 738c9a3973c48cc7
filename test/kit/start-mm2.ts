import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kafkaFolder } from './fetched.js';
import { LOG4J_PROPERTIES } from './kafka-config.js';
import { ServerProcess } from './server-process.js';
import { KAFKA_CURRENT } from './start-kafka.js';
import { temporaryFolder } from './temporary-folder.js';

/** What bin/connect-mirror-maker.sh would run, with these options of Java; the file comes last. */
export function mm2Command(folder: string, javaOptions: readonly string[]): readonly string[] {
  const kafka = kafkaFolder(KAFKA_CURRENT);
  const libs = join(kafka, 'libs');
  const jars = readdirSync(libs)
    .filter((name) => name.endsWith('.jar'))
    .sort();
  const log4jFile = join(folder, 'log4j.properties');
  writeFileSync(log4jFile, LOG4J_PROPERTIES);
  return [
    ...javaOptions,
    // The archive of the kit's brokers holds the clients' classes too: it starts sooner.
    `-XX:SharedArchiveFile=${join(kafka, 'classes.jsa')}`,
    '-Xshare:auto',
    '-Xlog:disable',
    `-Dlog4j.configuration=file:${log4jFile}`,
    '-cp',
    jars.map((jar) => join(libs, jar)).join(':'),
    'org.apache.kafka.connect.mirror.MirrorMaker',
  ];
}

/** A real MirrorMaker 2 on a configuration file; nobody waits until it copies. */
export function startMm2(propertiesFile: string): ServerProcess {
  const folder = temporaryFolder('mm2');
  const options = ['-Xmx384m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];
  const mm2 = new ServerProcess({
    name: 'mm2',
    command: 'java',
    args: [...mm2Command(folder, options), propertiesFile],
    logFile: join(folder, 'log'),
  });
  mm2.launch();
  return mm2;
}
