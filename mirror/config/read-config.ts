import { isUtf8 } from 'node:buffer';
import { readFile, stat } from 'node:fs/promises';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { ConfigError, ProblemCollector } from '../../common/config/problems.js';
import { parseProperties, PROPERTIES_LENGTH_MAX } from '../../common/config/properties.js';
import { splitList } from '../../common/config/values.js';
import { patternFault, PatternList } from '../policy/name-filter.js';
import type { Reference, ResolveReference } from './references.js';

/** A character takes four bytes at most. */
const BYTES_MAX = 4 * PROPERTIES_LENGTH_MAX;

/** The text of a configuration file; a ConfigError names the file if it cannot be read. */
export async function readConfigText(file: string): Promise<string> {
  try {
    const { size } = await stat(file);
    // Unread: a file of gigabytes would take the memory of the process before it is refused.
    if (size > BYTES_MAX) throw new TypeError(`the file is longer than ${BYTES_MAX} bytes`);
    return textOf(await readFile(file));
  } catch (error) {
    const problem = { severity: 'error', file, line: 0, key: null } as const;
    throw new ConfigError([{ ...problem, message: reasonOf(error), hint: null }], 0);
  }
}

/**
 * UTF-8; what is not is ISO-8859-1, as which MirrorMaker 2 reads every file. To put a sign for
 * unreadable in its place would make another password of one.
 */
function textOf(bytes: Buffer): string {
  const [first, second] = bytes;
  const isUtf16 = first === 0 || second === 0 || (first === 0xff && second === 0xfe);
  if (isUtf16 || (first === 0xfe && second === 0xff))
    throw new TypeError('the file is not text in UTF-8 but perhaps in UTF-16; save it as UTF-8');
  return isUtf8(bytes) ? bytes.toString('utf8') : bytes.toString('latin1');
}

/**
 * The providers of Kafka that read what this process can read: `FileConfigProvider`,
 * `DirectoryConfigProvider` and `EnvVarConfigProvider`. `env` is passed in by the entry point.
 */
export function referenceResolver(
  env: Readonly<Record<string, string | undefined>>,
): ResolveReference {
  return (reference: Reference): string | undefined => {
    switch (reference.providerClass) {
      case 'FileConfigProvider':
        requireAllowed(reference, reference.path);
        return readPropertyOf(reference.path, reference.key);
      case 'DirectoryConfigProvider':
        // The key is one name in the directory: a path in it would leave the directory.
        if (reference.key === '..' || path.basename(reference.key) !== reference.key)
          return undefined;
        requireAllowed(reference, reference.path);
        return readBounded(path.join(reference.path, reference.key));
      case 'EnvVarConfigProvider':
        requireListed(reference);
        return env[reference.key];
      default:
        throw new TypeError(
          'its provider is not FileConfigProvider, DirectoryConfigProvider or EnvVarConfigProvider',
        );
    }
  };
}

/** `allowed.paths` of Kafka's providers: absolute paths, each of a file or of a folder of them. */
function requireAllowed({ params }: Reference, wanted: string): void {
  const allowed = params.get('allowed.paths');
  if (allowed === undefined || allowed.trim() === '') return;
  const file = path.resolve(wanted);
  const within = splitList(allowed).some((each) => {
    const folder = path.resolve(each);
    return file === folder || file.startsWith(folder === '/' ? folder : `${folder}/`);
  });
  if (!within) throw new TypeError('its path is not in `allowed.paths` of the provider');
}

/** `allowlist.pattern` of EnvVarConfigProvider: the whole name of a variable must match. */
function requireListed({ params, key }: Reference): void {
  const pattern = params.get('allowlist.pattern');
  if (pattern === undefined || pattern === '') return;
  const fault = patternFault(pattern);
  if (fault !== null) throw new TypeError(`\`allowlist.pattern\` of the provider: ${fault}`);
  if (!new PatternList([pattern]).matches(key))
    throw new TypeError('its name does not match `allowlist.pattern` of the provider');
}

function readPropertyOf(file: string, key: string): string | undefined {
  const problems = new ProblemCollector();
  const source = { path: file, text: readBounded(file), isVerbatim: () => true };
  const value = parseProperties(source, problems).get(key)?.value;
  problems.throwIfErrors();
  return value;
}

function readBounded(file: string): string {
  try {
    if (statSync(file).size > BYTES_MAX)
      throw new TypeError(`it is longer than ${BYTES_MAX} bytes`);
    const bytes = readFileSync(file);
    // As Kafka's providers do: a secret with other letters than meant would only be refused elsewhere.
    if (!isUtf8(bytes)) throw new TypeError('it is not text in UTF-8');
    return bytes.toString('utf8').slice(0, PROPERTIES_LENGTH_MAX);
  } catch (error) {
    throw new TypeError(`${file}: ${reasonOf(error)}`, { cause: error });
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'there is no such file';
  if (code === 'EACCES') return 'the file may not be read by this user';
  if (code === 'EISDIR') return 'this is a directory, not a file';
  return error instanceof Error ? error.message : String(error);
}
