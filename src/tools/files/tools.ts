import { type CallScope, defineTool } from "../define.ts";
import type { Tool, ToolContext } from "../tool.ts";
import { applyPatch } from "./apply-patch.ts";
import { fileEdit } from "./edit.ts";
import { glob } from "./glob.ts";
import { grep } from "./grep.ts";
import { list } from "./list.ts";
import { fileRead } from "./read.ts";
import { fileWrite } from "./write.ts";

/** The tools that work with files; each call is one round trip to the place. */
export function fileTools(context: ToolContext, scope: CallScope): readonly Tool[] {
  return [
    defineTool(context, scope, fileRead(context)),
    defineTool(context, scope, fileWrite(context)),
    defineTool(context, scope, fileEdit(context)),
    defineTool(context, scope, applyPatch(context)),
    defineTool(context, scope, list(context)),
    defineTool(context, scope, glob(context)),
    defineTool(context, scope, grep(context)),
  ];
}
