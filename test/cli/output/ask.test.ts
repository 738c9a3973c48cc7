import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PassThrough } from 'node:stream';

import { ask } from '../../../cli/output/ask.js';

const NEVER = new AbortController().signal;

/** What comes of these keys, pressed once the question is there. */
async function answerTo(keys: string, signal = NEVER): Promise<string> {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const shown = new Promise((resolve) => output.once('data', resolve));
  const answer = ask('Go on? [y/N] ', { input, output, terminal: true }, signal);
  await shown;
  input.write(keys);
  return answer;
}

describe('ask', () => {
  it('gives what is answered', async () => {
    assert.equal(await answerTo('yes\r'), 'yes');
    assert.equal(await answerTo('\r'), '');
  });

  for (const [name, keys] of [
    ['Ctrl-C', '\u0003'],
    ['Ctrl-D', '\u0004'],
  ] as const) {
    it(`takes ${name} for no answer, and ends`, async () => {
      assert.equal(await answerTo(keys), '');
      assert.equal(await answerTo(`ye${keys}${keys === '\u0004' ? '\u0003' : ''}`), '');
    });
  }

  it('ends when the process is told to', async () => {
    const stop = new AbortController();
    const answer = answerTo('y', stop.signal);
    stop.abort();
    assert.equal(await answer, '');
  });
});
