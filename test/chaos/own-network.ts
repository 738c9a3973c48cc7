import { spawn, spawnSync } from 'node:child_process';

/** Set in the process that has namespaces of its own. */
const INSIDE_VARIABLE = 'MIRRORCTL_CHAOS_INSIDE';

/** As root, or as any user where the kernel lets users have namespaces. */
const WAYS: readonly (readonly string[])[] = [
  ['--net', '--mount'],
  ['--user', '--map-root-user', '--net', '--mount'],
];

const TRY =
  'mount -t tmpfs tmpfs /run && ip link set lo up && ip netns add try && nsenter --net=/run/netns/try true && echo 1 > /proc/sys/net/ipv4/ip_forward';

export const NAMESPACES_DENIED =
  'network namespaces are not permitted here, and chaos needs them. Any of these gives them: ' +
  'run as root; in a container, run it with --privileged; as a user, allow user namespaces ' +
  '(sysctl kernel.unprivileged_userns_clone=1, on Ubuntu ' +
  'kernel.apparmor_restrict_unprivileged_userns=0). It needs Linux, iproute2 and util-linux.';

/** The flags of `unshare` that work on this machine; undefined when none do. */
export function unshareFlags(): readonly string[] | undefined {
  return WAYS.find((flags) => {
    const tried = spawnSync('unshare', [...flags, 'sh', '-c', TRY], { stdio: 'ignore' });
    return tried.status === 0;
  });
}

export function isInOwnNetwork(): boolean {
  return process.env[INSIDE_VARIABLE] === '1';
}

/**
 * Runs this program again, in a network of its own that nobody else sees and that is gone, with
 * everything in it, when the program ends. Resolves with its exit code.
 */
export function runInOwnNetwork(flags: readonly string[], signal?: AbortSignal): Promise<number> {
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  return new Promise((resolve, reject) => {
    const child = spawn('unshare', [...flags, ...command], {
      stdio: 'inherit',
      env: { ...process.env, [INSIDE_VARIABLE]: '1' },
      ...(signal === undefined ? {} : { signal }),
    });
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}
