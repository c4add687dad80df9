import * as z from "zod";
import { berthError } from "../contract/errors.ts";
import { failed } from "./define.ts";
import type { Tool, ToolCallOptions, ToolResult, Tools } from "./tool.ts";

/** What the adapters to the vendors' packages have in common. */

/** A JSON Schema of the dialect 2020-12, as zod writes it. */
export type ToolSchema = z.core.JSONSchema.BaseSchema;

/** What a model asks for: with an input, or with what it wrote as one. */
export type AskedCall = { readonly id: string; readonly name: string } & (
  | { readonly input: unknown }
  | { readonly json: string }
);

/** For all calls of a message. */
export interface RunOptions extends Pick<ToolCallOptions, "signal"> {
  /** As `ToolCallOptions.onOutput`, with the call that the output is of. */
  readonly onOutput?:
    | ((text: string, call: { readonly id: string; readonly name: string }) => void)
    | undefined;
}

/** The schema of what a tool takes, for a model: without bounds that only say what a number of JavaScript can hold. */
export function inputSchema(tool: Tool): ToolSchema {
  const { $schema: _, ...schema } = z.toJSONSchema(tool.input, {
    io: "input",
    override: withoutWidestBounds,
  });
  return schema;
}

function withoutWidestBounds({ jsonSchema }: { jsonSchema: ToolSchema }): void {
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
}

/**
 * Runs the calls of one message of a model, with a result each, in their order. Those that change nothing run at once when
 * they follow on each other; all others wait for those before them, so that a test runs on the edit that was asked for
 * before it.
 */
export async function runCalls(
  tools: Tools,
  calls: readonly AskedCall[],
  { signal, onOutput }: RunOptions,
): Promise<ToolResult[]> {
  const results: Promise<ToolResult>[] = [];
  for (const call of calls) {
    const readOnly = tools.get(call.name)?.readOnly === true;
    if (!readOnly) await Promise.all(results);
    const result = runCall(tools, call, { signal, onOutput });
    results.push(result);
    if (!readOnly) await result;
  }
  return await Promise.all(results);
}

async function runCall(tools: Tools, call: AskedCall, { signal, onOutput }: RunOptions): Promise<ToolResult> {
  const { id, name } = call;
  let input: unknown;
  try {
    input = "input" in call ? call.input : call.json.trim() === "" ? {} : JSON.parse(call.json);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return failed(
      tools.context,
      berthError("tool.input_invalid", {
        message: `the input of ${name} is not JSON: ${why}`,
        hint: "Give it again, as one whole JSON object.",
        cause,
      }),
    );
  }
  return await tools.call(name, input, {
    callId: id,
    signal,
    ...(onOutput === undefined ? {} : { onOutput: (text) => onOutput(text, { id, name }) }),
  });
}

/** The text of a result, its parts on lines of their own. */
export function textOf(
  content: readonly ({ readonly type: "text"; readonly text: string } | { readonly type: "image" })[],
): string {
  return content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");
}

export function base64(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64");
}
