import { Agent, type ClientRequest } from "node:http";
import type { Duplex } from "node:stream";

/** An idle connection is kept so long: many servers of applications end theirs after 5 s. */
const IDLE_MS = 4_000;
/** Connections to one port of a place. */
const MAX_CONNECTIONS = 512;
const MAX_IDLE = 16;

/** Connects to a port of a workspace's place; the connection holds what it needs until it is closed. */
export type Connect = (workspaceId: string, port: number) => Promise<Duplex>;

/** What Node's agent asks of a socket, and a stream over a connection that is there has no use for. */
const SOCKET_CALLS = { ref: () => undefined, setTimeout: () => undefined };

/** Connections to ports of places, kept for the next request: `host` of a request is the workspace. */
export class PlaceAgent extends Agent {
  readonly #connect: Connect;
  readonly #idle = new WeakMap<Duplex, NodeJS.Timeout>();

  constructor(connect: Connect) {
    super({ keepAlive: true, maxSockets: MAX_CONNECTIONS, maxFreeSockets: MAX_IDLE, scheduling: "lifo" });
    this.#connect = connect;
  }

  override createConnection(
    options: {
      readonly host?: string | null | undefined;
      readonly port?: number | string | null | undefined;
    },
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    this.#connect(options.host ?? "", Number(options.port)).then(
      (stream) => callback?.(null, Object.assign(stream, SOCKET_CALLS)),
      (error: Error) => callback?.(error, undefined as unknown as Duplex),
    );
    return undefined;
  }

  override keepSocketAlive(stream: Duplex): boolean {
    this.#idle.set(stream, setTimeout(() => stream.destroy(), IDLE_MS).unref());
    return !stream.destroyed;
  }

  override reuseSocket(stream: Duplex, request: ClientRequest): void {
    clearTimeout(this.#idle.get(stream));
    super.reuseSocket(stream, request);
  }
}
