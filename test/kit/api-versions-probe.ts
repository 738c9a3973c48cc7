import { connect } from 'node:net';
import { HERE } from './network-place.js';

const ANSWER_MS_MAX = 2_000;
const CORRELATION_ID = 7;
const CLIENT_ID = 'kit';
const KEY_METADATA = 3;
const KEY_API_VERSIONS = 18;

/**
 * ApiVersions v0 or Metadata v1, written here by hand so that the kit's verdict does not rest on the
 * client under test.
 *
 *   INT32 size | INT16 key | INT16 version | INT32 correlation | STRING client id
 */
function request(key: number, body: Buffer): Buffer {
  const clientId = Buffer.from(CLIENT_ID);
  const head = Buffer.alloc(14);
  head.writeInt32BE(10 + clientId.length + body.length, 0);
  head.writeInt16BE(key, 4);
  head.writeInt16BE(key === KEY_METADATA ? 1 : 0, 6);
  head.writeInt32BE(CORRELATION_ID, 8);
  head.writeInt16BE(clientId.length, 12);
  return Buffer.concat([head, clientId, body]);
}

/** One request on a connection of its own; null when there is no complete answer in time. */
function ask(port: number, host: string, frame: Buffer): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    let seen = Buffer.alloc(0);
    const finish = (answer: Buffer | null): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(ANSWER_MS_MAX, () => finish(null));
    socket.once('error', () => finish(null));
    socket.once('close', () => finish(null));
    socket.once('connect', () => socket.write(frame));
    socket.on('data', (chunk) => {
      seen = Buffer.concat([seen, chunk]);
      if (seen.length >= 4 && seen.length >= 4 + seen.readInt32BE(0)) finish(seen);
    });
  });
}

/** Whether a broker answers ApiVersions on this port, fenced or not. */
export async function answersApiVersions(port: number): Promise<boolean> {
  const answer = await ask(port, HERE.host, request(KEY_API_VERSIONS, Buffer.alloc(0)));
  return answer !== null && answer.length >= 10 && answer.readInt32BE(4) === CORRELATION_ID;
}

/** Reads `[INT32 node, STRING host, INT32 port, NULLABLE_STRING rack]` after the correlation id. */
function nodeIds(answer: Buffer): number[] {
  const ids: number[] = [];
  let at = 12;
  const skipString = (): void => {
    at += 2 + Math.max(0, answer.readInt16BE(at));
  };
  for (let left = answer.readInt32BE(8); left > 0; left--) {
    ids.push(answer.readInt32BE(at));
    at += 4;
    skipString();
    at += 4;
    skipString();
  }
  return ids;
}

/**
 * The node ids that this broker counts as alive, by Metadata v1 for no topic; none when it does not
 * answer. A broker answers once it is unfenced, which is when clients can use it.
 */
export async function brokersSeenBy(port: number, host = HERE.host): Promise<number[]> {
  const noTopics = Buffer.alloc(4);
  const answer = await ask(port, host, request(KEY_METADATA, noTopics));
  return answer === null || answer.length < 12 ? [] : nodeIds(answer);
}
