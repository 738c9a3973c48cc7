/**
 * A program that stands in front of one server, in that server's network namespace, and makes its
 * round trips longer when told to: this kernel need not have netem.
 *
 *   node link-program.js HOST PORT SERVER_PORT
 *
 * `PUT /MS` to the address of its ready line sets the round trip.
 */
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:http';
import { DelayProxy } from '../kit/delay-proxy.js';

const [host = '', port = '', serverPort = ''] = process.argv.slice(2);
const proxy = await DelayProxy.start({ roundTripMs: 0, host, port: Number(port) });
proxy.leadTo(Number(serverPort));
const control = createServer((request, response) => {
  proxy.oneWayMs = Number((request.url ?? '/0').slice(1)) / 2;
  // A connection that is kept may be closed just as the next request is written to it.
  response.setHeader('connection', 'close');
  response.end();
});
control.listen(0, host, () => {
  const http = `${host}:${(control.address() as AddressInfo).port}`;
  process.stdout.write(`${JSON.stringify({ msg: 'ready', http })}\n`);
});
