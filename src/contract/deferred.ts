/** A promise that is settled from outside: as Promise.withResolvers, which Node 18 to 21, by which a daemon may run, lack. */
export interface Deferred<Value> {
  readonly promise: Promise<Value>;
  readonly resolve: (value: Value | PromiseLike<Value>) => void;
  readonly reject: (reason: unknown) => void;
}

export function deferred<Value>(): Deferred<Value> {
  let settle: Omit<Deferred<Value>, "promise"> | undefined;
  const promise = new Promise<Value>((resolve, reject) => {
    settle = { resolve, reject };
  });
  // The function of a promise is called before its constructor returns.
  return { promise, ...settle! };
}
