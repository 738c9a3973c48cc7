import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { askInTurn, PATIENCE_MS } from '../../../kafka/client/ask-in-turn.js';
import { ManualClock } from '../../kit/manual-clock.js';

interface Asked {
  readonly resolve: (answer: string) => void;
  readonly reject: (error: Error) => void;
}

/** Candidates that answer when this file says so. */
function scene(names: readonly string[], patient = false) {
  const clock = new ManualClock();
  const asked = new Map<string, Asked>();
  const answer = askInTurn(names, {
    ask: (name) =>
      new Promise<string>((resolve, reject) => void asked.set(name, { resolve, reject })),
    mayAskNext: (_name, error) => (error as Error).message !== 'final',
    allFailed: () => new Error('all have failed'),
    clock: patient ? undefined : clock,
  });
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  };
  return { clock, asked, answer, settle };
}

describe('askInTurn', () => {
  it('asks one only, if that answers', async () => {
    const { clock, asked, answer, settle } = scene(['a', 'b']);
    asked.get('a')?.resolve('yes');
    assert.equal(await answer, 'yes');
    await clock.advance(PATIENCE_MS);
    await settle();
    assert.deepEqual([...asked.keys()], ['a']);
  });

  it('asks the next as soon as one has failed', async () => {
    const { asked, answer, settle } = scene(['a', 'b']);
    asked.get('a')?.reject(new Error('not now'));
    await settle();
    asked.get('b')?.resolve('yes');
    assert.equal(await answer, 'yes');
  });

  it('asks the next besides one that is silent, and takes whichever answers first', async () => {
    const { clock, asked, answer, settle } = scene(['a', 'b', 'c']);
    await clock.advance(PATIENCE_MS);
    await settle();
    assert.deepEqual([...asked.keys()], ['a', 'b']);
    asked.get('a')?.resolve('late');
    assert.equal(await answer, 'late');
    asked.get('b')?.reject(new Error('nobody waits for it'));
    await settle();
    assert.equal(asked.has('c'), false);
  });

  it('fails when all have failed, and not while one may still answer', async () => {
    const { clock, asked, answer, settle } = scene(['a', 'b']);
    await clock.advance(PATIENCE_MS);
    await settle();
    asked.get('b')?.reject(new Error('not now'));
    await settle();
    asked.get('a')?.reject(new Error('neither'));
    await assert.rejects(answer, /all have failed/);
  });

  it('stops at a failure that is final', async () => {
    const { asked, answer } = scene(['a', 'b']);
    asked.get('a')?.reject(new Error('final'));
    await assert.rejects(answer, /final/);
    assert.equal(asked.has('b'), false);
  });

  it('waits for one that is silent, if the question must not be asked twice', async () => {
    const { clock, asked, answer, settle } = scene(['a', 'b'], true);
    assert.deepEqual(clock.sleeps, []);
    await clock.advance(PATIENCE_MS);
    await settle();
    assert.deepEqual([...asked.keys()], ['a']);
    asked.get('a')?.reject(new Error('not sent'));
    await settle();
    asked.get('b')?.resolve('yes');
    assert.equal(await answer, 'yes');
  });

  it('fails when there is nobody to ask', async () => {
    await assert.rejects(scene([]).answer, /all have failed/);
  });
});
