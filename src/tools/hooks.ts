import { berthError } from "../contract/errors.ts";
import type { ToolName, ToolResult } from "./tool.ts";

/** A hook behind a call whose signal was aborted has so long: the end of a call waits for nobody's program. */
const AFTER_ABORT_MS = 1_000;

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

/**
 * Called around each call, in order; what they throw fails the call with tool.hook_failed. null is as undefined. A call that
 * is aborted waits for no hook.
 */
export interface ToolHooks {
  before?(call: ToolCall, signal: AbortSignal | undefined): BeforeCall | Promise<BeforeCall>;
  /** Another result to hand out, or undefined. */
  after?(
    call: ToolCall,
    result: ToolResult,
    durationMs: number,
  ): ToolResult | undefined | Promise<ToolResult | undefined>;
}

/** What the hook in front of a call says. @throws tool.hook_failed: nothing was done; what the signal was aborted with */
export async function askBefore(
  hooks: ToolHooks | undefined,
  call: ToolCall,
  signal: AbortSignal,
): Promise<BeforeCall> {
  if (hooks?.before === undefined) return undefined;
  try {
    // What a program without types gives is looked at before it decides anything.
    const said: unknown = await unlessEnded(async () => hooks.before?.(call, signal), signal, 0);
    if (said === undefined || said === null) return undefined;
    if (typeof said === "object" && "refuse" in said && typeof said.refuse === "string")
      return { refuse: said.refuse };
    if (typeof said === "object" && !("refuse" in said) && "input" in said) return { input: said.input };
    throw new TypeError("the hook gave neither a reason to refuse nor an input");
  } catch (cause) {
    if (signal.aborted) throw cause;
    const message = "a hook before the call failed, and nothing was done";
    throw berthError("tool.hook_failed", { message, cause });
  }
}

/** The result that the hook behind a call puts in place of its own. @throws what the hook throws */
export async function tellAfter(
  hooks: ToolHooks | undefined,
  done: { readonly call: ToolCall; readonly result: ToolResult; readonly durationMs: number },
  signal: AbortSignal,
): Promise<ToolResult | undefined> {
  if (hooks?.after === undefined) return undefined;
  const { call, result, durationMs } = done;
  const told = async () => hooks.after?.(call, result, durationMs);
  return (await unlessEnded(told, signal, AFTER_ABORT_MS)) ?? undefined;
}

/** What the work gives, unless the signal was aborted so many milliseconds ago. @throws what it was aborted with */
async function unlessEnded<T>(work: () => Promise<T>, signal: AbortSignal, graceMs: number): Promise<T> {
  const { promise: ended, reject } = Promise.withResolvers<never>();
  let timer: NodeJS.Timeout | undefined;
  const end = () => {
    timer = setTimeout(() => reject(signal.reason), graceMs);
  };
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  try {
    return await Promise.race([work(), ended]);
  } finally {
    signal.removeEventListener("abort", end);
    clearTimeout(timer);
  }
}
