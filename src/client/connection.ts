import type { SocketOpener } from "./socket.ts";

/** How a client reaches its runner. */
export interface RunnerClientOptions {
  /** "http://127.0.0.1:7333", "https://runner.example:7333"; a path before /v1 is kept. */
  readonly url: string;
  /** Of the runner; without one only what needs none can be called. */
  readonly token?: string | undefined;
  /** Key of a session, for a page of the runner's own origin: the browser adds the cookie that belongs to it. */
  readonly session?: string | undefined;
  /** PEM text of certificates that the runner's is signed by. Node only; elsewhere the system's are all there are. */
  readonly ca?: string | undefined;
  /** In place of the global fetch. */
  readonly fetch?: ((request: Request) => Promise<Response>) | undefined;
}

/** What the parts of a client share. */
export interface Connection {
  /** Ends with a slash. */
  readonly url: URL;
  /** By which the runner knows who calls. */
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch: (request: Request) => Promise<Response>;
  readonly openSocket: SocketOpener;
  /** A browser allows six to an origin, all tabs together, WebSockets not counted: streams had better be such. */
  readonly hasFewConnections: boolean;
}

const isNode = typeof process !== "undefined" && process.versions?.node !== undefined;

/** Node gets what browsers have no way for: headers of a WebSocket, and certificates. */
export function connectionOf({ url, token, session, ca, fetch }: RunnerClientOptions): Connection {
  const base = new URL(url.endsWith("/") ? url : `${url}/`);
  const send =
    fetch ?? (!isNode || ca === undefined ? (request: Request) => globalThis.fetch(request) : fetchWith(ca));
  return {
    url: base,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(session === undefined ? {} : { "berth-session": session }),
    },
    fetch: keepingRequests(send),
    hasFewConnections: !isNode,
    openSocket: async (target, handlers) => {
      const given = { token, session, ca };
      if (isNode) return (await import("./node-socket.ts")).openNodeSocket(target, given, handlers);
      return (await import("./page-socket.ts")).openPageSocket(target, given, handlers);
    },
  };
}

/** By the body that each was answered with. */
const requests = new WeakMap<object, Request>();

/**
 * In Node a request's signal goes on ending what it was given to only while somebody has the request: once it is
 * collected, neither the caller's signal nor a limit of time ends an answer that is still read. So the body has it.
 */
function keepingRequests(send: Connection["fetch"]): Connection["fetch"] {
  return async (request) => {
    const response = await send(request);
    if (response.body !== null) requests.set(response.body, request);
    return response;
  };
}

function fetchWith(ca: string): Connection["fetch"] {
  return async (request) => (await import("./node-fetch.ts")).nodeFetch(request, ca);
}
