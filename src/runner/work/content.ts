import type { IncomingHttpHeaders } from "node:http";
import { berthError, isBerthError } from "../../contract/errors.ts";
import type { FileStat } from "../../contract/files.ts";
import type { RunnerContext } from "../context.ts";
import type { Handlers } from "../handlers.ts";
import { attachment, contentTypeOf } from "./content-type.ts";
import { changedError, filesOf, type OpenFiles } from "./files.ts";
import { primed } from "./primed.ts";
import { type ByteRange, etagOf, hasEtag, rangeOf } from "./ranges.ts";
import { Turns } from "./turns.ts";

/** Up to here content is collected and written by one request. */
const SMALL_BYTES = 256 * 1024;

/** Whole files and their ranges. */
export function contentHandlers(context: RunnerContext): Handlers<"readFile" | "writeFile"> {
  /** Writes with a precondition of the same path: one after the other. */
  const turns = new Turns();
  return {
    readFile: async (call) => {
      const { query, headers, signal } = call;
      const files = await filesOf(context, call, query);
      try {
        const stat = await files.fs.stat(query.path, files.options);
        const etag = etagOf(stat);
        const about: Record<string, string> = {
          etag,
          "last-modified": new Date(stat.mtimeMs).toUTCString(),
          "accept-ranges": "bytes",
          "content-type": contentTypeOf(query.path),
          ...(query.download ? { "content-disposition": attachment(nameOf(query.path)) } : {}),
        };
        const { "if-match": match, "if-none-match": noneMatch } = headers;
        if (match !== undefined && !hasEtag(match, etag)) throw changedError(query.path);
        if (noneMatch !== undefined && hasEtag(noneMatch, etag)) {
          files[Symbol.dispose]();
          const unchanged: Record<string, string> = { etag };
          return { status: 304, headers: unchanged };
        }
        const range = isSized(stat) ? askedRange(headers, stat, etag, query.path) : undefined;
        const bytes = read(files, query, stat, range);
        const stream = await primed(bytes, () => files[Symbol.dispose]());
        signal.addEventListener("abort", () => files[Symbol.dispose](), { once: true });
        if (range !== undefined) {
          const { start, end } = range;
          about["content-length"] = String(end - start + 1);
          about["content-range"] = `bytes ${start}-${end}/${stat.size}`;
          return { status: 206, stream, headers: about };
        }
        if (isSized(stat)) about["content-length"] = String(stat.size);
        return { status: 200, stream, headers: about };
      } catch (error) {
        files[Symbol.dispose]();
        throw error;
      }
    },
    writeFile: async (call) => {
      const { query, headers, stream } = call;
      const { path, mode, durable } = query;
      using files = await filesOf(context, call, query);
      const { fs, options } = files;
      const conditional = headers["if-match"] !== undefined || headers["if-none-match"] !== undefined;
      const check = () => requireUnchanged(files, path, headers);
      if (conditional) await check();
      await using stack = new AsyncDisposableStack();
      // Checked again when all of it is there, so that of two writers with one tag only one succeeds.
      const body = conditional
        ? followedBy(stream, async () => {
            stack.use(await turns.take(`${files.workspace.id} ${path}`));
            await check();
          })
        : stream;
      const length = Number(headers["content-length"] ?? Number.NaN);
      const data = length <= SMALL_BYTES ? await collected(body) : body;
      const { atomic, bytes } = await fs.writeFile(path, data, {
        ...options,
        durable,
        ...(mode === undefined ? {} : { mode }),
      });
      files.tell("file.written", `${path} was written: ${bytes} bytes`, { path, bytes });
      const etag = etagOf(await fs.stat(path, options));
      return { status: 200, body: { atomic, bytes, etag }, headers: { etag } };
    },
  };
}

/** Of files that say how long they are; those of /proc have a size of 0 and content all the same. */
function isSized({ type, size }: FileStat): boolean {
  return type === "file" && size > 0;
}

function askedRange(
  headers: IncomingHttpHeaders,
  { size }: FileStat,
  etag: string,
  path: string,
): ByteRange | undefined {
  const condition = headers["if-range"];
  // A date tells too little: within its second a file can be written twice.
  if (condition !== undefined && condition !== etag) return undefined;
  return rangeOf(headers.range, size, path);
}

/** The bytes that were promised: a file that has become shorter meanwhile breaks the answer off. */
async function* read(
  { fs, options }: OpenFiles,
  { path, special }: { readonly path: string; readonly special: boolean },
  stat: FileStat,
  range: ByteRange | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const whole = isSized(stat) ? { start: 0, end: stat.size - 1 } : undefined;
  const wanted = range ?? whole;
  let left = wanted === undefined ? Number.POSITIVE_INFINITY : wanted.end - wanted.start + 1;
  for await (const chunk of fs.createReadStream(path, { ...options, special, ...wanted })) {
    const part = chunk.length <= left ? chunk : chunk.subarray(0, left);
    left -= part.length;
    yield part;
  }
  if (wanted !== undefined && left > 0) {
    throw berthError("fs.changed", {
      hop: "runner",
      message: `${path} became shorter while it was read`,
      context: { path },
    });
  }
}

/** @throws fs.changed */
async function requireUnchanged(
  { fs, options }: OpenFiles,
  path: string,
  headers: IncomingHttpHeaders,
): Promise<void> {
  const { "if-match": match, "if-none-match": noneMatch } = headers;
  const etag = await fs.stat(path, options).then(etagOf, (error: unknown) => {
    if (isBerthError(error, "ENOENT") || isBerthError(error, "ENOTDIR")) return undefined;
    throw error;
  });
  if (match !== undefined && !hasEtag(match, etag)) throw changedError(path);
  if (noneMatch !== undefined && hasEtag(noneMatch, etag)) throw changedError(path);
}

async function* followedBy(
  bytes: AsyncIterable<Uint8Array>,
  work: () => Promise<void>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* bytes;
  await work();
}

async function collected(bytes: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export function nameOf(path: string): string {
  return path.split("/").findLast((part) => part !== "" && part !== ".") ?? "workspace";
}
