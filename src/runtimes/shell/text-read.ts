import { berthError } from "../../contract/errors.ts";
import type { FileOptions, FileStat } from "../../contract/files.ts";
import type { ReadTextOptions, TextRead } from "../../contract/text.ts";
import { KIND_BYTES, kindOf } from "../../files/text/kind.ts";
import { DEFAULT_RANGE, memorySource, readLines, type TextSource } from "../../files/text/lines.ts";
import { contentVersion, MAX_TEXT_BYTES, statVersion } from "../../files/text/version.ts";
import type { FileRuns } from "./file-runs.ts";
import { readSmallBody } from "./file-scripts.ts";
import { chunksOf, readChunks } from "./read.ts";
import { parseStat } from "./stat-format.ts";

/** A file as one run found it. */
export interface SeenFile {
  /** What the place's own tool said of it: the same words mean that it was not changed. */
  readonly line: string;
  readonly stat: FileStat;
  /** Undefined above MAX_TEXT_BYTES. */
  readonly content: Buffer | undefined;
  readonly version: string;
}

/** Looks at a regular file, in one run. @throws fs.not_a_regular_file, EISDIR, ENOENT */
export async function seeFile(runs: FileRuns, at: string, options: FileOptions): Promise<SeenFile> {
  const tools = await runs.tools();
  const whole = { start: 0, length: undefined, special: false };
  const body = readSmallBody(runs.scriptPath(at, options), whole, MAX_TEXT_BYTES, tools);
  const chunks: Uint8Array[] = [];
  for await (const chunk of chunksOf(runs, body, at, options)) chunks.push(chunk);
  const output = Buffer.concat(chunks);
  const end = output.indexOf(0x0a);
  const line = output.toString("latin1", 0, end);
  const stat = parseStat(line, tools.stat);
  if (stat.size > MAX_TEXT_BYTES) return { line, stat, content: undefined, version: versionOf(stat) };
  const content = output.subarray(end + 1);
  return { line, stat, content, version: contentVersion(content) };
}

/** The place's tools say no more of a large file than this. */
function versionOf({ inode, size, mtimeMs }: FileStat): string {
  return statVersion({
    ino: BigInt(inode),
    size: BigInt(size),
    mtimeNs: BigInt(Math.round(mtimeMs * 1000)) * 1000n,
    ctimeNs: 0n,
  });
}

/** Lines of a text file. It comes here whole, or, above MAX_TEXT_BYTES, piece by piece. `path` is what the caller is told. */
export async function readText(runs: FileRuns, at: string, options: ReadTextOptions): Promise<TextRead> {
  const { stat, content, version } = await seeFile(runs, at, options);
  const source = content === undefined ? streamSource(runs, at, stat.size, options) : memorySource(content);
  const looked = { path: at, size: source.size, mtimeMs: stat.mtimeMs, version };
  const kind = kindOf(await source.read(0, KIND_BYTES));
  if (kind.kind === "binary") return { ...looked, ...kind };
  if (kind.kind === "image") {
    const fits = content !== undefined && content.length <= (options.maxImageBytes ?? 0);
    return { ...looked, ...kind, ...(fits ? { data: new Uint8Array(content) } : {}) };
  }
  const {
    startLine = DEFAULT_RANGE.startLine,
    maxLines = DEFAULT_RANGE.maxLines,
    maxBytes = DEFAULT_RANGE.maxBytes,
    maxLineBytes = DEFAULT_RANGE.maxLineBytes,
  } = options;
  return {
    ...looked,
    kind: "text",
    ...(await readLines(source, { startLine, maxLines, maxBytes, maxLineBytes })),
  };
}

/** A file that is read in order, by one run for each place that reading begins at. */
function streamSource(runs: FileRuns, at: string, size: number, options: FileOptions): TextSource {
  let position = 0;
  let chunks: AsyncGenerator<Uint8Array, void, undefined> | undefined;
  let held: Buffer = Buffer.alloc(0);
  return {
    size,
    async read(wanted, length) {
      if (chunks === undefined || wanted !== position) {
        await chunks?.return();
        chunks = readChunks(runs, at, { ...options, start: wanted });
        held = Buffer.alloc(0);
        position = wanted;
      }
      const most = Math.min(length, size - wanted);
      const parts: Uint8Array[] = [held];
      let bytes = held.length;
      while (bytes < most) {
        const next = await chunks.next();
        if (next.done === true) break;
        parts.push(next.value);
        bytes += next.value.length;
      }
      const all = Buffer.concat(parts);
      held = all.subarray(most);
      position += Math.min(most, all.length);
      // Nothing is read ahead of what nobody may ask for.
      if (position >= size) {
        await chunks.return();
        chunks = undefined;
      }
      return all.subarray(0, most);
    },
  };
}

/** @throws EINVAL */
export function requireRange(
  { startLine, maxLines, maxBytes, maxLineBytes }: ReadTextOptions,
  path: string,
): void {
  const whole = (value: number | undefined, least: number) =>
    value === undefined || (Number.isInteger(value) && value >= least);
  if (
    startLine !== 0 &&
    whole(startLine, Number.MIN_SAFE_INTEGER) &&
    [maxLines, maxBytes, maxLineBytes].every((value) => whole(value, 1))
  ) {
    return;
  }
  throw berthError("EINVAL", {
    message: "lines are counted from 1 or from the end, and limits are whole numbers from 1 on",
    context: { path },
  });
}
