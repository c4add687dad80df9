/** One after the other, by name. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  /** Settles when it is one's turn, which lasts until it is disposed. */
  async take(name: string): Promise<Disposable> {
    const before = this.#last.get(name);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last.set(name, promise);
    await before;
    return {
      [Symbol.dispose]: () => {
        if (this.#last.get(name) === promise) this.#last.delete(name);
        resolve();
      },
    };
  }
}
