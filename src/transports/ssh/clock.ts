/** Time, so that tests can make it pass. */
export interface Clock {
  /** Milliseconds since 1970, which never go back: a corrected clock of the machine does not shift a wait. */
  now(): number;
  /** Calls once later; the function that is returned stops it. `background` does not keep the process alive. */
  after(milliseconds: number, call: () => void, options?: { readonly background?: boolean }): () => void;
}

export const systemClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
  after: (milliseconds, call, options = {}) => {
    const timer = setTimeout(call, milliseconds);
    if (options.background) timer.unref();
    return () => clearTimeout(timer);
  },
};
