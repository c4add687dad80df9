import { berthError } from "../../contract/errors.ts";
import type { TextLine, TextRead } from "../../contract/text.ts";
import type { ParamsInput } from "../../wire/messages.ts";
import type { WireClient } from "../../wire/types.ts";
import { requireText } from "./features.ts";
import { abortedError, isDisconnect, type Link } from "./link.ts";
import { StreamReader } from "./stream-reader.ts";

const MAX_REPEATS = 2;

/**
 * Lines of a text file, in one request. Reading is repeated when the connection is lost.
 * @throws wire.feature_unknown
 */
export async function readText(
  link: Link,
  params: ParamsInput<"fs.readText">,
  signal: AbortSignal | undefined,
): Promise<TextRead> {
  for (let repeats = 0; ; repeats++) {
    const client = link.client ?? (await link.connect(signal));
    try {
      requireText(client.hello);
      return await readOnce(client, params, signal, link.description);
    } catch (error) {
      if (repeats < MAX_REPEATS && isDisconnect(error, client) && !signal?.aborted) continue;
      throw link.explain(error);
    }
  }
}

async function readOnce(
  client: WireClient,
  params: ParamsInput<"fs.readText">,
  signal: AbortSignal | undefined,
  description: string,
): Promise<TextRead> {
  if (signal?.aborted) throw abortedError(signal, description);
  const reader = new StreamReader(
    (handler) => client.request("fs.readText", params, handler),
    berthError("operation.aborted"),
  );
  const onAbort = () => reader.abort(abortedError(signal, description));
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    const chunks: Uint8Array[] = [];
    for await (const chunk of reader) chunks.push(chunk);
    const facts = (await reader.opened) as Facts;
    return decoded(params.path, facts, Buffer.concat(chunks));
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

/** The RESPONSE: what TextRead says but for the lines and the bytes of an image, which come as DATA. */
type Facts = Omit<Extract<TextRead, { kind: "text" }>, "path" | "lines" | "kind"> & {
  readonly kind: TextRead["kind"];
  readonly firstLine?: number;
  readonly hasData?: boolean;
  readonly mediaType?: string;
};

function decoded(path: string, facts: Facts, data: Buffer): TextRead {
  const { kind, size, mtimeMs, version, mediaType } = facts;
  const looked = { path, size, mtimeMs, version };
  if (kind === "image") {
    const image = { ...looked, kind, mediaType: mediaType ?? "application/octet-stream" };
    return facts.hasData === true ? { ...image, data: new Uint8Array(data) } : image;
  }
  if (kind === "binary") return { ...looked, kind, ...(mediaType === undefined ? {} : { mediaType }) };
  const { totalLines, nextLine, lineEnd, finalLineEnd, byteOrderMark, invalidUtf8, firstLine = 1 } = facts;
  const rows = JSON.parse(data.toString("utf8")) as readonly (string | readonly [string, number])[];
  const lines = rows.map((row, index): TextLine => {
    const number = firstLine + index;
    return typeof row === "string" ? { number, text: row } : { number, text: row[0], cutBytes: row[1] };
  });
  return {
    ...looked,
    kind: "text",
    lines,
    totalLines,
    ...(nextLine === undefined ? {} : { nextLine }),
    lineEnd,
    finalLineEnd,
    byteOrderMark,
    invalidUtf8,
  };
}
