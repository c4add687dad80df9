import type { ToolName, ToolResult } from "./tool.ts";

export interface ToolCall {
  readonly id: string;
  readonly tool: ToolName;
  /** The tool changes nothing in the place. */
  readonly readOnly: boolean;
  /** As checked. */
  readonly input: unknown;
}

/** undefined: go on. */
export type BeforeCall =
  | undefined
  /** The model is told the reason: tool.refused. */
  | { readonly refuse: string }
  /** Other input, checked once more. */
  | { readonly input: unknown };

/** Called around each call, in order; what they throw fails the call with tool.hook_failed. */
export interface ToolHooks {
  before?(call: ToolCall, signal: AbortSignal | undefined): BeforeCall | Promise<BeforeCall>;
  /** Another result to hand out, or undefined. */
  after?(
    call: ToolCall,
    result: ToolResult,
    durationMs: number,
  ): ToolResult | undefined | Promise<ToolResult | undefined>;
}
