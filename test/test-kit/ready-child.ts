/**
 * Run by start-process.test.ts in place of one of our programs: logs as they do, drains on SIGTERM,
 * and fails, or says a lot before it ends, when it is told to.
 */
const log = (line: object): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);

const [mode = 'ready'] = process.argv.slice(2);
log({ level: 'info', msg: 'starting' });
if (mode === 'fail') {
  process.stderr.write('coordinator.listen is not an address\n');
  process.exit(2);
}
const timer = setInterval(() => undefined, 1_000_000);
process.on('SIGTERM', () => {
  for (let n = 0; mode === 'talk' && n < 400; n += 1) log({ n, padding: 'x'.repeat(1_000) });
  log({ level: 'info', msg: 'drained' });
  clearInterval(timer);
});
log({ level: 'info', msg: 'ready', listen: '127.0.0.1:7700' });
