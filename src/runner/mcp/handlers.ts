import { type BerthError, berthError } from "../../contract/errors.ts";
import type { Workspace } from "../../contract/workspace.ts";
import { Conversation } from "../../mcp/conversation.ts";
import type { HttpEnd } from "../../mcp/http.ts";
import type { ToolHooks } from "../../tools/hooks.ts";
import type { Access } from "../access/access.ts";
import { holds } from "../access/scopes.ts";
import type { Call, Caller, RunnerContext } from "../context.ts";
import type { Handlers } from "../handlers.ts";
import { DEFAULT_IDLE_MS, newSessionId, type Session, Sessions } from "./sessions.ts";

type McpCall = Call<{ readonly workspace: string }>;
type McpSession = Session<HttpEnd>;

/** Tools of workspaces for agents, by the Model Context Protocol. */
export interface Mcp extends AsyncDisposable {
  readonly handlers: Handlers<"mcpMessage" | "mcpStream" | "mcpEnd">;
}

export function createMcp(context: RunnerContext, access: Pick<Access, "hold">): Mcp {
  const sessions = new Sessions<HttpEnd>({
    idleMs: context.options.mcpIdleMs ?? DEFAULT_IDLE_MS,
    hold: (caller, end) => access.hold(caller, end),
    onCount: (count) => context.metrics.gauge("berth_mcp_sessions", count, {}),
  });

  const opened = (
    workspace: Workspace,
    caller: Caller,
  ): { conversation: Conversation; to(end: HttpEnd): void } => {
    let end: HttpEnd | undefined;
    const conversation = conversationOf(context, workspace, caller, () => end?.placeOpened());
    return {
      conversation,
      to(made) {
        end = made;
      },
    };
  };

  /** The session of a message; a new one for a client that begins. */
  const sessionOf = async (call: McpCall, request: Request, name = ""): Promise<McpSession> => {
    const { caller, body } = call;
    const workspace = await context.workspace(call.params.workspace, caller);
    const { isInitialize, needsSession, sessionEnd, sharedEnd } = await import("../../mcp/http.ts");
    if (!(await needsSession(request, body))) {
      const id = JSON.stringify([caller.tokenId, workspace.id, name]);
      if (sessions.has(id)) return sessions.find(id, workspace.id, caller);
      const { conversation, to } = opened(workspace, caller);
      const end = sharedEnd(conversation);
      to(end);
      return sessions.open(id, workspace.id, caller, end);
    }
    requireAccept(call);
    if (call.headers["mcp-session-id"] !== undefined || !isInitialize(body)) {
      return sessions.find(sessionIdOf(call), workspace.id, caller);
    }
    const id = newSessionId();
    const { conversation, to } = opened(workspace, caller);
    const end = await sessionEnd(id, conversation);
    to(end);
    const session = sessions.open(id, workspace.id, caller, end);
    conversation.begin();
    return session;
  };

  return {
    handlers: {
      mcpMessage: async (call) => {
        const request = requestOf(call, "POST");
        const session = await sessionOf(call, request, call.query.conversation);
        return await answer(sessions, session, request, call);
      },
      mcpStream: async (call) => {
        const workspace = await context.workspace(call.params.workspace, call.caller);
        const session = sessions.find(sessionIdOf(call), workspace.id, call.caller);
        // Only messages are taken without an answer.
        return (await answer(sessions, session, requestOf(call, "GET"), call)) as Streamed;
      },
      mcpEnd: async (call) => {
        const workspace = await context.workspace(call.params.workspace, call.caller);
        await sessions.end(sessions.find(sessionIdOf(call), workspace.id, call.caller).id);
        return { status: 200 };
      },
    },
    [Symbol.asyncDispose]: () => sessions[Symbol.asyncDispose](),
  };
}

function conversationOf(
  context: RunnerContext,
  { id, name }: Workspace,
  caller: Caller,
  onOpened: () => void,
): Conversation {
  return new Conversation({
    where: `the workspace ${name}`,
    open: async (signal) => {
      const lease = await context.runtimes.lease(await context.workspace(id, caller), signal);
      return { runtime: lease.runtime, [Symbol.asyncDispose]: async () => lease[Symbol.dispose]() };
    },
    tools: { readOnly: !holds(caller.scope, "operate"), hooks: auditHooks(context, id) },
    onOpened,
  });
}

/** Calls that change something are on record: which tool, and what came of it; never what it was given. */
function auditHooks(context: RunnerContext, workspace: string): ToolHooks {
  return {
    after({ tool, readOnly }, { error }) {
      if (readOnly) return undefined;
      const code = error?.code;
      context.emit({
        type: "tool.called",
        message: `${tool} was called${code === undefined ? "" : `, and failed: ${code}`}`,
        workspace,
        data: { tool, ...(code === undefined ? {} : { code }) },
      });
      return undefined;
    },
  };
}

/** What MCP's own parts understand. Its signal is aborted when the client leaves, or the runner stops. */
function requestOf(call: McpCall, method: "GET" | "POST"): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(call.headers)) {
    if (typeof value === "string" && name !== "content-length" && name !== "transfer-encoding") {
      headers.set(name, value);
    }
  }
  const url = new URL(`/v1/workspaces/${encodeURIComponent(call.params.workspace)}/mcp`, call.origin);
  return new Request(url, { method, headers, signal: call.signal });
}

interface Streamed {
  readonly status: 200;
  readonly stream: AsyncIterable<Uint8Array>;
  readonly headers: Record<string, string>;
}

/** Answers in a session, which is in use until the last byte of the answer. */
async function answer(
  sessions: Sessions<HttpEnd>,
  session: McpSession,
  request: Request,
  call: McpCall,
): Promise<{ readonly status: 202 } | Streamed> {
  const inUse = sessions.use(session);
  let response: Response;
  try {
    response = await session.ends.answer(request, call.body);
  } catch (error) {
    inUse[Symbol.dispose]();
    throw error;
  }
  const { status, body } = response;
  const headers = Object.fromEntries(
    ["content-type", "mcp-session-id", "allow"].flatMap((name) => {
      const value = response.headers.get(name);
      return value === null ? [] : [[name, value]];
    }),
  );
  if (body === null) {
    inUse[Symbol.dispose]();
    if (status === 202) return { status };
  }
  // What the protocol itself refuses has a status of its own, which the table of routes does not name.
  return { status: status as 200, stream: chunksOf(body, call.signal, inUse), headers };
}

async function* chunksOf(
  body: ReadableStream<Uint8Array> | null,
  signal: AbortSignal,
  inUse: Disposable,
): AsyncGenerator<Uint8Array> {
  using _ = inUse;
  if (body === null) return;
  const reader = body.getReader();
  const stop = (): void => void reader.cancel().catch(() => undefined);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}

function sessionIdOf({ headers }: McpCall): string {
  const id = headers["mcp-session-id"];
  if (typeof id === "string") return id;
  throw invalid("the header Mcp-Session-Id is missing: a session begins with `initialize`", "Mcp-Session-Id");
}

function requireAccept({ headers }: McpCall): void {
  const { accept = "" } = headers;
  if (accept.includes("application/json") && accept.includes("text/event-stream")) return;
  throw invalid("the header Accept has to name application/json and text/event-stream", "Accept");
}

function invalid(message: string, field: string): BerthError {
  return berthError("request.invalid", { hop: "runner", message, context: { fields: [field] } });
}
