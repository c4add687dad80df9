import { DEFAULT_LIMITS } from "./http/limits.ts";
import { closeSockets, listenOn, makeServer, type NodeServer } from "./http/node-server.ts";

/** A second way to a server. */
export interface LocalListener extends AsyncDisposable {
  readonly url: string;
}

/**
 * Lets programs of this machine reach a server that has TLS without it, at any free port of 127.0.0.1: its certificate is
 * for the names that others know, and is nothing that the command could check.
 */
export async function listenLocally(server: NodeServer): Promise<LocalListener> {
  const local = makeServer({}, DEFAULT_LIMITS, (request, response) => {
    server.emit("request", request, response);
  });
  local.on("upgrade", (request, socket, head) => server.emit("upgrade", request, socket, head));
  const url = await listenOn(local, { host: "127.0.0.1", port: 0 });
  return { url, [Symbol.asyncDispose]: () => closeSockets(local, 0) };
}
