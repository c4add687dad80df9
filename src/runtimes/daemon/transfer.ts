import { resolve } from "node:path";
import { berthError, fileError } from "../../contract/errors.ts";
import type { FileOptions, TransferOptions, TransferProgress } from "../../contract/files.ts";
import { FileCalls } from "../../files/calls.ts";
import { extractTree } from "../../files/tar-extract.ts";
import { packTree } from "../../files/tar-pack.ts";
import type { ParamsInput } from "../../wire/messages.ts";
import { DOWNLOAD_MODE_MASK, localPath, spotOf, temporaries, threads } from "../common/transfer.ts";
import { abortedError, type Link } from "./link.ts";
import { StreamReader } from "./stream-reader.ts";
import { StreamWriter } from "./stream-writer.ts";

/** The connection that a transfer takes, and the one whose events the caller gets. */
interface TransferLinks {
  readonly link: Link;
  readonly events: Link;
}

/** Packs a local file or tree and has it unpacked in the place, as it is read. */
export async function upload(
  links: TransferLinks,
  local: string,
  params: ParamsInput<"fs.upload">,
  options: TransferOptions,
): Promise<TransferProgress> {
  const { onProgress } = options;
  const at = await localPath(resolve(local), true);
  const pack = (cancellation: { readonly aborted: boolean }) =>
    packTree(new FileCalls(threads, at), at, {
      cancellation,
      onSkipped: (entry) => reportSkipped(links.events, [entry]),
      ...(onProgress === undefined ? {} : { onProgress }),
    });
  return await send(links, pack, params, { ...options, path: local });
}

/** Has an archive unpacked in the place, as it comes. */
export async function writeArchive(
  links: TransferLinks,
  archive: AsyncIterable<Uint8Array>,
  params: ParamsInput<"fs.upload">,
  options: FileOptions,
): Promise<TransferProgress> {
  return await send(links, () => eachAlone(archive), params, { ...options, path: params.path });
}

async function* eachAlone(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<readonly Uint8Array[]> {
  for await (const chunk of chunks) yield [chunk];
}

async function send(
  { link, events }: TransferLinks,
  chunks: (cancellation: { readonly aborted: boolean }) => AsyncIterable<readonly Uint8Array[]>,
  params: ParamsInput<"fs.upload">,
  { signal, path }: FileOptions & { readonly path: string },
): Promise<TransferProgress> {
  const client = link.client ?? (await link.connect(signal));
  if (signal?.aborted) throw abortedError(signal, link.description);
  const writer = new StreamWriter((handler) => client.request("fs.upload", params, handler));
  const onAbort = () => writer.abort(abortedError(signal, link.description));
  signal?.addEventListener("abort", onAbort, { once: true });
  const cancellation = {
    get aborted() {
      return writer.failed;
    },
  };
  try {
    for await (const parts of chunks(cancellation)) for (const part of parts) await writer.write(part);
    return progress(events, await writer.finish());
  } catch (error) {
    const explained = link.explain(fileError(error, path, "client"));
    writer.abort(explained);
    throw explained;
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

/** Has a file or tree of the place packed and unpacks it here, as it comes. */
export async function download(
  links: TransferLinks,
  params: ParamsInput<"fs.download">,
  local: string,
  options: TransferOptions,
): Promise<TransferProgress> {
  const { onProgress } = options;
  await using received = await receive(links, params, options);
  const { reader, totalBytes } = received;
  try {
    const at = await localPath(resolve(local), false);
    const result = await extractTree(new FileCalls(threads, at), spotOf(at), reader, {
      temporaries,
      modeMask: DOWNLOAD_MODE_MASK,
      onSkipped: (entry) => reportSkipped(links.events, [entry]),
      ...(onProgress === undefined
        ? {}
        : { onProgress: (done: TransferProgress) => onProgress({ totalBytes, ...done }) }),
    });
    return { bytes: result.bytes, files: result.files, totalBytes };
  } catch (error) {
    throw links.link.explain(fileError(error, local, "client"));
  }
}

/** Has a file or tree of the place packed, as it is read. */
export async function* readArchive(
  links: TransferLinks,
  params: ParamsInput<"fs.download">,
  options: FileOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  await using received = await receive(links, params, options);
  try {
    yield* received.reader;
  } catch (error) {
    throw links.link.explain(fileError(error, params.path, "client"));
  }
}

/** An archive that has begun to come; disposing ends it. */
async function receive(
  { link, events }: TransferLinks,
  params: ParamsInput<"fs.download">,
  { signal }: FileOptions,
): Promise<AsyncDisposable & { readonly reader: StreamReader; readonly totalBytes: number | undefined }> {
  const client = link.client ?? (await link.connect(signal));
  const reader = new StreamReader(
    (handler) => client.request("fs.download", params, handler),
    berthError("operation.aborted"),
  );
  reader.onExtra = (value) => reportSkipped(events, (value as { skipped?: unknown } | null)?.skipped);
  const onAbort = () => reader.abort(abortedError(signal, link.description));
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted) onAbort();
  const end = async () => {
    signal?.removeEventListener("abort", onAbort);
    await reader.return();
  };
  try {
    const { totalBytes } = ((await reader.opened) ?? {}) as { totalBytes?: number };
    return { reader, totalBytes, [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw link.explain(fileError(error, params.path, "client"));
  }
}

function progress(events: Link, answer: unknown): TransferProgress {
  const { files, bytes, skipped } = (answer ?? {}) as { files?: number; bytes?: number; skipped?: unknown };
  reportSkipped(events, skipped);
  return { files: files ?? 0, bytes: bytes ?? 0 };
}

/** What a transfer left out is an event: the transfer itself has not failed. */
function reportSkipped(events: Link, skipped: unknown): void {
  if (!Array.isArray(skipped)) return;
  for (const { path, reason } of skipped as { path: string; reason: string }[]) {
    events.emit({
      type: "transfer.skipped",
      message: `${path} was left out: ${reason}`,
      data: { path, reason },
    });
  }
}
