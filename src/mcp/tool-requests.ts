import { randomUUID } from "node:crypto";
import {
  type CallToolResult,
  type ListToolsResult,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
} from "@modelcontextprotocol/server";
import * as z from "zod";
import { within } from "../contract/within.ts";
import type { Tool, Tools } from "../tools/tool.ts";
import type { Conversation } from "./conversation.ts";
import { progressOf } from "./progress.ts";
import { callResult, failedResult } from "./result.ts";
import { unreachedTools } from "./unreached.ts";

type ListedTool = ListToolsResult["tools"][number];

const LISTED = new WeakMap<Tool, ListedTool>();

/** How long a list waits for a place that is being opened, before it tells what is known without it. */
const LIST_WAIT_MS = 10_000;

export interface Called {
  readonly result: CallToolResult;
  /** As the tool is listed. */
  readonly outputSchema: ListedTool["outputSchema"];
}

/** The requests on tools of one conversation. */
export class ToolRequests {
  readonly #conversation: Conversation;
  #unreached: readonly Tool[] | undefined;

  constructor(conversation: Conversation) {
    this.#conversation = conversation;
  }

  async list(): Promise<ListToolsResult> {
    const tools = await this.#toolsInTime();
    this.#conversation.isListOld = tools === undefined;
    const list = tools?.list ?? (await this.#withoutPlace());
    return { tools: list.map((tool) => listedTool(tool)) };
  }

  /** @throws ProtocolError for a tool that there is not */
  async call(name: string, input: unknown, context: ServerContext): Promise<Called> {
    const { signal } = context.mcpReq;
    using progress = progressOf(context);
    let tools: Tools;
    try {
      tools = await untilAborted(this.#conversation.tools(), signal);
    } catch (error) {
      if (!(await this.#withoutPlace()).some((tool) => tool.name === name)) throw unknownTool(name);
      return { result: failedResult(error), outputSchema: undefined };
    }
    const tool = tools.get(name);
    if (tool === undefined) throw unknownTool(name);
    const { onOutput } = progress;
    const result = await tool.call(input, {
      signal,
      callId: randomUUID(),
      ...(onOutput === undefined ? {} : { onOutput }),
    });
    await progress.end();
    await this.#conversation.look(result);
    return { result: callResult(result), outputSchema: listedTool(tool).outputSchema };
  }

  async #toolsInTime(): Promise<Tools | undefined> {
    try {
      return await within(LIST_WAIT_MS, this.#conversation.tools());
    } catch {
      // Told to who calls one.
      return undefined;
    }
  }

  async #withoutPlace(): Promise<readonly Tool[]> {
    const { where, toolOptions } = this.#conversation;
    this.#unreached ??= await unreachedTools(where, toolOptions);
    return this.#unreached;
  }
}

function listedTool(tool: Tool): ListedTool {
  const known = LISTED.get(tool);
  if (known !== undefined) return known;
  const { name, title, description, readOnly, destructive } = tool;
  const listed: ListedTool = {
    name,
    title,
    description,
    inputSchema: objectSchema(tool.input, "input"),
    outputSchema: objectSchema(tool.output, "output"),
    annotations: {
      title,
      readOnlyHint: readOnly,
      destructiveHint: destructive,
      idempotentHint: readOnly,
      // Commands reach whatever the place reaches; the other tools only its files.
      openWorldHint: name === "bash" || name === "bash_input",
    },
  };
  LISTED.set(tool, listed);
  return listed;
}

function objectSchema(schema: z.ZodType, io: "input" | "output"): ListedTool["inputSchema"] {
  return z.toJSONSchema(schema, { target: "draft-2020-12", io }) as ListedTool["inputSchema"];
}

function unknownTool(name: string): ProtocolError {
  return new ProtocolError(ProtocolErrorCode.InvalidParams, `there is no tool ${name.slice(0, 100)}`);
}

/** The client does not wait any more; the place is opened all the same, for the next call. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener("abort", abort));
}
