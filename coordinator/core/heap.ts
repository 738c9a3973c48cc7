/** A binary heap: the least element by `before` comes first. Ties are broken by the caller. */
export class Heap<T> {
  readonly #elements: T[] = [];
  readonly #before: (a: T, b: T) => boolean;

  constructor(before: (a: T, b: T) => boolean, elements: Iterable<T> = []) {
    this.#before = before;
    for (const element of elements) this.push(element);
  }

  peek(): T | undefined {
    return this.#elements[0];
  }

  push(element: T): void {
    this.#elements.push(element);
    this.#siftUp(this.#elements.length - 1);
  }

  pop(): T | undefined {
    const first = this.#elements[0];
    const last = this.#elements.pop();
    if (last !== undefined && this.#elements.length > 0) {
      this.#elements[0] = last;
      this.#siftDown();
    }
    return first;
  }

  #siftUp(start: number): void {
    const elements = this.#elements;
    const moving = elements[start] as T;
    let index = start;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#before(moving, elements[parent] as T)) break;
      elements[index] = elements[parent] as T;
      index = parent;
    }
    elements[index] = moving;
  }

  #siftDown(): void {
    const elements = this.#elements;
    const moving = elements[0] as T;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= elements.length) break;
      if (
        child + 1 < elements.length &&
        this.#before(elements[child + 1] as T, elements[child] as T)
      )
        child += 1;
      if (!this.#before(elements[child] as T, moving)) break;
      elements[index] = elements[child] as T;
      index = child;
    }
    elements[index] = moving;
  }
}
