import type {
  ChatCompletionFunctionTool,
  ChatCompletionMessageParam,
  ChatCompletionMessageToolCall,
} from "openai/resources/chat/completions";
import type {
  FunctionTool,
  ResponseFunctionCallOutputItemList,
  ResponseFunctionToolCall,
  ResponseInputItem,
} from "openai/resources/responses/responses";
import { base64, inputSchema, type RunOptions, runCalls, type ToolSchema, textOf } from "./adapt.ts";
import type { Tool, ToolContent, ToolResult, Tools } from "./tool.ts";

/** Tools for OpenAI's Responses API and Chat Completions, and what runs their calls. Only types of the package are used. */

export interface OpenAIToolOptions {
  /**
   * Schemas of the strict kind, to which the API holds the model: every field is required, and null where it means none,
   * which the tools take as left out. Default true; false: the tools' own schemas, for services that lack it.
   */
  readonly strict?: boolean | undefined;
}

/** For `tools` of `client.responses.create()`. */
export function responsesTools(tools: Tools, options: OpenAIToolOptions = {}): FunctionTool[] {
  return tools.list.map((tool) => ({ type: "function", ...definition(tool, options) }));
}

/**
 * Runs the function calls among the items of `response.output`, and gives the items that answer them, for the next `input`.
 * Images are parts of the output. Calls run in their order; those that change nothing, at once.
 */
export async function runResponsesCalls(
  tools: Tools,
  items: readonly { readonly type: string }[],
  options: RunOptions = {},
): Promise<ResponseInputItem.FunctionCallOutput[]> {
  const calls = items.filter((item): item is ResponseFunctionToolCall => item.type === "function_call");
  const asked = calls.map(({ call_id: id, name, arguments: json }) => ({ id, name, json }));
  const results = await runCalls(tools, asked, options);
  return results.map((result, index) => ({
    type: "function_call_output",
    call_id: calls[index]!.call_id,
    output: responsesOutput(result),
    ...(calls[index]!.caller == null ? {} : { caller: calls[index]!.caller }),
  }));
}

/** For `tools` of `client.chat.completions.create()`. */
export function chatTools(tools: Tools, options: OpenAIToolOptions = {}): ChatCompletionFunctionTool[] {
  return tools.list.map((tool) => ({ type: "function", function: definition(tool, options) }));
}

/**
 * Runs `message.tool_calls`, and gives the messages that answer them, to be put behind that message. As a tool's message has
 * text alone, images come in a message of the user behind them.
 */
export async function runChatCalls(
  tools: Tools,
  toolCalls: readonly ChatCompletionMessageToolCall[] | undefined,
  options: RunOptions = {},
): Promise<ChatCompletionMessageParam[]> {
  const calls = (toolCalls ?? []).filter((call) => call.type === "function");
  const asked = calls.map(({ id, function: { name, arguments: json } }) => ({ id, name, json }));
  const results = await runCalls(tools, asked, options);
  const answers = results.map(
    (result, index): ChatCompletionMessageParam => ({
      role: "tool",
      tool_call_id: calls[index]!.id,
      content: errorMark(result) + textOf(result.content),
    }),
  );
  const images = results.flatMap(({ content }) => content.filter(isImage));
  if (images.length === 0) return answers;
  const count = images.length === 1 ? "The image" : `The ${images.length} images`;
  return [
    ...answers,
    {
      role: "user",
      content: [
        { type: "text", text: `${count} of the tool results above, in their order:` },
        ...images.map((image) => ({ type: "image_url" as const, image_url: { url: dataUrl(image) } })),
      ],
    },
  ];
}

function definition(tool: Tool, { strict = true }: OpenAIToolOptions) {
  const schema = inputSchema(tool);
  return {
    name: tool.name,
    description: tool.description,
    parameters: strict ? strictSchema(schema) : { ...schema },
    strict,
  };
}

function responsesOutput(result: ToolResult): string | ResponseFunctionCallOutputItemList {
  if (!result.content.some(isImage)) return errorMark(result) + textOf(result.content);
  return result.content.map((part) =>
    isImage(part)
      ? { type: "input_image", image_url: dataUrl(part), detail: "auto" }
      : { type: "input_text", text: part.text },
  );
}

/** Nothing else in an answer says that a call failed. */
function errorMark({ isError }: ToolResult): string {
  return isError ? "Error: " : "";
}

type ImageContent = Extract<ToolContent, { type: "image" }>;

function isImage(part: ToolContent): part is ImageContent {
  return part.type === "image";
}

function dataUrl({ mediaType, data }: ImageContent): string {
  return `data:${mediaType};base64,${base64(data)}`;
}

/** Keywords that strict schemas may not have; the tools check them themselves. */
const NOT_STRICT = new Set(["minLength", "maxLength", "default"]);

/** The same schema of the strict kind: what is optional is required, and may be null. */
function strictSchema(schema: ToolSchema): Record<string, unknown> {
  const kept = Object.entries(schema).filter(([keyword]) => !NOT_STRICT.has(keyword));
  const { properties, required = [], items, anyOf, ...rest } = Object.fromEntries(kept) as ToolSchema;
  return {
    ...rest,
    ...(items === undefined ? {} : { items: strictPart(items) }),
    ...(anyOf === undefined ? {} : { anyOf: anyOf.map(strictPart) }),
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(properties).map(([name, field]) => {
              const strict = strictPart(field);
              return [name, required.includes(name) ? strict : nullable(strict)];
            }),
          ),
          required: Object.keys(properties),
          additionalProperties: false,
        }),
  };
}

function strictPart(part: unknown): Record<string, unknown> {
  return strictSchema(part as ToolSchema);
}

function nullable(schema: Record<string, unknown>): Record<string, unknown> {
  const { type, enum: values, description, anyOf, ...rest } = schema;
  const said = description === undefined ? {} : { description };
  if (typeof type !== "string") {
    const others = Array.isArray(anyOf) ? anyOf : [schema];
    return { ...said, anyOf: [...others, { type: "null" }] };
  }
  return {
    ...rest,
    ...said,
    type: [type, "null"],
    ...(Array.isArray(values) ? { enum: [...values, null] } : {}),
  };
}
