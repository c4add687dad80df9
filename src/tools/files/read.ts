import * as z from "zod";
import { type BerthError, berthError, isBerthError, toBerthError } from "../../contract/errors.ts";
import type { TextLine, TextRead } from "../../contract/text.ts";
import { formatNumber } from "../cut.ts";
import { inputOf, type RunningCall, type ToolDefinition } from "../define.ts";
import { readablePath } from "../paths.ts";
import { toldError } from "../told.ts";
import type { ToolContent, ToolContext } from "../tool.ts";
import { noSuchPath } from "./errors.ts";
import { END_OF_FILE } from "./known-lines.ts";
import { placeOptions, rootNote, shownPath } from "./place.ts";
import { fairShares, fitting } from "./room.ts";
import { sealed } from "./sealed.ts";

const MAX_FILES = 20;
const PART = {
  path: z.string().min(1).describe("File, relative to the root or absolute."),
  offset: z
    .int()
    .optional()
    .describe("First line, from 1. Negative counts from the end: -20 is the last 20 lines."),
  limit: z.int().min(1).optional().describe("Lines at most."),
};

const INPUT = inputOf({
  path: PART.path.optional(),
  offset: PART.offset,
  limit: PART.limit,
  files: z
    .array(z.strictObject(PART))
    .min(1)
    .max(MAX_FILES)
    .optional()
    .describe("Several files at once, in place of path, offset and limit."),
}).refine(
  ({ path, offset, limit, files }) =>
    files === undefined
      ? path !== undefined
      : path === undefined && offset === undefined && limit === undefined,
  "give either path (with offset and limit), or files",
);

const FILE = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("text"),
    path: z.string(),
    size: z.number(),
    /** Of what is shown; 0 when nothing is. */
    first_line: z.number(),
    last_line: z.number(),
    total_lines: z.number(),
    next_line: z.number().optional(),
    text: z.string(),
    line_end: z.enum(["lf", "crlf", "mixed", "none"]),
    final_line_end: z.boolean(),
  }),
  z.object({
    kind: z.enum(["image", "binary"]),
    path: z.string(),
    size: z.number(),
    media_type: z.string().optional(),
  }),
  z.object({
    kind: z.literal("error"),
    path: z.string(),
    code: z.string(),
    message: z.string(),
    hint: z.string(),
  }),
]);
const OUTPUT = z.object({ files: z.array(FILE) });

type Input = z.infer<typeof INPUT>;
type Output = z.infer<typeof OUTPUT>;
type Part = {
  readonly path: string;
  readonly offset?: number | undefined;
  readonly limit?: number | undefined;
};

/** A file as it came: what is shown of it is not yet decided where there is little room. */
interface Looked {
  readonly path: string;
  readonly read: TextRead | BerthError;
  /** Numbered lines of a text. */
  readonly lines: readonly string[];
}

/** `file_read`: lines with their numbers as `cat -n` gives them, images, and what other files are. */
export function fileRead(context: ToolContext): ToolDefinition<Input, Output> {
  const { maxLines, maxBytes } = context.limits;
  return {
    name: "file_read",
    title: "Read files",
    description: `Reads a file, or several at once (files), each with its own range. Every line of text is shown as its number, a tab, and its content; the number and the tab are no part of the file. Up to ${formatNumber(maxLines)} lines and ${formatNumber(maxBytes)} bytes a call: what is left out is told, with the offset to go on with. Images are shown; of other binary files size and type are told. For directories use list. ${rootNote(context)}`,
    input: INPUT,
    output: OUTPUT,
    readOnly: true,
    destructive: false,
    async run(input, call) {
      const parts: readonly Part[] = input.files ?? [{ ...input, path: input.path ?? "" }];
      const paths = parts.map(({ path }) => readablePath(context, path));
      const looked = await context.seen.inTurn(paths, () =>
        Promise.all(parts.map((part, index) => look(context, part, paths[index]!, parts.length, call))),
      );
      const failed = looked.map(({ read }) => read).filter((read) => isBerthError(read));
      if (failed.length === looked.length) throw together(context, failed);
      return shown(context, looked);
    },
  };
}

async function look(
  context: ToolContext,
  { offset, limit }: Part,
  path: string,
  count: number,
  call: RunningCall,
): Promise<Looked> {
  const { maxLines, maxBytes, maxLineBytes, maxImageBytes } = context.limits;
  try {
    const read = await context.runtime.fs.readText(path, {
      ...placeOptions(context, call, path),
      startLine: offset === undefined || offset === 0 ? 1 : offset,
      maxLines: Math.min(limit ?? maxLines, maxLines),
      maxBytes,
      maxLineBytes,
      maxImageBytes: Math.floor(maxImageBytes / count),
    });
    return {
      path,
      read,
      lines: read.kind === "text" ? read.lines.map((line) => numbered(context, line)) : [],
    };
  } catch (error) {
    call.signal.throwIfAborted();
    return { path, read: await explained(context, toBerthError(error, "client"), path, call), lines: [] };
  }
}

/** As `cat -n` numbers lines. */
function numbered(context: ToolContext, { number, text, cutBytes }: TextLine): string {
  const start = `${String(number).padStart(6)}\t`;
  if (cutBytes === undefined) return start + text;
  const left = `${formatNumber(cutBytes)} bytes of this line left out`;
  return `${start}${sealed(context, text, { end: true })} … ${left} …`;
}

/** Room is shared by the files of a call; what does not fit is told with where to go on. */
function shown(context: ToolContext, looked: readonly Looked[]): { output: Output; content: ToolContent[] } {
  const { limits } = context;
  const needs = looked.map(({ lines }) => lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0));
  const bytes = fairShares(needs, limits.maxBytes);
  const lines = fairShares(
    looked.map((one) => one.lines.length),
    limits.maxLines,
  );
  const files: Output["files"] = [];
  const content: ToolContent[] = [];
  let text = "";
  for (const [index, { path, read, lines: all }] of looked.entries()) {
    const name = shownPath(context, path);
    if (looked.length > 1) text += `${text === "" ? "" : "\n"}==> ${name} <==\n`;
    if (isBerthError(read)) {
      const error = toldError(context, read);
      files.push({ kind: "error", path: name, ...error });
      text += `[${error.message} (${error.code}). ${error.hint}]\n`;
    } else if (read.kind === "text") {
      const count = fitting(all, { lines: lines[index]!, bytes: bytes[index]! });
      const part = textFile(context, name, read, count);
      files.push(part);
      text += all
        .slice(0, count)
        .map((line) => `${line}\n`)
        .join("");
      for (const note of notes(read, part)) text += `[${note}]\n`;
      context.seen.saw(path, read.version, linesSeen(read, count));
    } else {
      const { kind, size, mediaType } = read;
      files.push({ kind, path: name, size, media_type: mediaType });
      context.seen.saw(path, read.version);
      const image = read.kind === "image" ? read.data : undefined;
      text += `[${otherFile(read, Math.floor(limits.maxImageBytes / looked.length))}]\n`;
      if (image === undefined) continue;
      content.push({ type: "text", text: text.trimEnd() });
      content.push({ type: "image", mediaType: mediaType ?? "", data: image });
      text = "";
    }
  }
  if (text !== "" || content.length === 0) content.push({ type: "text", text: text.replace(/\n$/, "") });
  return { output: { files }, content };
}

/** What the model then knows of a file. */
function linesSeen(read: TextRead & { kind: "text" }, count: number): Map<number, string> {
  const lines = read.lines.slice(0, count);
  const whole = lines.filter(({ cutBytes }) => cutBytes === undefined);
  const seen = new Map(whole.map(({ number, text }) => [number, text]));
  if ((lines.at(-1)?.number ?? 0) === read.totalLines) seen.set(read.totalLines + 1, END_OF_FILE);
  return seen;
}

function textFile(
  context: ToolContext,
  path: string,
  read: TextRead & { kind: "text" },
  count: number,
): Extract<Output["files"][number], { kind: "text" }> {
  const lines = read.lines.slice(0, count);
  const last = lines.at(-1)?.number ?? 0;
  const nextLine = count < read.lines.length ? last + 1 : read.nextLine;
  return {
    kind: "text",
    path,
    size: read.size,
    first_line: lines[0]?.number ?? 0,
    last_line: last,
    total_lines: read.totalLines,
    ...(nextLine === undefined ? {} : { next_line: nextLine }),
    text: lines
      .map(({ text, cutBytes }) => (cutBytes === undefined ? text : sealed(context, text, { end: true })))
      .join("\n"),
    line_end: read.lineEnd,
    final_line_end: read.finalLineEnd,
  };
}

/** What the lines alone do not tell. */
function notes(read: TextRead & { kind: "text" }, part: ReturnType<typeof textFile>): string[] {
  const { first_line: firstLine, last_line: lastLine, total_lines: totalLines, next_line: nextLine } = part;
  const list: string[] = [];
  if (totalLines === 0) list.push("the file is empty");
  else if (firstLine === 0) list.push(`the file has only ${formatNumber(totalLines)} lines`);
  else if (firstLine > 1 || nextLine !== undefined) {
    const end = nextLine === undefined ? "" : `; go on with offset: ${nextLine}`;
    list.push(
      `lines ${formatNumber(firstLine)} to ${formatNumber(lastLine)} of ${formatNumber(totalLines)}${end}`,
    );
  }
  if (read.lineEnd === "crlf") list.push("its line ends are CRLF, and edits keep them");
  if (read.lineEnd === "mixed") list.push("its line ends are LF and CRLF, mixed");
  if (!read.finalLineEnd && totalLines > 0 && lastLine === totalLines) list.push("no line end at its end");
  if (read.byteOrderMark) list.push("it begins with a byte order mark");
  if (read.invalidUtf8) list.push("bytes that are no UTF-8 are shown as \ufffd");
  return list;
}

function otherFile(read: Exclude<TextRead, { kind: "text" }>, maxImageBytes: number): string {
  const size = `${formatNumber(read.size)} bytes`;
  if (read.kind === "binary") {
    return `binary file${read.mediaType === undefined ? "" : `, ${read.mediaType}`}, ${size}: not shown`;
  }
  if (read.data !== undefined) return `${read.mediaType}, ${size}`;
  return `${read.mediaType}, ${size}: not shown, as it is larger than ${formatNumber(maxImageBytes)} bytes`;
}

/** The error of one file, with what may have been meant. */
async function explained(
  context: ToolContext,
  error: BerthError,
  path: string,
  call: RunningCall,
): Promise<BerthError> {
  return error.code === "ENOENT" ? noSuchPath(context, path, call) : error;
}

function together(context: ToolContext, errors: readonly BerthError[]): BerthError {
  const [first] = errors;
  if (first === undefined || errors.length === 1) return first ?? berthError("internal");
  const told = errors.map((error) => toldError(context, error));
  return berthError("ENOENT", {
    message: `none of the files could be read: ${told.map(({ message }) => message).join("; ")}`,
    hint: [...new Set(told.map(({ hint }) => hint))].join(" "),
  });
}
