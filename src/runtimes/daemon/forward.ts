import { connect, createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type BerthError, berthError } from "../../contract/errors.ts";
import type {
  ConnectOptions,
  Forward,
  ForwardOptions,
  ReverseForwardOptions,
} from "../../contract/runtime.ts";
import type { StreamHandler, WireClient, WireStream } from "../../wire/types.ts";
import type { Closable, RuntimeContext } from "./context.ts";
import { abortedError, isDisconnect, type Link } from "./link.ts";
import { StreamDuplex } from "./stream-duplex.ts";

const LOOPBACK = "127.0.0.1";
const LOOPBACK_6 = "::1";

/** What a forward holds: everything that `dispose` ends. */
abstract class OpenForward implements Forward, Closable {
  readonly context: RuntimeContext;
  abstract readonly localHost: string;
  abstract readonly localPort: number;
  abstract readonly remotePort: number;
  readonly #connections = new Set<Duplex>();
  disposed = false;

  constructor(context: RuntimeContext) {
    this.context = context;
    context.open.add(this);
  }

  /** Ended with the forward. */
  hold(connection: Duplex): void {
    this.#connections.add(connection);
    connection.once("close", () => this.#connections.delete(connection));
  }

  /** Bytes both ways with half-close; a failure of either side ends both. */
  join(one: Duplex, other: Duplex): void {
    this.hold(one);
    this.hold(other);
    one.on("error", () => other.destroy());
    other.on("error", () => one.destroy());
    one.on("close", () => {
      if (!one.readableEnded) other.destroy();
    });
    other.on("close", () => {
      if (!other.readableEnded) one.destroy();
    });
    one.pipe(other);
    other.pipe(one);
  }

  protected abstract stopListening(): Promise<void>;

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.disposed) return;
    this.disposed = true;
    this.context.open.delete(this);
    for (const connection of this.#connections) connection.destroy();
    await this.stopListening();
  }

  async shutdown(): Promise<void> {
    await this[Symbol.asyncDispose]();
  }
}

class LocalForward extends OpenForward {
  readonly localHost: string;
  readonly localPort: number;
  readonly remotePort: number;
  readonly #server: Server;

  constructor(context: RuntimeContext, server: Server, remotePort: number) {
    super(context);
    const address = server.address();
    if (address === null || typeof address === "string") throw berthError("internal");
    this.localHost = address.address;
    this.localPort = address.port;
    this.remotePort = remotePort;
    this.#server = server;
  }

  protected stopListening(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

/**
 * Listens here and connects there. The listener stays over reconnects; connections that were open are ended.
 * @throws port.in_use, port.invalid, operation.aborted
 */
export async function forwardPort(
  context: RuntimeContext,
  remotePort: number,
  options: ForwardOptions,
): Promise<Forward> {
  requirePort(remotePort, 1);
  requirePort(options.localPort ?? 0, 0);
  const { signal } = options;
  if (signal?.aborted) throw abortedError(signal, context.link.description);
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  await listen(server, options.localPort ?? 0, options.localHost ?? LOOPBACK);
  const forward = new LocalForward(context, server, remotePort);
  server.on("connection", (socket) => {
    forward.hold(socket);
    void connectRemote(context.link, socket, remotePort, options.remoteHost).then(
      (remote) => {
        if (forward.disposed || socket.destroyed) remote.destroy();
        else forward.join(socket, remote);
      },
      () => socket.resetAndDestroy(),
    );
  });
  if (signal !== undefined) disposeOnAbort(forward, signal);
  return forward;
}

async function connectRemote(
  link: Link,
  socket: Socket,
  port: number,
  host: string | undefined,
): Promise<StreamDuplex> {
  // Errors before the two sides are joined only end this connection.
  socket.on("error", () => socket.destroy());
  const client = link.client ?? (await link.connect());
  const remote = remoteStream(client, port, host);
  socket.on("close", () => {
    if (!socket.readableEnded) remote.destroy();
  });
  await remote.opened;
  return remote;
}

function remoteStream(client: WireClient, port: number, host: string | undefined): StreamDuplex {
  const remote = new StreamDuplex((handler) => client.request("port.connect", { port, host }, handler));
  remote.on("error", () => remote.destroy());
  return remote;
}

/**
 * One connection there; it ends with the runtime.
 * @throws port.refused, port.invalid, operation.aborted
 */
export async function connectPort(
  context: RuntimeContext,
  remotePort: number,
  { remoteHost, signal }: ConnectOptions,
): Promise<Duplex> {
  requirePort(remotePort, 1);
  const { link } = context;
  if (signal?.aborted) throw abortedError(signal, link.description);
  const client = link.client ?? (await link.connect(signal));
  const remote = remoteStream(client, remotePort, remoteHost);
  const onAbort = () => remote.destroy(signal && abortedError(signal, link.description));
  signal?.addEventListener("abort", onAbort, { once: true });
  const held: Closable = { shutdown: async () => void remote.destroy() };
  context.open.add(held);
  remote.once("close", () => context.open.delete(held));
  try {
    await remote.opened;
    return remote;
  } catch (error) {
    throw link.explain(error);
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

/**
 * Listens there and connects here. After a reconnect it listens again on the same port.
 * @throws port.in_use, port.invalid, operation.aborted
 */
export async function reverseForwardPort(
  context: RuntimeContext,
  localPort: number,
  options: ReverseForwardOptions,
): Promise<Forward> {
  requirePort(localPort, 1);
  requirePort(options.remotePort ?? 0, 0);
  const { signal } = options;
  if (signal?.aborted) throw abortedError(signal, context.link.description);
  const forward = new ReverseForward(context, localPort, options);
  try {
    await forward.listening;
  } catch (error) {
    await forward[Symbol.asyncDispose]();
    throw context.link.explain(error);
  }
  if (signal !== undefined) disposeOnAbort(forward, signal);
  return forward;
}

class ReverseForward extends OpenForward implements StreamHandler {
  readonly localHost: string;
  readonly localPort: number;
  readonly #localHosts: readonly string[];
  readonly #listening = Promise.withResolvers<void>();
  readonly #stop = new AbortController();
  #client: WireClient | undefined;
  #stream: WireStream | undefined;
  #remotePort: number;

  constructor(context: RuntimeContext, localPort: number, options: ReverseForwardOptions) {
    super(context);
    this.localPort = localPort;
    this.localHost = options.localHost ?? LOOPBACK;
    this.#localHosts = options.localHost === undefined ? [LOOPBACK, LOOPBACK_6] : [options.localHost];
    this.#remotePort = options.remotePort ?? 0;
    this.#listening.promise.catch(() => undefined);
    void context.link.connect(options.signal).then(this.#open, this.#fail);
  }

  get remotePort(): number {
    return this.#remotePort;
  }

  get listening(): Promise<void> {
    return this.#listening.promise;
  }

  readonly #open = (client: WireClient): void => {
    if (this.disposed) return;
    this.#client = client;
    this.#stream = client.request("port.listen", { port: this.#remotePort }, this);
  };

  readonly #fail = (error: unknown): void => {
    const explained = this.context.link.explain(error);
    this.#listening.reject(explained);
    if (this.disposed) return;
    this.context.link.emit({
      type: "forward.ended",
      message: `the port ${this.#remotePort} of the place is no longer forwarded: ${explained.message}`,
      data: { code: explained.code },
    });
    void this[Symbol.asyncDispose]();
  };

  onResponse(result: unknown): void {
    const port = (result as { port?: unknown } | null)?.port;
    if (typeof port === "number") this.#remotePort = port;
    this.#listening.resolve();
  }

  onEvent(value: unknown): void {
    const connection = (value as { connection?: unknown } | null)?.connection;
    if (typeof connection === "string") void this.#accept(connection);
  }

  onEnd(): void {
    this.#fail(berthError("wire.protocol_error", { message: "the listener ended by itself" }));
  }

  onReset(error: BerthError): void {
    this.#stream = undefined;
    if (!isDisconnect(error, this.#client)) this.#fail(error);
    else void this.context.link.reconnect(this.#stop.signal).then(this.#open, this.#fail);
  }

  /** A connection that can't be made here is ended there. */
  async #accept(connection: string): Promise<void> {
    const client = this.#client;
    if (client === undefined || this.disposed) return;
    const remote = new StreamDuplex((handler) => client.request("port.accept", { connection }, handler));
    remote.on("error", () => remote.destroy());
    try {
      await remote.opened;
      const local = await connectLocal(this.#localHosts, this.localPort);
      if (this.disposed || remote.destroyed) local.destroy();
      else this.join(local, remote);
    } catch {
      // Nobody listens here, or the other side has left again: that is what its peer sees.
      remote.destroy();
    }
  }

  protected async stopListening(): Promise<void> {
    this.#stop.abort();
    const stream = this.#stream;
    if (stream !== undefined && !stream.closed) stream.reset(berthError("operation.aborted"));
  }
}

async function connectLocal(hosts: readonly string[], port: number): Promise<Socket> {
  let failure: unknown;
  for (const host of hosts) {
    try {
      return await new Promise<Socket>((resolve, reject) => {
        const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
        socket.once("connect", () => resolve(socket));
        socket.once("error", reject);
      });
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const context = { port, host };
      if (cause.code === "EADDRINUSE") reject(berthError("port.in_use", { context, cause }));
      else
        reject(
          berthError("port.invalid", {
            message: `can't listen on ${host}, port ${port}: ${cause.message}`,
            context,
            cause,
          }),
        );
    });
    server.listen(port, host, () => resolve());
  });
}

function requirePort(port: number, least: number): void {
  if (!Number.isInteger(port) || port < least || port > 65535) {
    throw berthError("port.invalid", { context: { port } });
  }
}

function disposeOnAbort(forward: OpenForward, signal: AbortSignal): void {
  const onAbort = () => void forward[Symbol.asyncDispose]();
  signal.addEventListener("abort", onAbort, { once: true });
}
