import { setTimeout as delay } from "node:timers/promises";
import { type Tool as AiTool, jsonSchema } from "ai";
import * as z from "zod";
import { base64, inputSchema, type RunOptions, textOf } from "./adapt.ts";
import { lastBytes } from "./cut.ts";
import type { Tool, ToolCallOptions, ToolResult, Tools } from "./tool.ts";

/** Tools for the AI SDK. */

export interface AiToolOptions {
  /**
   * Results of commands come in parts while they run, as preliminary results: the last bytes of what was written, as many
   * as a result may have. Default true.
   */
  readonly live?: boolean | undefined;
  /** As `ToolCallOptions.onOutput`, with the call that the output is of: for who prints it. */
  readonly onOutput?: RunOptions["onOutput"];
}

const CONTENT = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text"), text: z.string() }),
  /** Base64. */
  z.object({ type: z.literal("image"), mediaType: z.string(), data: z.string() }),
]);

/** A `ToolResult` as JSON, so that it can be in the messages of a user interface, and kept. */
export interface AiToolOutput {
  readonly isError: boolean;
  readonly output?: unknown;
  readonly error?: { readonly code: string; readonly message: string; readonly hint: string } | undefined;
  readonly content: readonly z.infer<typeof CONTENT>[];
  /** The command runs; this is what it has written last. */
  readonly running?: boolean | undefined;
}

/** Milliseconds between two preliminary results. */
const LIVE_INTERVAL_MS = 100;

/**
 * For `tools` of `generateText()`, `streamText()` and agents. A failed call is a result with `isError`, and an error text
 * for the model. As the SDK runs all calls of a step at once, give it `toolCallConcurrency: 1` where a model asks for an edit
 * and a test of it together.
 */
export function aiTools(
  tools: Tools,
  options: AiToolOptions = {},
): Record<string, AiTool<unknown, AiToolOutput>> {
  return Object.fromEntries(tools.list.map((tool) => [tool.name, aiTool(tool, tools, options)]));
}

function aiTool(
  tool: Tool,
  { context }: Tools,
  { live = true, onOutput }: AiToolOptions,
): AiTool<unknown, AiToolOutput> {
  return {
    title: tool.title,
    description: tool.description,
    // Not the schema of zod: the tool checks its input by itself, and says what is wrong in words for a model.
    inputSchema: jsonSchema<unknown>(inputSchema(tool) as Parameters<typeof jsonSchema>[0]),
    outputSchema: outputSchema(tool),
    execute: (input, { toolCallId: callId, abortSignal: signal }) => {
      const told = onOutput && ((text: string) => onOutput(text, { id: callId, name: tool.name }));
      return live && tool.name === "bash"
        ? liveResults(tool, input, { callId, signal, onOutput: told }, context.limits.maxBytes)
        : tool.call(input, { callId, signal, onOutput: told }).then(asJson);
    },
    toModelOutput: ({ output }) => modelOutput(output),
  };
}

function outputSchema(tool: Tool): z.ZodType<AiToolOutput> {
  return z.object({
    isError: z.boolean(),
    output: tool.output.optional(),
    error: z.object({ code: z.string(), message: z.string(), hint: z.string() }).optional(),
    content: z.array(CONTENT),
    running: z.boolean().optional(),
  });
}

/** What was written until then, at most each LIVE_INTERVAL_MS, and the result. Who stops listening ends the call. */
async function* liveResults(
  tool: Tool,
  input: unknown,
  options: ToolCallOptions,
  maxBytes: number,
): AsyncGenerator<AiToolOutput> {
  const left = new AbortController();
  const ended = new AbortController();
  let text = "";
  let news = Promise.withResolvers<void>();
  const call = tool
    .call(input, {
      ...options,
      signal: options.signal === undefined ? left.signal : AbortSignal.any([options.signal, left.signal]),
      onOutput: (more) => {
        options.onOutput?.(more);
        text = lastBytes(text + more, maxBytes);
        news.resolve();
      },
    })
    .finally(() => ended.abort());
  const pause = () => delay(LIVE_INTERVAL_MS, undefined, { signal: ended.signal }).catch(() => undefined);
  try {
    for (;;) {
      await Promise.race([call, news.promise]);
      if (ended.signal.aborted) break;
      news = Promise.withResolvers();
      yield { isError: false, content: [{ type: "text", text }], running: true };
      await pause();
    }
    yield asJson(await call);
  } finally {
    left.abort();
  }
}

function asJson({ isError, output, error, content }: ToolResult): AiToolOutput {
  return {
    isError,
    ...(output === undefined ? {} : { output }),
    ...(error === undefined ? {} : { error }),
    content: content.map((part) =>
      part.type === "text" ? part : { type: "image", mediaType: part.mediaType, data: base64(part.data) },
    ),
  };
}

function modelOutput({
  isError,
  content,
  running,
}: AiToolOutput): ReturnType<NonNullable<AiTool["toModelOutput"]>> {
  const text = textOf(content);
  if (isError) return { type: "error-text", value: text };
  // Kept by a conversation that was broken off.
  if (running === true)
    return { type: "text", value: `${text}\n[this was its output so far when it was broken off]` };
  if (content.every(({ type }) => type === "text")) return { type: "text", value: text };
  return {
    type: "content",
    value: content.map((part) =>
      part.type === "text"
        ? part
        : { type: "file", mediaType: part.mediaType, data: { type: "data", data: part.data } },
    ),
  };
}
