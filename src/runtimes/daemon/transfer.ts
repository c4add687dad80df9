import { resolve } from "node:path";
import { berthError, fileError } from "../../contract/errors.ts";
import type { TransferOptions, TransferProgress } from "../../contract/files.ts";
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
  { link, events }: TransferLinks,
  local: string,
  params: ParamsInput<"fs.upload">,
  options: TransferOptions,
): Promise<TransferProgress> {
  const { signal, onProgress } = options;
  const at = await localPath(resolve(local), true);
  const client = link.client ?? (await link.connect(signal));
  if (signal?.aborted) throw abortedError(signal, link.description);
  const writer = new StreamWriter((handler) => client.request("fs.upload", params, handler));
  const onAbort = () => writer.abort(abortedError(signal, link.description));
  signal?.addEventListener("abort", onAbort, { once: true });
  const chunks = packTree(new FileCalls(threads, at), at, {
    cancellation: {
      get aborted() {
        return writer.failed;
      },
    },
    onSkipped: (entry) => reportSkipped(events, [entry]),
    ...(onProgress === undefined ? {} : { onProgress }),
  });
  try {
    for await (const parts of chunks) for (const part of parts) await writer.write(part);
    return progress(events, await writer.finish());
  } catch (error) {
    const explained = link.explain(fileError(error, local, "client"));
    writer.abort(explained);
    throw explained;
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

/** Has a file or tree of the place packed and unpacks it here, as it comes. */
export async function download(
  { link, events }: TransferLinks,
  params: ParamsInput<"fs.download">,
  local: string,
  options: TransferOptions,
): Promise<TransferProgress> {
  const { signal, onProgress } = options;
  const client = link.client ?? (await link.connect(signal));
  const reader = new StreamReader(
    (handler) => client.request("fs.download", params, handler),
    berthError("operation.aborted"),
  );
  reader.onExtra = (value) => reportSkipped(events, (value as { skipped?: unknown } | null)?.skipped);
  const onAbort = () => reader.abort(abortedError(signal, link.description));
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted) onAbort();
  try {
    const { totalBytes } = ((await reader.opened) ?? {}) as { totalBytes?: number };
    const at = await localPath(resolve(local), false);
    const result = await extractTree(new FileCalls(threads, at), spotOf(at), reader, {
      temporaries,
      modeMask: DOWNLOAD_MODE_MASK,
      onSkipped: (entry) => reportSkipped(events, [entry]),
      ...(onProgress === undefined
        ? {}
        : { onProgress: (done: TransferProgress) => onProgress({ totalBytes, ...done }) }),
    });
    return { bytes: result.bytes, files: result.files, totalBytes };
  } catch (error) {
    throw link.explain(fileError(error, local, "client"));
  } finally {
    signal?.removeEventListener("abort", onAbort);
    await reader.return();
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
