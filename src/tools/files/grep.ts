import * as z from "zod";
import type { SearchedFile, SearchResult } from "../../contract/text.ts";
import { formatNumber } from "../cut.ts";
import { inputOf, type ToolDefinition } from "../define.ts";
import { readablePath } from "../paths.ts";
import type { ToolContext } from "../tool.ts";
import { inLine, rootNote, shownPath } from "./place.ts";
import { fitting } from "./room.ts";
import { sealed } from "./sealed.ts";
import { searchIn, skippedNotes } from "./search.ts";

const DEFAULT_LIMIT = 200;
const MAX_LIMIT = 10_000;
const MAX_CONTEXT = 50;
/** A line of a minified file says little beyond its match. */
const MAX_LINE_BYTES = 500;

const INPUT = inputOf({
  pattern: z
    .string()
    .min(1)
    .describe("Regular expression that a line has to match, without look-around and back references."),
  path: z.string().min(1).optional().describe("File or directory to look in. Default: the root."),
  globs: z
    .array(z.string().min(1))
    .max(50)
    .optional()
    .describe(
      'Only in files that match one of these, such as "*.ts" or "src/**"; with "!" in front: in all others.',
    ),
  literal: z.boolean().optional().describe("The pattern is plain text. Default false."),
  ignore_case: z.boolean().optional().describe("Default false."),
  word: z.boolean().optional().describe("Whole words only. Default false."),
  multiline: z
    .boolean()
    .optional()
    .describe("A match may go over several lines, and . matches line ends. Default false."),
  context: z
    .int()
    .min(0)
    .max(MAX_CONTEXT)
    .optional()
    .describe("Lines to show before and behind a match. Default 0."),
  before: z.int().min(0).max(MAX_CONTEXT).optional().describe("Lines before, in place of context."),
  after: z.int().min(0).max(MAX_CONTEXT).optional().describe("Lines behind, in place of context."),
  show: z
    .enum(["lines", "files", "count"])
    .optional()
    .describe("The matching lines (default), only the files that have some, or how many each has."),
  hidden: z.boolean().optional().describe("Also names with a leading dot. Default false."),
  ignored: z.boolean().optional().describe("Also what .gitignore leaves out. Default false."),
  limit: z
    .int()
    .min(1)
    .max(MAX_LIMIT)
    .optional()
    .describe(`Matching lines, or files, at most. Default ${DEFAULT_LIMIT}.`),
});

const OUTPUT = z.object({
  files: z.array(
    z.object({
      path: z.string(),
      matches: z.number(),
      lines: z.array(z.object({ number: z.number(), text: z.string(), match: z.boolean() })),
    }),
  ),
  truncated: z.boolean(),
  engine: z.enum(["ripgrep", "berth", "grep"]),
});

type Input = z.infer<typeof INPUT>;
type Output = z.infer<typeof OUTPUT>;
type OutputFile = Output["files"][number];
type Show = NonNullable<Input["show"]>;

/** `grep`: lines by what is in them. */
export function grep(context: ToolContext): ToolDefinition<Input, Output> {
  return {
    name: "grep",
    title: "Search in files",
    description: `Finds lines that match a regular expression in all files below a directory, or in one file. A matching line is shown as path:number:text, one of its context as path-number-text. Hidden files and those that .gitignore leaves out are not looked at unless asked for, binary files and .git never. ${rootNote(context)}`,
    input: INPUT,
    output: OUTPUT,
    readOnly: true,
    destructive: false,
    async run(input, call) {
      const { pattern, path = ".", globs = [], show = "lines", limit = DEFAULT_LIMIT } = input;
      const { maxBytes, maxLineBytes } = context.limits;
      const result = await searchIn(context, call, readablePath(context, path), {
        pattern,
        literal: input.literal === true,
        ignoreCase: input.ignore_case === true,
        word: input.word === true,
        multiline: input.multiline === true,
        globs,
        hidden: input.hidden === true,
        ignored: input.ignored === true,
        show,
        before: show === "lines" ? (input.before ?? input.context ?? 0) : 0,
        after: show === "lines" ? (input.after ?? input.context ?? 0) : 0,
        maxResults: limit,
        maxBytes,
        maxLineBytes: Math.min(MAX_LINE_BYTES, maxLineBytes),
      });
      return shown(context, result, show, input);
    },
  };
}

function shown(
  context: ToolContext,
  result: SearchResult,
  show: Show,
  { hidden, ignored }: Input,
): { output: Output; content: string } {
  const { limits } = context;
  const files = result.files.map((file) => outputFile(context, file));
  const rows = files.flatMap((file, index) => rowsOf(file, index, show));
  const texts = rows.map(({ text }) => text);
  const count = texts.length === 0 ? 0 : fitting(texts, { lines: limits.maxLines, bytes: limits.maxBytes });
  const truncated = result.truncated || count < rows.length;
  const notes = skippedNotes(context, result);
  if (rows.length === 0) {
    const all = hidden === true && ignored === true;
    notes.unshift(`no match${all ? "" : "; hidden and ignored files were not looked at"}`);
  } else if (truncated) {
    const found = rows.slice(0, count).filter(({ match }) => match).length;
    const what = show === "lines" ? "matching lines" : "files";
    notes.unshift(
      `the first ${formatNumber(found)} ${what}; there are more: narrow the search${show === "lines" ? ', or use show: "files"' : ""}`,
    );
  }
  const last = rows[count - 1]?.file ?? -1;
  const kept = new Set(rows.slice(0, count).map(({ line }) => line));
  return {
    output: {
      files: files
        .slice(0, last + 1)
        .map((file) => ({ ...file, lines: file.lines.filter((line) => kept.has(line)) })),
      truncated,
      engine: result.engine,
    },
    content: [...texts.slice(0, count), ...notes.map((note) => `[${note}]`)].join("\n"),
  };
}

function outputFile(context: ToolContext, { path, matches, lines }: SearchedFile): OutputFile {
  return {
    path: shownPath(context, path),
    matches,
    lines: lines.map(({ number, text, match, cut }) => ({
      number,
      text: cut === true ? `… ${sealed(context, text, { start: true, end: true })} …` : text,
      match,
    })),
  };
}

/** A row of the result; a parting one has no line. */
interface Row {
  readonly text: string;
  /** Index of its file. */
  readonly file: number;
  readonly match: boolean;
  readonly line?: OutputFile["lines"][number];
}

function rowsOf({ path: given, matches, lines }: OutputFile, file: number, show: Show): Row[] {
  const path = inLine(given);
  if (show === "files") return [{ text: path, file, match: true }];
  if (show === "count") return [{ text: `${path}:${matches}`, file, match: true }];
  const hasContext = lines.some(({ match }) => !match);
  return lines.flatMap((line, index) => {
    const sign = line.match ? ":" : "-";
    const row: Row = {
      text: `${path}${sign}${line.number}${sign}${line.text}`,
      file,
      match: line.match,
      line,
    };
    // As grep parts what does not follow on each other.
    const follows = index > 0 ? lines[index - 1]!.number === line.number - 1 : file === 0;
    return hasContext && !follows ? [{ text: "--", file, match: false }, row] : [row];
  });
}
