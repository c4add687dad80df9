/** Tools for agents, on any open runtime or workspace, independent of the model's vendor. */
export { createTools } from "./create.ts";
export type { BeforeCall, ToolCall, ToolHooks } from "./hooks.ts";
export { DEFAULT_LIMITS, type ToolLimits } from "./limits.ts";
export type {
  BashOptions,
  FileToolOptions,
  SeenFiles,
  Tool,
  ToolCallOptions,
  ToolContent,
  ToolContext,
  ToolName,
  ToolOptions,
  ToolResult,
  Tools,
  ToolTarget,
} from "./tool.ts";
