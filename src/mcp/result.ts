import type { CallToolResult } from "@modelcontextprotocol/server";
import { type BerthError, toBerthError } from "../contract/errors.ts";
import { HELD_SECRETS } from "../contract/mask.ts";
import { base64 } from "../tools/adapt.ts";
import type { ToolResult } from "../tools/tool.ts";

/** Where clients that are programs find code, message and hint of a call that failed. */
export const ERROR_META_KEY = "berth/error";

/** A tool's result as MCP has it. The text is for the model, `structuredContent` for programs. */
export function callResult(result: ToolResult): CallToolResult {
  return {
    content: result.content.map((part) =>
      part.type === "text"
        ? { type: "text", text: part.text }
        : { type: "image", mimeType: part.mediaType, data: base64(part.data) },
    ),
    ...(result.output === undefined ? {} : { structuredContent: result.output as Record<string, unknown> }),
    ...(result.isError ? { isError: true } : {}),
    ...(result.error === undefined ? {} : { _meta: { [ERROR_META_KEY]: result.error } }),
  };
}

/** Code, message and hint of what went wrong outside of a tool, without secrets. */
export function toldError(cause: unknown): {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
} {
  const error: BerthError = toBerthError(cause, "client");
  return {
    code: error.code,
    message: HELD_SECRETS.text(error.message),
    hint: HELD_SECRETS.text(error.hint),
  };
}

/** The result of a call for which there was no place. */
export function failedResult(cause: unknown): CallToolResult {
  const error = toldError(cause);
  const text = `${error.message} (${error.code})${error.hint === "" ? "" : `\n${error.hint}`}`;
  return { content: [{ type: "text", text }], isError: true, _meta: { [ERROR_META_KEY]: error } };
}
