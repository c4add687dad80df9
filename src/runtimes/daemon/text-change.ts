import { berthError } from "../../contract/errors.ts";
import type { ChangedFile, FileChange } from "../../contract/text.ts";
import type { ParamsInput } from "../../wire/messages.ts";
import type { WireClient, WireStream } from "../../wire/types.ts";
import { requireText } from "./features.ts";
import { abortedError, isDisconnect, type Link } from "./link.ts";

/**
 * So long a connection is sought to ask again for an answer that was lost with it. The daemon keeps answers for longer, but
 * may forget those of other users' files after a minute.
 */
const ASK_AGAIN_MS = 30_000;
const MAX_REPEATS = 3;
/** Sent at once, as far as the window allows. */
const PORTION_BYTES = 256 * 1024;

/** A change as it is sent: what is in the REQUEST, and the bytes behind it. */
export interface ChangeRequest {
  readonly params: ParamsInput<"fs.change">;
  readonly parts: readonly Uint8Array[];
}

/** The bytes of a change: the content, or its edits as JSON. */
export function changeBytes(change: FileChange): Uint8Array {
  if (change.type === "write") return Buffer.from(change.content, "utf8");
  return change.type === "edit" ? Buffer.from(JSON.stringify(change.edits), "utf8") : Buffer.alloc(0);
}

/**
 * Makes a change once, in one round trip. When the connection is lost before the answer, the same request is sent again: it
 * gets the answer of the first one if that had arrived whole. Only a daemon that has ended meanwhile can't tell.
 * @throws edit.outcome_unknown, wire.feature_unknown
 */
export async function change(
  link: Link,
  request: ChangeRequest,
  signal: AbortSignal | undefined,
): Promise<ChangedFile[]> {
  /** The daemon that may have made it. */
  let asked: string | undefined;
  for (let repeats = 0; ; repeats++) {
    const client =
      link.client ?? (asked === undefined ? await link.connect(signal) : await again(link, signal));
    if (asked !== undefined && client.hello.bootId !== asked) throw link.explain(outcomeUnknown());
    let sent = false;
    try {
      requireText(client.hello);
      return await changeOnce(client, request, signal, link.description, () => {
        sent = true;
      });
    } catch (error) {
      if (!isDisconnect(error, client)) throw link.explain(error);
      if (sent) asked = client.hello.bootId;
      if (signal?.aborted) throw abortedError(signal, link.description);
      if (repeats === MAX_REPEATS) throw link.explain(asked === undefined ? error : outcomeUnknown(error));
    }
  }
}

async function again(link: Link, signal: AbortSignal | undefined): Promise<WireClient> {
  const limit = AbortSignal.timeout(ASK_AGAIN_MS);
  const both = signal === undefined ? limit : AbortSignal.any([signal, limit]);
  try {
    return await link.reconnect(both);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw link.explain(outcomeUnknown(error));
  }
}

function outcomeUnknown(cause?: unknown): Error {
  return berthError("edit.outcome_unknown", { hop: "transport", cause });
}

/** `onSent` is called when the request is about to be whole. */
async function changeOnce(
  client: WireClient,
  { params, parts }: ChangeRequest,
  signal: AbortSignal | undefined,
  description: string,
  onSent: () => void,
): Promise<ChangedFile[]> {
  if (signal?.aborted) throw abortedError(signal, description);
  const answer = Promise.withResolvers<void>();
  answer.promise.catch(() => {});
  const files: ChangedFile[] = [];
  const take = (value: unknown) => {
    const part = (value as { readonly files?: unknown } | null)?.files;
    if (!Array.isArray(part)) throw berthError("wire.protocol_error", { message: "the answer has no files" });
    for (const file of part as ChangedFile[]) {
      // As they were asked for: a runner may know them by others.
      const asked = params.changes[files.length];
      const moved = asked?.moveTo === undefined ? {} : { movedTo: asked.moveTo };
      files.push({ ...file, path: asked?.path ?? file.path, ...moved });
    }
  };
  let room: PromiseWithResolvers<void> | undefined;
  const stream: WireStream = client.request("fs.change", params, {
    onEvent: take,
    onResponse: (result) => {
      take(result);
      answer.resolve();
    },
    onReset: (error) => {
      answer.reject(error);
      room?.resolve();
    },
    onEnd: () => answer.reject(berthError("wire.protocol_error", { message: "the answer is missing" })),
    onWritable: () => room?.resolve(),
  });
  const onAbort = () => {
    const error = abortedError(signal, description);
    if (!stream.closed) stream.reset(error);
    answer.reject(error);
    room?.resolve();
  };
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    for (const part of parts) {
      for (let at = 0; at < part.length && !stream.closed; ) {
        const size = Math.min(stream.writable(), PORTION_BYTES, part.length - at);
        if (size > 0) {
          stream.data(part.subarray(at, at + size));
          at += size;
          continue;
        }
        room = Promise.withResolvers();
        await room.promise;
      }
    }
    if (!stream.closed) {
      onSent();
      stream.end();
    }
    await answer.promise;
    return files;
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}
