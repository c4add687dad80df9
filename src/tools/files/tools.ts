import type { CallScope } from "../define.ts";
import type { Tool, ToolContext } from "../tool.ts";

/** The tools that read, change and find files. */
export function fileTools(_context: ToolContext, _scope: CallScope): readonly Tool[] {
  return [];
}
