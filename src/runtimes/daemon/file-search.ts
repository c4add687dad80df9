import { berthError } from "../../contract/errors.ts";
import type { SearchedFile, SearchResult } from "../../contract/text.ts";
import type { ParamsInput } from "../../wire/messages.ts";
import type { WireClient, WireStream } from "../../wire/types.ts";
import { requireSearch } from "./features.ts";
import { abortedError, isDisconnect, type Link } from "./link.ts";

/** A search reads only: it is begun again so often when the connection was lost. */
const MAX_REPEATS = 2;

/** One fs.search. @throws search.pattern_invalid, operation.timeout, wire.feature_unknown, and what files throw */
export async function searchPlace(
  link: Link,
  params: ParamsInput<"fs.search">,
  signal: AbortSignal | undefined,
): Promise<SearchResult> {
  for (let repeats = 0; ; repeats++) {
    const client = link.client ?? (await link.connect(signal));
    try {
      requireSearch(client.hello);
      return await searchOnce(client, params, signal, link.description);
    } catch (error) {
      const again = repeats < MAX_REPEATS && isDisconnect(error, client) && !signal?.aborted;
      if (!again) throw link.explain(error);
    }
  }
}

function searchOnce(
  client: WireClient,
  params: ParamsInput<"fs.search">,
  signal: AbortSignal | undefined,
  description: string,
): Promise<SearchResult> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(abortedError(signal, description));
      return;
    }
    const files: SearchedFile[] = [];
    const take = (value: unknown) => {
      const part = (value as { readonly files?: unknown } | null)?.files;
      if (!Array.isArray(part))
        throw berthError("wire.protocol_error", { message: "the answer has no files" });
      for (const file of part as SearchedFile[]) {
        const last = files.at(-1);
        if (last?.path !== file.path) files.push(file);
        else files[files.length - 1] = { ...last, lines: [...last.lines, ...file.lines] };
      }
    };
    const onAbort = () => {
      const error = abortedError(signal, description);
      if (!stream.closed) stream.reset(error);
      reject(error);
    };
    const done = () => signal?.removeEventListener("abort", onAbort);
    const stream: WireStream = client.request("fs.search", params, {
      onEvent: take,
      onResponse: (answer) => {
        done();
        take(answer);
        resolve({ ...(answer as SearchResult), files });
      },
      onReset: (error) => {
        done();
        reject(error);
      },
      onEnd: () => {
        done();
        reject(berthError("wire.protocol_error", { message: "fs.search ended without an answer" }));
      },
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
