import { randomInteger } from '../test/kit/seeded-random.js';

/** What services write: names repeat, identifiers and figures do not. */
const WORDS = (
  'order payment shipment customer invoice pending confirmed declined warehouse berlin lyon ' +
  'oslo express standard gift voucher refund partial backorder priority mobile web kiosk'
).split(' ');

const HEX_DIGITS = 32;

function randomHex(random: () => number, digits: number): string {
  let text = '';
  while (text.length < digits)
    text += randomInteger(random, 0x1_0000).toString(16).padStart(4, '0');
  return text;
}

function line(random: () => number): string {
  const word = (): string => WORDS[randomInteger(random, WORDS.length)] ?? '';
  return (
    `{"sku":"${randomHex(random, 8)}","state":"${word()}","site":"${word()}",` +
    `"quantity":${randomInteger(random, 50)},"price":${randomInteger(random, 100_000) / 100}},`
  );
}

/** One event of this length: about as compressible as events of services are. */
export function jsonText(random: () => number, bytes: number): Buffer {
  let text =
    `{"id":"${randomHex(random, HEX_DIGITS)}","trace":"${randomHex(random, HEX_DIGITS)}",` +
    `"at":${1_700_000_000_000 + randomInteger(random, 1e10)},"lines":[`;
  while (text.length < bytes) text += line(random);
  return Buffer.from(`${text.slice(0, bytes - 2)}]}`);
}
