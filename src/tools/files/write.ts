import * as z from "zod";
import { berthError } from "../../contract/errors.ts";
import { formatNumber } from "../cut.ts";
import { inputOf, type ToolDefinition } from "../define.ts";
import { insidePath } from "../paths.ts";
import type { ToolContext } from "../tool.ts";
import { CHANGED_FILE, change, changesText, expected, refuseMask, shownChange } from "./change.ts";
import { rootNote } from "./place.ts";

const INPUT = inputOf({
  path: z.string().min(1).describe("File, relative to the root or absolute. Missing directories are made."),
  content: z.string().describe("The whole content, written as it is given, line ends included."),
});
const OUTPUT = CHANGED_FILE.extend({ bytes: z.number() });

type Input = z.infer<typeof INPUT>;
type Output = z.infer<typeof OUTPUT>;

/** `file_write`: the whole content of a file, new or known. */
export function fileWrite(context: ToolContext): ToolDefinition<Input, Output> {
  const requireRead = context.options.files?.requireRead !== false;
  const rule = requireRead ? " A file that is there has to have been read in this conversation." : "";
  return {
    name: "file_write",
    title: "Write a file",
    description: `Creates a file, or replaces its whole content.${rule} It is refused when the file was changed since it was read. To change a part of a file use file_edit. ${rootNote(context)}`,
    input: INPUT,
    output: OUTPUT,
    readOnly: false,
    destructive: true,
    async run({ path: given, content }, call) {
      const path = insidePath(context, given);
      const [changed] = await change(context, call, [path], () => {
        refuseMask(context, path, [content]);
        const version = expected(context, path);
        // Nothing is known of the file: then there must be none.
        const state = "expected" in version || !requireRead ? version : { expected: null };
        return [{ type: "write", path, content, ...state }];
      });
      if (changed === undefined) throw berthError("internal", { message: "the place told of no change" });
      const shown = shownChange(context, changed);
      const bytes = Buffer.byteLength(content);
      const size = `\n[${formatNumber(bytes)} bytes]`;
      return { output: { ...shown, bytes }, content: changesText(context, [shown]) + size };
    },
  };
}
