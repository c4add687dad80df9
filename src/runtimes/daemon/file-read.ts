import { type BerthError, berthError } from "../../contract/errors.ts";
import type { ParamsInput } from "../../wire/messages.ts";
import type { WireClient, WireStream } from "../../wire/types.ts";
import { abortedError, isDisconnect, type Link } from "./link.ts";

const MAX_REPEATS = 2;

/**
 * A whole file or range in one request. Reading is repeated from the start when the connection is lost.
 */
export async function readWhole(
  link: Link,
  params: ParamsInput<"fs.read">,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  for (let repeats = 0; ; repeats++) {
    const client = link.client ?? (await link.connect(signal));
    try {
      return await readOnce(client, params, signal, link.description);
    } catch (error) {
      if (repeats < MAX_REPEATS && isDisconnect(error, client) && !signal?.aborted) continue;
      throw link.explain(error);
    }
  }
}

function readOnce(
  client: WireClient,
  params: ParamsInput<"fs.read">,
  signal: AbortSignal | undefined,
  description: string,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(abortedError(signal, description));
      return;
    }
    const chunks: Uint8Array[] = [];
    let length = 0;
    const stop = (error: BerthError) => {
      if (!stream.closed) stream.reset(error);
      reject(error);
    };
    const onAbort = () => stop(abortedError(signal, description));
    const stream: WireStream = client.request("fs.read", params, {
      onData: (chunk) => {
        chunks.push(chunk);
        length += chunk.length;
        if (length > (params.maxBytes ?? Number.POSITIVE_INFINITY)) {
          stop(berthError("fs.too_large", { context: { path: params.path } }));
          return;
        }
        stream.consumed(chunk.length);
      },
      onEnd: () => {
        signal?.removeEventListener("abort", onAbort);
        resolve(joined(chunks, length));
      },
      onReset: (error) => {
        signal?.removeEventListener("abort", onAbort);
        reject(error);
      },
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** One array of its own, so that no receive buffer stays in memory with it. */
function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
