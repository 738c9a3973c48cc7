import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';

import type { Clock } from '../../../common/clock.js';
import { FileWatch } from '../../../common/config/file-watch.js';

/** Each pause of the watch waits for the test to allow one more look. */
class LookByLook implements Clock {
  #next: (() => void) | undefined;
  #asleep: (() => void) | undefined;
  nowMs = (): number => 0;
  wallMs = (): number => 0;

  sleep(_ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#next = resolve;
      signal?.addEventListener('abort', () => reject(new Error('woken')), { once: true });
      this.#asleep?.();
    });
  }

  async looks(count: number): Promise<void> {
    for (let look = 0; look < count; look += 1) {
      const asleep = new Promise<void>((resolve) => (this.#asleep = resolve));
      this.#next?.();
      await asleep;
    }
  }
}

describe('FileWatch', () => {
  let stop: AbortController;
  let folder: string;
  let path: string;
  let told: string[];
  let unreadable: number;
  let clock: LookByLook;
  let watch: FileWatch;
  let running: Promise<void>;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'file-watch-'));
    path = join(folder, 'f');
    writeFileSync(path, 'one');
    stop = new AbortController();
    [told, unreadable, clock] = [[], 0, new LookByLook()];
    watch = new FileWatch({
      ...{ path, text: 'one', clock, read: (file: string) => readFile(file, 'utf8') },
      onText: (text, nudged) => Promise.resolve(void told.push(`${text} ${String(nudged)}`)),
      onUnreadable: () => (unreadable += 1),
    });
    running = watch.run(stop.signal);
  });

  afterEach(async () => {
    stop.abort();
    await running;
    rmSync(folder, { recursive: true });
  });

  it('tells a content that two looks have found', async () => {
    writeFileSync(path, 'tw');
    await clock.looks(1);
    writeFileSync(path, 'two');
    await clock.looks(1);
    assert.deepEqual(told, []);
    await clock.looks(3);
    assert.deepEqual(told, ['two false']);
  });

  it('says nothing of the same content under a new file', async () => {
    writeFileSync(join(folder, 'g'), 'one');
    renameSync(join(folder, 'g'), path);
    await clock.looks(4);
    assert.deepEqual(told, []);
  });

  it('tells the same content when it is nudged', async () => {
    const asleep = clock.looks(0);
    watch.nudge();
    await asleep;
    await clock.looks(1);
    assert.deepEqual(told, ['one true']);
  });

  it('says once that the file is gone, and goes on when it is back', async () => {
    rmSync(path);
    await clock.looks(3);
    assert.equal(unreadable, 1);
    writeFileSync(path, 'back');
    await clock.looks(3);
    assert.deepEqual(told, ['back false']);
  });
});
