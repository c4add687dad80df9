import type {
  Tool as AnthropicTool,
  Base64ImageSource,
  ContentBlock,
  ImageBlockParam,
  TextBlockParam,
  ToolResultBlockParam,
  ToolUseBlock,
} from "@anthropic-ai/sdk/resources/messages";
import { base64, inputSchema, type RunOptions, runCalls } from "./adapt.ts";
import type { ToolContent, Tools } from "./tool.ts";

/** Tools for Anthropic's Messages API, and what runs their calls. Only types of the package are used. */

/** For `tools` of `client.messages.create()`. */
export function anthropicTools(tools: Tools): AnthropicTool[] {
  return tools.list.map((tool) => ({
    name: tool.name,
    description: tool.description,
    input_schema: { ...inputSchema(tool), type: "object" },
  }));
}

/**
 * Runs the `tool_use` blocks of `message.content`, and gives a `tool_result` block for each, in their order: the content of
 * the next message of the user. Calls run in their order; those that change nothing, at once.
 */
export async function runAnthropicCalls(
  tools: Tools,
  content: readonly ContentBlock[],
  options: RunOptions = {},
): Promise<ToolResultBlockParam[]> {
  const calls = content.filter((block): block is ToolUseBlock => block.type === "tool_use");
  const results = await runCalls(tools, calls, options);
  return results.map((result, index) => ({
    type: "tool_result",
    tool_use_id: calls[index]!.id,
    is_error: result.isError,
    // The API refuses blocks of text without text.
    content: result.content.filter((part) => part.type !== "text" || part.text !== "").map(block),
  }));
}

function block(part: ToolContent): TextBlockParam | ImageBlockParam {
  if (part.type === "text") return { type: "text", text: part.text };
  const { mediaType, data } = part;
  return isShown(mediaType)
    ? { type: "image", source: { type: "base64", media_type: mediaType, data: base64(data) } }
    : { type: "text", text: `[an image of the type ${mediaType}, which can't be shown]` };
}

const SHOWN: readonly string[] = [
  "image/jpeg",
  "image/png",
  "image/gif",
  "image/webp",
] satisfies Base64ImageSource["media_type"][];

function isShown(mediaType: string): mediaType is Base64ImageSource["media_type"] {
  return SHOWN.includes(mediaType);
}
