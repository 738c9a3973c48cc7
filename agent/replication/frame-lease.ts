import assert from 'node:assert/strict';

/**
 * The memory of one fetch answer, shared by the batches that lie in it. It is given back when none of
 * them is needed any more: each was appended, copied elsewhere or never sent.
 *
 * A batch whose outcome is unknown never lets go of it: the socket may still be reading it. The
 * garbage collector takes such a frame, after the socket.
 */
export class FrameLease {
  readonly memory: ArrayBufferLike;
  readonly #giveBack: (memory: ArrayBufferLike) => void;
  /** One for whoever is still handing out batches. */
  #uses = 1;

  constructor(memory: ArrayBufferLike, giveBack: (memory: ArrayBufferLike) => void) {
    this.memory = memory;
    this.#giveBack = giveBack;
  }

  retain(): void {
    assert.ok(this.#uses > 0, 'a frame that was given back is not used again');
    this.#uses += 1;
  }

  release(): void {
    this.#uses -= 1;
    assert.ok(this.#uses >= 0, 'each use of a frame ends once');
    if (this.#uses === 0) this.#giveBack(this.memory);
  }
}
