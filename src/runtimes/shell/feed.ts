import type { ScriptRun } from "./script-run.ts";

/**
 * Writes a run's whole input and its end, with backpressure. An iterable is closed when the run takes no more;
 * a command that ends without reading its input is not an error.
 * @throws what the iterable throws; the end of the input is then not sent
 */
export async function feed(
  run: ScriptRun,
  input: string | Uint8Array | AsyncIterable<Uint8Array | string> | undefined,
  onProgress?: () => void,
): Promise<void> {
  const { stdin } = run;
  if (input === undefined || typeof input === "string" || input instanceof Uint8Array) {
    stdin.end(input);
    return;
  }
  const iterator = input[Symbol.asyncIterator]();
  let over = false;
  const finish = () => {
    if (over) return;
    over = true;
    // Not awaited: a generator that waits for something returns only when that has come. Nobody is left to hear
    // of a failure in its clean-up.
    void Promise.resolve(iterator.return?.()).catch(() => undefined);
  };
  run.ended.then(finish, finish);
  while (!over) {
    run.starved = true;
    const next = await iterator.next();
    run.starved = false;
    onProgress?.();
    if (over) return;
    if (next.done === true) {
      over = true;
      stdin.end();
      return;
    }
    const bytes: unknown = next.value;
    if (!(bytes instanceof Uint8Array) && typeof bytes !== "string") {
      throw new TypeError("input yields something that is neither bytes nor a string");
    }
    if (stdin.destroyed) finish();
    else if (!stdin.write(bytes)) await drained(run);
    onProgress?.();
  }
}

/** Settles when the command takes more input, or never will. */
function drained(run: ScriptRun): Promise<void> {
  const { stdin } = run;
  return new Promise((resolve) => {
    const done = () => {
      for (const event of ["drain", "close", "error"]) stdin.off(event, done);
      resolve();
    };
    for (const event of ["drain", "close", "error"]) stdin.once(event, done);
    run.ended.then(done, done);
  });
}
