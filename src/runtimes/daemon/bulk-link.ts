import { Link, type LinkOptions } from "./link.ts";

/** The extra connection is closed when nothing was transferred for so long. */
const IDLE_MS = 30_000;

/** A link that is held for one transfer. */
export interface HeldLink extends Disposable {
  readonly link: Link;
}

/**
 * Where bulk transfers go: a connection of their own, dialled with the first one and closed when idle, so that
 * they don't stand in the way of commands. Where dialling is not cheap it is the main link.
 */
export class BulkLink {
  readonly #main: Link;
  readonly #options: LinkOptions;
  readonly #isCheap: () => boolean;
  #link: Link | undefined;
  #users = 0;
  #idle: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param isCheap whether dialling is; else everything goes over `main` */
  constructor(main: Link, options: LinkOptions, isCheap: () => boolean) {
    this.#main = main;
    this.#options = options;
    this.#isCheap = isCheap;
  }

  hold(): HeldLink {
    if (this.#closed || !this.#isCheap()) return { link: this.#main, [Symbol.dispose]() {} };
    clearTimeout(this.#idle);
    const { dial } = this.#options;
    this.#link ??= new Link({
      ...this.#options,
      onEvent: undefined,
      dial: (options) => dial({ ...options, purpose: "bulk" }),
    });
    const link = this.#link;
    this.#users++;
    let held = true;
    const release = () => {
      if (!held) return;
      held = false;
      this.#users--;
      if (this.#users > 0 || this.#closed) return;
      this.#idle = setTimeout(() => {
        link.close();
        if (this.#link === link) this.#link = undefined;
      }, IDLE_MS);
      this.#idle.unref();
    };
    return { link, [Symbol.dispose]: release };
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#idle);
    this.#link?.close();
    this.#link = undefined;
  }
}
