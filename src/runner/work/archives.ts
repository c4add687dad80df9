import type { FileStat } from "../../contract/files.ts";
import { encodeHeader, padding, TAR_END } from "../../files/tar-format.ts";
import type { RunnerContext } from "../context.ts";
import type { Handlers } from "../handlers.ts";
import { nameOf } from "./content.ts";
import { attachment } from "./content-type.ts";
import { filesOf, type OpenFiles } from "./files.ts";
import { primed } from "./primed.ts";

/** Trees as tar archives, as they come. */
export function archiveHandlers(context: RunnerContext): Handlers<"downloadArchive" | "uploadArchive"> {
  return {
    downloadArchive: async (call) => {
      const { query, signal } = call;
      const { path } = query;
      const files = await filesOf(context, call, query);
      try {
        const stat = await files.fs.stat(path, files.options);
        const bytes =
          stat.type === "directory" ? files.fs.readArchive(path, files.options) : ofFile(files, path, stat);
        const stream = await primed(bytes, () => files[Symbol.dispose]());
        signal.addEventListener("abort", () => files[Symbol.dispose](), { once: true });
        const name = stat.type === "directory" && /^[./]*$/.test(path) ? files.workspace.name : nameOf(path);
        return { status: 200, stream, headers: { "content-disposition": attachment(`${name}.tar`) } };
      } catch (error) {
        files[Symbol.dispose]();
        throw error;
      }
    },
    uploadArchive: async (call) => {
      const { query, stream } = call;
      const { path } = query;
      using files = await filesOf(context, call, query);
      const { bytes, files: count } = await files.fs.writeArchive(path, stream, files.options);
      files.tell("file.unpacked", `an archive of ${count} files was unpacked at ${path}`, {
        path,
        bytes,
        files: count,
      });
      return { status: 200, body: { bytes, files: count } };
    },
  };
}

/** An archive of one file under its name, as `tar` makes it. */
async function* ofFile(
  { fs, options }: OpenFiles,
  path: string,
  { size, mode, mtimeMs }: FileStat,
): AsyncGenerator<Uint8Array, void, undefined> {
  const entry = { name: nameOf(path), type: "file", size, mode, mtimeMs, linkname: "" } as const;
  const bytes = fs.createReadStream(path, size === 0 ? options : { ...options, start: 0, end: size - 1 });
  yield encodeHeader(entry);
  let left = size;
  for await (const chunk of bytes) {
    const part = chunk.subarray(0, left);
    left -= part.length;
    if (part.length > 0) yield part;
  }
  // A file that became shorter is filled with zeros, as its header is out already.
  for (; left > 0; left -= Math.min(left, TAR_END.length)) yield TAR_END.subarray(0, left);
  if (padding(size).length > 0) yield padding(size);
  yield TAR_END;
}
