import { posix } from "node:path";
import * as z from "zod";
import { formatNumber } from "../cut.ts";
import { inputOf, type ToolDefinition } from "../define.ts";
import { readablePath } from "../paths.ts";
import type { ToolContext } from "../tool.ts";
import { inLine, rootNote, shownPath } from "./place.ts";
import { fitting } from "./room.ts";
import { patternWithin, searchIn, skippedNotes } from "./search.ts";

const DEFAULT_LIMIT = 200;
const MAX_LIMIT = 10_000;

const INPUT = inputOf({
  pattern: z
    .string()
    .min(1)
    .describe(
      'Such as "*.ts", "src/**/*.{ts,tsx}" or "**/test/*". Without a slash it matches names in any directory.',
    ),
  path: z.string().min(1).optional().describe("Directory to look in. Default: the root."),
  type: z.enum(["file", "directory", "any"]).optional().describe('Default "file".'),
  sort: z.enum(["modified", "path"]).optional().describe('"modified" (default): the newest first.'),
  hidden: z.boolean().optional().describe("Also names with a leading dot. Default false."),
  ignored: z.boolean().optional().describe("Also what .gitignore leaves out. Default false."),
  limit: z.int().min(1).max(MAX_LIMIT).optional().describe(`Paths at most. Default ${DEFAULT_LIMIT}.`),
});
const OUTPUT = z.object({ paths: z.array(z.string()), truncated: z.boolean() });

type Input = z.infer<typeof INPUT>;
type Output = z.infer<typeof OUTPUT>;

const TYPES = {
  file: ["file"],
  directory: ["directory"],
  any: ["file", "directory", "symlink"],
} as const;

/** `glob`: files by their names. */
export function glob(context: ToolContext): ToolDefinition<Input, Output> {
  return {
    name: "glob",
    title: "Find files by name",
    description: `Finds files whose path matches a pattern, the newest first. Hidden files and those that .gitignore leaves out are not looked at unless asked for; .git never. ${rootNote(context)}`,
    input: INPUT,
    output: OUTPUT,
    readOnly: true,
    destructive: false,
    async run(
      { pattern, path, type = "file", sort = "modified", hidden, ignored, limit = DEFAULT_LIMIT },
      call,
    ) {
      const { directory, rest } = patternWithin(path ?? ".", pattern);
      const result = await searchIn(context, call, readablePath(context, directory), {
        globs: [rest],
        types: TYPES[type],
        sort,
        hidden: hidden === true || /(?:^|\/)\./.test(rest),
        ignored: ignored === true,
        maxResults: limit,
      });
      const paths = result.files.map(
        (file) => shownPath(context, file.path) + (file.type === "directory" ? "/" : ""),
      );
      const count =
        paths.length === 0
          ? 0
          : fitting(paths, { lines: context.limits.maxLines, bytes: context.limits.maxBytes });
      const shown = paths.slice(0, count);
      const truncated = result.truncated || count < paths.length;
      const notes = skippedNotes(context, result);
      if (shown.length === 0) notes.unshift(`nothing matches ${posix.join(directory, rest)}`);
      else if (truncated)
        notes.unshift(`the first ${formatNumber(count)}; there are more: narrow the pattern or raise limit`);
      return {
        output: { paths: shown, truncated },
        content: [...shown.map(inLine), ...notes.map((note) => `[${note}]`)].join("\n"),
      };
    },
  };
}
