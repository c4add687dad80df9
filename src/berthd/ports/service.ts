import { randomBytes } from "node:crypto";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { berthError } from "../../contract/errors.ts";
import type { Params } from "../../wire/messages.ts";
import type { WireStream } from "../../wire/types.ts";
import { EarlyInput } from "../early-input.ts";
import type { Service } from "../service.ts";
import { bridge, portError } from "./bridge.ts";
import { connectPort } from "./connect.ts";

/** A connection that nobody takes is closed after this long. */
const UNCLAIMED_MS = 30_000;
/** Connections of one listener that wait to be taken; further ones are closed. */
const MAX_UNCLAIMED = 256;

interface Unclaimed {
  readonly socket: Socket;
  readonly timer: NodeJS.Timeout;
  /** Takes it off its listener's list. */
  readonly forget: () => void;
}

/** Connections to ports of the place, and listeners in it. */
export function createPortService(): Service {
  return new PortService();
}

class PortService implements Service {
  readonly #sockets = new Set<Socket>();
  readonly #listeners = new Set<Server>();
  readonly #unclaimed = new Map<string, Unclaimed>();

  readonly methods: Service["methods"] = {
    "port.connect": (params, stream) => this.#connect(params, stream),
    "port.listen": (params, stream) => this.#listen(params, stream),
    "port.accept": (params, stream) => this.#accept(params, stream),
  };

  busy(): boolean {
    return this.#sockets.size > 0 || this.#listeners.size > 0;
  }

  async close(): Promise<void> {
    for (const id of [...this.#unclaimed.keys()]) this.#drop(id);
    for (const socket of this.#sockets) socket.destroy();
    for (const server of this.#listeners) server.close();
    this.#listeners.clear();
  }

  /** RESPONSE {} when connected, then DATA both ways. */
  async #connect(params: Params<"port.connect">, stream: WireStream): Promise<void> {
    const early = new EarlyInput(stream);
    const controller = new AbortController();
    early.onReset = () => controller.abort();
    let socket: Socket;
    try {
      socket = await connectPort(params.port, params.host, controller.signal);
    } catch (error) {
      if (early.aborted) return;
      throw portError(error, params.port);
    }
    this.#track(socket);
    stream.respond({});
    bridge(stream, socket, early);
  }

  /** RESPONSE { port }, then EVENT { connection } for each; the listener lives as long as the stream. */
  async #listen(params: Params<"port.listen">, stream: WireStream): Promise<void> {
    const own = new Set<string>();
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
    const stop = (): void => {
      server.close();
      this.#listeners.delete(server);
      for (const id of [...own]) this.#drop(id);
      stream.end();
    };
    let stopped = false;
    stream.handler = {
      onEnd: () => {},
      onReset: () => {
        stopped = true;
        stop();
      },
    };
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => reject(portError(error, params.port)));
      server.listen({ port: params.port, host: params.host ?? "127.0.0.1" }, resolve);
    });
    if (stopped) {
      server.close();
      return;
    }
    this.#listeners.add(server);
    server.on("error", (error) => stream.reset(portError(error, params.port)));
    server.on("connection", (socket) => {
      this.#track(socket);
      if (own.size >= MAX_UNCLAIMED) {
        socket.destroy();
        return;
      }
      const connection = randomBytes(12).toString("hex");
      own.add(connection);
      const drop = (): void => this.#drop(connection);
      const timer = setTimeout(drop, UNCLAIMED_MS);
      socket.on("error", drop);
      this.#unclaimed.set(connection, { socket, timer, forget: () => own.delete(connection) });
      stream.event({ connection });
    });
    stream.respond({ port: (server.address() as AddressInfo).port });
  }

  #accept(params: Params<"port.accept">, stream: WireStream): void {
    const unclaimed = this.#unclaimed.get(params.connection);
    if (unclaimed === undefined) {
      throw berthError("port.refused", {
        hop: "berthd",
        message: "the connection to the port is gone",
        hint: "It was closed by its peer, or not taken in time.",
      });
    }
    this.#unclaimed.delete(params.connection);
    unclaimed.forget();
    clearTimeout(unclaimed.timer);
    unclaimed.socket.removeAllListeners("error");
    const early = new EarlyInput(stream);
    stream.respond({});
    bridge(stream, unclaimed.socket, early);
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
  }

  #drop(id: string): void {
    const unclaimed = this.#unclaimed.get(id);
    if (unclaimed === undefined) return;
    this.#unclaimed.delete(id);
    unclaimed.forget();
    clearTimeout(unclaimed.timer);
    unclaimed.socket.destroy();
  }
}
