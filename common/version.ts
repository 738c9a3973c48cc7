import { readFileSync } from 'node:fs';

const PACKAGE_FILE = new URL('../../package.json', import.meta.url);

/** The version of this program, as package.json has it. */
export const VERSION: string = (
  JSON.parse(readFileSync(PACKAGE_FILE, 'utf8')) as { version: string }
).version;
