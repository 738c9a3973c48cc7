import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import type { SaslOptions } from './security.js';

const pbkdf2Async = promisify(pbkdf2);

/** RFC 7677 asks for no fewer; a server that offers less is after the password. */
const ITERATIONS_MIN = 4096;

/** About a second of one core: what a hostile server may cost us. */
const ITERATIONS_MAX = 1_000_000;

const NONCE_BYTES = 24;

/** "n,,": no channel binding, no authorization id. */
const GS2_HEADER = 'n,,';

/** The client's side of SCRAM (RFC 5802), one message at a time; it throws plain errors. */
export class ScramClient {
  readonly #digest: 'sha256' | 'sha512';
  readonly #options: SaslOptions;
  readonly #nonce: string;

  /** What the server must prove to know, from `finalMessage` on. */
  #serverSignature: Buffer | undefined;

  constructor(options: SaslOptions, nonce: string = randomBytes(NONCE_BYTES).toString('base64')) {
    this.#digest = options.mechanism === 'SCRAM-SHA-512' ? 'sha512' : 'sha256';
    this.#options = options;
    this.#nonce = nonce;
  }

  firstMessage(): Buffer {
    return Buffer.from(GS2_HEADER + this.#firstBare(), 'utf8');
  }

  /** Answers the server's first message with the proof that we know the password. */
  async finalMessage(serverFirst: Buffer): Promise<Buffer> {
    const challenge = serverFirst.toString('utf8');
    const fields = parseFields(challenge);
    const nonce = fields.get('r') ?? '';
    const salt = Buffer.from(fields.get('s') ?? '', 'base64');
    const iterations = Number(fields.get('i'));
    if (!nonce.startsWith(this.#nonce) || nonce.length === this.#nonce.length) {
      throw new Error('the server did not extend our nonce');
    }
    if (salt.length === 0) throw new Error('the server sent no salt');
    if (!(iterations >= ITERATIONS_MIN && iterations <= ITERATIONS_MAX)) {
      const range = `${ITERATIONS_MIN} to ${ITERATIONS_MAX}`;
      throw new Error(`the server asks for ${fields.get('i')} iterations, accepted are ${range}`);
    }

    const withoutProof = `c=${Buffer.from(GS2_HEADER).toString('base64')},r=${nonce}`;
    const authMessage = `${this.#firstBare()},${challenge},${withoutProof}`;
    const saltedPassword = await this.#saltedPassword(salt, iterations);
    const clientKey = this.#hmac(saltedPassword, 'Client Key');
    const storedKey = createHash(this.#digest).update(clientKey).digest();
    const proof = xor(clientKey, this.#hmac(storedKey, authMessage));
    const serverKey = this.#hmac(saltedPassword, 'Server Key');
    this.#serverSignature = this.#hmac(serverKey, authMessage);
    return Buffer.from(`${withoutProof},p=${proof.toString('base64')}`, 'utf8');
  }

  /** Throws unless the server has proved that it knows the password, too. */
  verify(serverFinal: Buffer): void {
    const fields = parseFields(serverFinal.toString('utf8'));
    const problem = fields.get('e');
    if (problem !== undefined) throw new Error(`the server says ${problem}`);
    const signature = Buffer.from(fields.get('v') ?? '', 'base64');
    const expected = this.#serverSignature;
    const proven =
      expected !== undefined &&
      signature.length === expected.length &&
      timingSafeEqual(signature, expected);
    if (!proven) throw new Error('the server does not know the password');
  }

  #firstBare(): string {
    const name = this.#options.username.replaceAll('=', '=3D').replaceAll(',', '=2C');
    return `n=${name},r=${this.#nonce}`;
  }

  #saltedPassword(salt: Buffer, iterations: number): Promise<Buffer> {
    const bytes = this.#digest === 'sha512' ? 64 : 32;
    return pbkdf2Async(this.#options.password, salt, iterations, bytes, this.#digest);
  }

  #hmac(key: Buffer, message: string): Buffer {
    return createHmac(this.#digest, key).update(message).digest();
  }
}

/** Splits `a=1,b=2`; a value may contain '='. */
function parseFields(message: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const part of message.split(',')) fields.set(part.slice(0, 1), part.slice(2));
  return fields;
}

function xor(left: Buffer, right: Buffer): Buffer {
  return Buffer.from(left.map((byte, index) => byte ^ (right[index] as number)));
}
