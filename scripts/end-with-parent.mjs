/**
 * Loaded into every test process: it ends when `npm test` does, even when that was killed. The
 * kernel closes the pipe that is this process's standard input; what the process started then ends
 * by its own guardian.
 */
process.stdin.on('end', () => process.kill(process.pid, 'SIGKILL'));
process.stdin.on('error', () => process.kill(process.pid, 'SIGKILL'));
process.stdin.resume();
process.stdin.unref();
