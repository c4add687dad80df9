import { type CallScope, defineTool } from "../define.ts";
import type { Tool, ToolContext } from "../tool.ts";
import { fileRead } from "./read.ts";

/** The tools that work with files; each call is one round trip to the place. */
export function fileTools(context: ToolContext, scope: CallScope): readonly Tool[] {
  return [defineTool(context, scope, fileRead(context))];
}
