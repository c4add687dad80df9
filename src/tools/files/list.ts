import { posix } from "node:path";
import * as z from "zod";
import type { SearchedFile } from "../../contract/text.ts";
import { formatNumber } from "../cut.ts";
import { inputOf, type ToolDefinition } from "../define.ts";
import { readablePath } from "../paths.ts";
import type { ToolContext } from "../tool.ts";
import { inLine, rootNote, shownPath } from "./place.ts";
import { fitting } from "./room.ts";
import { searchIn, skippedNotes } from "./search.ts";

const MAX_DEPTH = 20;
const MAX_ENTRIES = 10_000;
/** Entries of one directory that are shown: as many as there is room for with each of them. */
const PER_DIRECTORY = [MAX_ENTRIES, 500, 200, 100, 50, 20, 10, 5, 2];
const TYPES = ["file", "directory", "symlink"] as const;

const INPUT = inputOf({
  path: z.string().min(1).optional().describe("Directory. Default: the root."),
  depth: z.int().min(1).max(MAX_DEPTH).optional().describe("Levels below it. Default 1."),
  hidden: z
    .boolean()
    .optional()
    .describe("Names with a leading dot. Default: true with depth 1, otherwise false."),
  ignored: z
    .boolean()
    .optional()
    .describe("What .gitignore leaves out. Default: true with depth 1, otherwise false."),
});
const OUTPUT = z.object({
  path: z.string(),
  /** As shown, with their directory in front. */
  entries: z.array(z.object({ path: z.string(), type: z.enum(TYPES), size: z.number().optional() })),
  /** Entries that are not among them. */
  left_out: z.number(),
  /** There are more than were counted. */
  truncated: z.boolean(),
});

type Input = z.infer<typeof INPUT>;
type Output = z.infer<typeof OUTPUT>;

/** `list`: what is in a directory. */
export function list(context: ToolContext): ToolDefinition<Input, Output> {
  return {
    name: "list",
    title: "List a directory",
    description: `Lists a directory, with depth also those below it, as an indented tree: directories with a slash, links with @, files with their size. Where there are many entries, each directory tells how many more it has. .git, pipes, sockets and devices are never listed. ${rootNote(context)}`,
    input: INPUT,
    output: OUTPUT,
    readOnly: true,
    destructive: false,
    async run({ path: given = ".", depth = 1, hidden = depth === 1, ignored = depth === 1 }, call) {
      const path = readablePath(context, given);
      const result = await searchIn(context, call, path, {
        types: TYPES,
        maxDepth: depth,
        hidden,
        ignored,
        maxResults: MAX_ENTRIES,
      });
      const { limits } = context;
      const top = treeOf(path, result.files);
      const room = { lines: limits.maxLines, bytes: limits.maxBytes };
      let rows: readonly Row[] = [];
      for (const most of PER_DIRECTORY) {
        rows = rowsOf(top, most, "");
        if (fitting(textsOf(rows), room) === rows.length) break;
      }
      const shown = rows.length === 0 ? [] : rows.slice(0, fitting(textsOf(rows), room));
      const files = shown.flatMap(({ entry }) => (entry === undefined ? [] : [entry]));
      const leftOut = result.files.length - files.length;
      const notes = skippedNotes(context, result);
      if (result.files.length === 0) notes.unshift("there is nothing in it");
      if (shown.length < rows.length) notes.unshift(`${formatNumber(leftOut)} more entries are left out`);
      if (result.truncated)
        notes.unshift(`only the first ${formatNumber(MAX_ENTRIES)} entries were looked at`);
      if (!hidden || !ignored) {
        const what = [...(hidden ? [] : ["hidden"]), ...(ignored ? [] : ["ignored"])].join(" and ");
        notes.push(`${what} entries are not listed`);
      }
      const name = shownPath(context, path);
      // A file that is given is listed as itself.
      const isFile = result.files.length === 1 && result.files[0]!.path === path;
      const head = isFile ? [] : [name.endsWith("/") ? name : `${name}/`];
      return {
        output: {
          path: name,
          entries: files.map(({ path, type, size }) => ({
            path: shownPath(context, path),
            type,
            ...(type !== "file" || size === undefined ? {} : { size }),
          })),
          left_out: leftOut,
          truncated: result.truncated,
        },
        content: [...head, ...textsOf(shown), ...notes.map((note) => `[${note}]`)].join("\n"),
      };
    },
  };
}

interface Node {
  readonly name: string;
  readonly entry: SearchedFile | undefined;
  readonly children: Node[];
}

/** The entries by the directories that they are in. */
function treeOf(path: string, files: readonly SearchedFile[]): Node {
  const top: Node = { name: path, entry: undefined, children: [] };
  const nodes = new Map([[path, top]]);
  for (const entry of files) {
    const node: Node = { name: posix.basename(entry.path), entry, children: [] };
    nodes.set(entry.path, node);
    (nodes.get(posix.dirname(entry.path)) ?? top).children.push(node);
  }
  return top;
}

/** A row of the result; one that tells how many more there are has no entry. */
interface Row {
  readonly text: string;
  readonly entry?: SearchedFile;
}

function rowsOf({ children }: Node, most: number, indent: string): Row[] {
  const inner = `${indent}  `;
  const rows = children.slice(0, most).flatMap((node): Row[] => {
    const entry = node.entry === undefined ? {} : { entry: node.entry };
    return [{ text: inner + nameOf(node), ...entry }, ...rowsOf(node, most, inner)];
  });
  const rest = children.length - most;
  return rest > 0 ? [...rows, { text: `${inner}… ${formatNumber(rest)} more` }] : rows;
}

function nameOf({ name: given, entry }: Node): string {
  const name = inLine(given);
  if (entry?.type === "directory") return `${name}/`;
  if (entry?.type === "symlink") return `${name}@`;
  return entry?.size === undefined ? name : `${name}  ${sizeText(entry.size)}`;
}

/** As `ls -h` tells sizes. */
function sizeText(bytes: number): string {
  let size = bytes;
  for (const unit of ["", "K", "M", "G"]) {
    if (size < 1024)
      return unit === "" || size >= 10 ? `${Math.round(size)}${unit}` : `${size.toFixed(1)}${unit}`;
    size /= 1024;
  }
  return `${Math.round(size)}T`;
}

function textsOf(rows: readonly Row[]): string[] {
  return rows.map(({ text }) => text);
}
