import { Server } from "@modelcontextprotocol/server";
import { VERSION } from "../contract/version.ts";
import type { Conversation } from "./conversation.ts";
import { listResources, RESOURCE_TEMPLATES, readResource } from "./resources.ts";
import { ToolRequests } from "./tool-requests.ts";

/** Nothing is asked of clients, so there is no answer of theirs to validate. */
const NO_VALIDATOR = {
  getValidator: () => () => {
    throw new Error("nothing is elicited");
  },
};

export interface BerthServer {
  readonly server: Server;
  /** The place was opened: a client that was told a list without it is told to ask again. */
  placeOpened(): void;
}

/** The server of one connection: a conversation's tools, files and logs in MCP's words. Closing it closes nothing else. */
export function createBerthServer(conversation: Conversation): BerthServer {
  const server = new Server(
    { name: "berth", title: "Berth", version: VERSION },
    {
      capabilities: { tools: { listChanged: true }, resources: {} },
      instructions: instructions(conversation),
      jsonSchemaValidator: NO_VALIDATOR,
    },
  );
  const tools = new ToolRequests(conversation);
  server.setRequestHandler("tools/list", () => tools.list());
  server.setRequestHandler("tools/call", async ({ params }, context) => {
    const { result, outputSchema } = await tools.call(params.name, params.arguments, context);
    return server.projectCallToolResult(result, outputSchema);
  });
  server.setRequestHandler("resources/list", (_request, { mcpReq }) =>
    listResources(conversation, mcpReq.signal),
  );
  server.setRequestHandler("resources/templates/list", () => RESOURCE_TEMPLATES);
  server.setRequestHandler("resources/read", ({ params }, { mcpReq }) =>
    readResource(conversation, params.uri, mcpReq.signal),
  );
  return {
    server,
    placeOpened() {
      if (!conversation.isListOld) return;
      conversation.isListOld = false;
      // A client that has left meanwhile needs no news.
      server.sendToolListChanged().catch(() => undefined);
    },
  };
}

function instructions({ where, readOnly }: Conversation): string {
  const what = readOnly
    ? "These tools read files of one place; nothing in it can be changed."
    : "These tools run commands and change files in one place, which need not be the machine that you run on.";
  return `${what} The place: ${where}. Paths are of the place; relative ones begin at the root of the tools.`;
}
