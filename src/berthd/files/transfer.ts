import { fileError } from "../../contract/errors.ts";
import type { TransferProgress } from "../../contract/files.ts";
import { errnoOf, fileType } from "../../files/stat.ts";
import { extractTree } from "../../files/tar-extract.ts";
import { packTree, type SkippedEntry } from "../../files/tar-pack.ts";
import type { Params } from "../../wire/messages.ts";
import type { WireStream } from "../../wire/types.ts";
import type { FileContext } from "./context.ts";
import { makeParents, statSpot } from "./metadata.ts";
import { Incoming, Outgoing } from "./stream-life.ts";
import { resolveTarget } from "./write-target.ts";

/** Entries that are told about one by one; of more only these. */
const MAX_SKIPPED = 100;

/** fs.upload: a tar in DATA frames, END; RESPONSE { files, bytes, skipped }. */
export async function upload(
  context: FileContext,
  params: Params<"fs.upload">,
  stream: WireStream,
): Promise<void> {
  const incoming = new Incoming(stream);
  const skipped: SkippedEntry[] = [];
  let result: Pick<TransferProgress, "files" | "bytes">;
  const absolute = context.absolute(params.path);
  const calls = context.calls(params, absolute);
  try {
    const spot = await context.spot(calls, params, absolute, { follow: true, createParents: true });
    try {
      let place = spot;
      if (!spot.pinned) {
        await makeParents(calls, spot.at);
        // A link to a directory is entered; one to a file is kept and its target replaced.
        const target = await resolveTarget(calls, spot).catch((error: unknown) => {
          if (errnoOf(error) === "EISDIR") return undefined;
          throw error;
        });
        if (target !== undefined) place = { ...spot, at: target.at, sibling: target.sibling };
      }
      result = await extractTree(calls, place, received(incoming), {
        temporaries: context.temporaries,
        onSkipped: (entry) => {
          if (skipped.length < MAX_SKIPPED) skipped.push(entry);
        },
      });
    } finally {
      spot.release();
    }
  } catch (error) {
    if (incoming.aborted) return;
    throw fileError(error, params.path);
  }
  stream.respond({ ...result, skipped });
  stream.end();
}

/** The client's bytes, each batch with its credit given back when the next is asked for. */
async function* received(incoming: Incoming): AsyncGenerator<Uint8Array> {
  for (;;) {
    const chunks = await incoming.take();
    if (chunks === undefined) return;
    yield* chunks;
    incoming.done(chunks);
  }
}

/** fs.download: RESPONSE { type, totalBytes? }, a tar in DATA frames, EVENT { skipped } if any, END. */
export async function download(
  context: FileContext,
  params: Params<"fs.download">,
  stream: WireStream,
): Promise<void> {
  const outgoing = new Outgoing(stream);
  const skipped: SkippedEntry[] = [];
  await context.at(params, params.path, { follow: true }, async (spot, calls) => {
    const stats = await statSpot(calls, spot, true);
    // The packer opens without following: what the link at the end points to has a path of its own.
    const at = spot.pinned ? spot.at : await calls.realpath(spot.at);
    stream.respond({ type: fileType(stats), ...(stats.isFile() ? { totalBytes: stats.size } : {}) });
    const chunks = packTree(calls, at, {
      cancellation: outgoing,
      onSkipped: (entry) => {
        if (skipped.length < MAX_SKIPPED) skipped.push(entry);
      },
    });
    for await (const parts of chunks) {
      await outgoing.writable();
      if (outgoing.aborted) return;
      stream.data(...parts);
    }
  });
  if (outgoing.aborted) return;
  if (skipped.length > 0) stream.event({ skipped });
  stream.end();
}
