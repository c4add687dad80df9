import type { ExecOptions } from "../../contract/process.ts";
import type { InputPump } from "./input-pump.ts";

/**
 * Feeds a command's whole input and its end. An iterable is asked for more only when the last chunk has been
 * sent, and is closed when the command takes no more. `onError` gets what the iterable throws.
 */
export function feedInput(
  pump: InputPump,
  input: NonNullable<ExecOptions["input"]>,
  onError: (error: unknown) => void,
): void {
  if (typeof input === "string" || input instanceof Uint8Array) {
    pump.push(typeof input === "string" ? Buffer.from(input, "utf8") : input);
    pump.end();
    return;
  }
  void feedIterable(pump, input[Symbol.asyncIterator](), onError);
}

async function feedIterable(
  pump: InputPump,
  iterator: AsyncIterator<Uint8Array>,
  onError: (error: unknown) => void,
): Promise<void> {
  // Not awaited: a generator that waits for something returns only when that has come. Nobody is left to hear
  // of a failure in its clean-up.
  pump.onClosed = () => void Promise.resolve(iterator.return?.()).catch(() => undefined);
  try {
    while (!pump.closed) {
      const next = await iterator.next();
      if (pump.closed) return;
      if (next.done === true) {
        pump.onClosed = undefined;
        pump.end();
        return;
      }
      const bytes: unknown = next.value;
      if (!(bytes instanceof Uint8Array) && typeof bytes !== "string") {
        throw new TypeError("input yields something that is neither bytes nor a string");
      }
      await pump.write(typeof bytes === "string" ? Buffer.from(bytes, "utf8") : bytes).catch(() => {
        // The command takes no more input, which is not an error of it; the loop ends.
      });
    }
  } catch (error) {
    if (!pump.closed) onError(error);
  }
}
