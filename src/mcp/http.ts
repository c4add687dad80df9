import {
  createMcpHandler,
  isLegacyRequest,
  type JSONRPCMessage,
  WebStandardStreamableHTTPServerTransport,
} from "@modelcontextprotocol/server";
import type { Conversation } from "./conversation.ts";
import { createBerthServer } from "./server.ts";

/** One client by streamable HTTP. */
export interface HttpEnd {
  readonly conversation: Conversation;
  /** Answers one request; its signal says that the client is gone, which ends what it asked for. */
  answer(request: Request, body: unknown): Promise<Response>;
  /** The place was opened. */
  placeOpened(): void;
  close(): Promise<void>;
}

/** A client of a revision that has sessions, from its `initialize` on. */
export async function sessionEnd(id: string, conversation: Conversation): Promise<HttpEnd> {
  const transport = new WebStandardStreamableHTTPServerTransport({ sessionIdGenerator: () => id });
  const { server, placeOpened } = createBerthServer(conversation);
  await server.connect(transport);
  return {
    conversation,
    placeOpened,
    async answer(request, body) {
      const requestId = idOf(body);
      if (requestId !== undefined) {
        // Its answer can't be fetched later: who does not wait for it has given it up.
        request.signal.addEventListener("abort", () => cancel(transport, requestId), { once: true });
      }
      return await transport.handleRequest(request, body === undefined ? {} : { parsedBody: body });
    },
    close: () => server.close(),
  };
}

/** Clients of revision 2026-07-28, where each request stands alone: they share a conversation. */
export function sharedEnd(conversation: Conversation): HttpEnd {
  const handler = createMcpHandler(() => createBerthServer(conversation).server, { legacy: "reject" });
  return {
    conversation,
    placeOpened: () => handler.notify.toolsChanged(),
    answer: (request, body) => handler.fetch(request, body === undefined ? {} : { parsedBody: body }),
    close: () => handler.close(),
  };
}

/** Whether a request is of a revision that has sessions. */
export function needsSession(request: Request, body: unknown): Promise<boolean> {
  return isLegacyRequest(request, body);
}

/** A request that opens a session. */
export function isInitialize(body: unknown): boolean {
  return (body as { readonly method?: unknown } | undefined)?.method === "initialize";
}

function idOf(body: unknown): string | number | undefined {
  const { id, method } = (body ?? {}) as { readonly id?: string | number; readonly method?: string };
  return method === undefined ? undefined : id;
}

function cancel(transport: WebStandardStreamableHTTPServerTransport, requestId: string | number): void {
  const message: JSONRPCMessage = {
    jsonrpc: "2.0",
    method: "notifications/cancelled",
    params: { requestId, reason: "the client is gone" },
  };
  transport.onmessage?.(message);
}
