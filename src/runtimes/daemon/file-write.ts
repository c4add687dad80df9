import { berthError } from "../../contract/errors.ts";
import type { FileWriter, WriteResult } from "../../contract/files.ts";
import type { ParamsInput } from "../../wire/messages.ts";
import type { HeldLink } from "./bulk-link.ts";
import { abortedError, type Link } from "./link.ts";
import { StreamWriter } from "./stream-writer.ts";

/** A whole file: one request, and one round trip when it fits the window. Any failure leaves the old content. */
export async function writeWhole(
  link: Link,
  params: ParamsInput<"fs.write">,
  data: Uint8Array | AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<WriteResult> {
  const client = link.client ?? (await link.connect(signal));
  if (signal?.aborted) throw abortedError(signal, link.description);
  const writer = new StreamWriter((handler) => client.request("fs.write", params, handler));
  const onAbort = () => writer.abort(abortedError(signal, link.description));
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    if (data instanceof Uint8Array) await writer.write(data);
    else for await (const chunk of data) await writer.write(chunk);
    return writeResult(await writer.finish());
  } catch (error) {
    const explained = link.explain(error);
    writer.abort(explained);
    throw explained;
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

/** A file that is written piece by piece, and is visible from `close()` on. */
export class RemoteFileWriter implements FileWriter {
  readonly #held: HeldLink;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort: () => void;
  #writer: Promise<StreamWriter>;
  #closed: Promise<WriteResult> | undefined;
  #disposed = false;

  constructor(held: HeldLink, params: ParamsInput<"fs.write">, signal: AbortSignal | undefined) {
    this.#held = held;
    this.#signal = signal;
    const { link } = held;
    this.#writer = this.#open(params);
    this.#writer.catch(() => undefined);
    this.#onAbort = () => this.#abort(abortedError(signal, link.description));
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (signal?.aborted) this.#onAbort();
  }

  async #open(params: ParamsInput<"fs.write">): Promise<StreamWriter> {
    const { link } = this.#held;
    const client = link.client ?? (await link.connect(this.#signal));
    return new StreamWriter((handler) => client.request("fs.write", params, handler));
  }

  async write(data: string | Uint8Array): Promise<void> {
    if (this.#closed !== undefined || this.#disposed) throw this.#closedError();
    try {
      await (await this.#writer).write(typeof data === "string" ? Buffer.from(data, "utf8") : data);
    } catch (error) {
      throw this.#held.link.explain(error);
    }
  }

  close(): Promise<WriteResult> {
    if (this.#disposed && this.#closed === undefined) return Promise.reject(this.#closedError());
    this.#closed ??= this.#finish();
    return this.#closed;
  }

  async #finish(): Promise<WriteResult> {
    try {
      return writeResult(await (await this.#writer).finish());
    } catch (error) {
      throw this.#held.link.explain(error);
    } finally {
      this.#release();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    if (this.#closed === undefined) {
      this.#abort(berthError("operation.aborted"));
      this.#release();
    } else {
      // `close()` has given its failure to whoever called it.
      await this.#closed.catch(() => undefined);
    }
  }

  #abort(error: ReturnType<typeof berthError>): void {
    void this.#writer.then(
      (writer) => writer.abort(error),
      () => undefined,
    );
  }

  #release(): void {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#held[Symbol.dispose]();
  }

  #closedError() {
    return berthError("operation.aborted", {
      message: "the file was closed already",
      runtime: this.#held.link.description,
    });
  }
}

function writeResult(value: unknown): WriteResult {
  const result = value as Partial<WriteResult> | null | undefined;
  return {
    atomic: result?.atomic === true,
    bytes: typeof result?.bytes === "number" ? result.bytes : 0,
  };
}
