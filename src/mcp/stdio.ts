import type { Readable, Writable } from "node:stream";
import type { Server } from "@modelcontextprotocol/server";
import { StdioServerTransport, serveStdio } from "@modelcontextprotocol/server/stdio";
import { toBerthError } from "../contract/errors.ts";
import { Conversation, type ConversationOptions } from "./conversation.ts";
import { rootOfClient } from "./roots.ts";
import { type BerthServer, createBerthServer } from "./server.ts";

/** Of one message; a larger one ends the connection. */
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;

export interface StdioOptions extends Omit<ConversationOptions, "onOpened" | "onFailed"> {
  readonly stdin: Readable;
  readonly stdout: Writable;
  /** The client's roots may narrow where the tools work. */
  readonly usesRoots: boolean;
  /** A line for people. stdout is the protocol's. */
  readonly tell: (text: string) => void;
  /** Ends it, as the end of stdin does. */
  readonly signal: AbortSignal;
}

/**
 * Serves one client on a pair of streams until it is gone: its stdin has ended, or nobody reads its stdout. Settles when
 * all is ended that it has started and that is not to stay.
 */
export async function serveStreams(options: StdioOptions): Promise<void> {
  const { stdin, stdout, tell, signal } = options;
  let current: BerthServer | undefined;
  const conversation = new Conversation({
    ...options,
    onOpened: (runtime) => {
      tell(`connected to ${runtime.description}`);
      current?.placeOpened();
    },
    onFailed: ({ code, message, hint }) => tell(`${message} (${code})${hint === "" ? "" : ` ${hint}`}`),
  });
  if (options.usesRoots) {
    conversation.chooseRoot = async (runtime) =>
      await rootOfClient(current?.server ?? NO_CLIENT, runtime, tell);
  }
  conversation.begin();
  const gone = whenGone(stdin, stdout, signal);
  const serving = serveStdio(
    () => {
      current = createBerthServer(conversation);
      return current.server;
    },
    {
      transport: new StdioServerTransport(stdin, stdout, { maxBufferSize: MAX_MESSAGE_BYTES }),
      onerror: (error) => tell(toBerthError(error, "client").message),
    },
  );
  await gone;
  await Promise.all([conversation.close(), serving.close()]);
}

const NO_CLIENT: Pick<Server, "getClientCapabilities" | "listRoots"> = {
  getClientCapabilities: () => undefined,
  listRoots: async () => ({ roots: [] }),
};

function whenGone(stdin: Readable, stdout: Writable, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = (): void => resolve();
  for (const event of ["end", "close", "error"]) stdin.once(event, end);
  for (const event of ["close", "error"]) stdout.once(event, end);
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  return promise;
}
