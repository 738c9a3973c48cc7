import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compiledRoot } from '../test/kit/project-root.js';
import { ServerProcess } from '../test/kit/server-process.js';
import { mm2Command } from '../test/kit/start-mm2.js';
import { temporaryFolder } from '../test/kit/temporary-folder.js';
import {
  agentProperties,
  MM2_JAVA_OPTIONS,
  mm2Properties,
  type CopierPlace,
  type Settings,
} from './copier-config.js';

export type CopierKind = 'agent' | 'mm2';

export interface CopierOptions {
  readonly kind: CopierKind;
  readonly place: CopierPlace;
  readonly codec: string;
  readonly mm2: Settings;
  /** mirror-maker only: where V8 leaves its profile when the process ends. */
  readonly profileFolder?: string;
}

/** Starts one of the two as its users do; nobody waits until it is ready. */
export function startCopier(options: CopierOptions): ServerProcess {
  const folder = temporaryFolder(options.kind);
  const propertiesFile = join(folder, 'mm2.properties');
  const command = options.kind === 'agent' ? agentCommand(options) : mm2Copier(options, folder);
  writeFileSync(propertiesFile, command.properties);
  const copier = new ServerProcess({
    name: options.kind,
    command: command.program,
    args: [...command.args, propertiesFile],
    logFile: join(folder, 'log'),
  });
  copier.launch();
  return copier;
}

interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly properties: string;
}

function agentCommand(options: CopierOptions): Command {
  const { place, profileFolder } = options;
  const profiling =
    profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`];
  return {
    program: process.execPath,
    args: [...profiling, join(compiledRoot(), 'mirror-maker', 'main.js')],
    properties: agentProperties(place),
  };
}

function mm2Copier(options: CopierOptions, folder: string): Command {
  const { place, codec, mm2: extra } = options;
  return {
    program: 'java',
    args: mm2Command(folder, MM2_JAVA_OPTIONS),
    properties: mm2Properties(place, { codec, extra }),
  };
}
