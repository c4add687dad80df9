import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type BerthError, berthError, toBerthError } from "../../contract/errors.ts";
import type { BerthEventInput } from "../../contract/events.ts";
import type { Runtime } from "../../contract/runtime.ts";
import type { Workspace } from "../../contract/workspace.ts";
import { TestPlace } from "../../runtimes/daemon/testing.ts";
import { openRemoteWith } from "../../runtimes/remote/open.ts";
import type { Caller, RunnerContext } from "../context.ts";
import { wireUpgrades } from "./gateway.ts";

export const WORKSPACE_ID = "w0123456789";

/**
 * The gateway behind a server of its own, in front of a real daemon in this process. What the rest of a runner does
 * (tokens, workspaces, the pool) is a stand-in.
 */
export class TestGateway implements AsyncDisposable {
  readonly place: TestPlace;
  readonly runtime: Runtime;
  readonly events: BerthEventInput[] = [];
  readonly counts = new Map<string, number>();
  clients = 0;
  leases = 0;
  caller: Partial<Caller> = {};
  /** Thrown in place of a lease. */
  refusal: BerthError | undefined;
  #server: Server;
  readonly #sockets = new Set<Duplex>();
  #port = 0;
  readonly #stopping = new AbortController();

  private constructor(place: TestPlace, runtime: Runtime) {
    this.place = place;
    this.runtime = runtime;
    this.#server = this.#serve();
  }

  static async open(options: Parameters<TestPlace["runtime"]>[0] = {}): Promise<TestGateway> {
    const place = await TestPlace.open();
    const runtime = await place.runtime({ workspace: WORKSPACE_ID, ...options });
    const gateway = new TestGateway(place, runtime);
    await gateway.#listen();
    return gateway;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Connections that are open now. */
  get sockets(): number {
    return this.#sockets.size;
  }

  async remote(options: { readonly onEvent?: (event: BerthEventInput) => void } = {}): Promise<Runtime> {
    process.env.BERTH_TEST_RUNNER_TOKEN = "token";
    const token = { env: "BERTH_TEST_RUNNER_TOKEN" };
    const config = { type: "remote", url: this.url, workspace: "one", token } as const;
    return openRemoteWith(config, { options }, undefined);
  }

  /** All connections go, without a word. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** As a killed runner: connections go, and nobody listens. */
  async down(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    await closed;
  }

  /** Listens on the same port again. */
  async up(): Promise<void> {
    this.#server = this.#serve();
    await this.#listen();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    if (this.#server.listening) await this.down();
    await this.runtime.close();
    await this.place[Symbol.asyncDispose]();
  }

  #serve(): Server {
    const upgrades = wireUpgrades(this.#context());
    const server = createServer((_request, response) => response.writeHead(404).end());
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    server.on("upgrade", (request, socket, head) => {
      const answer = (cause: unknown) => {
        const body = JSON.stringify({ error: toBerthError(cause, "runner") });
        socket.end(`HTTP/1.1 503 Refused\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
      };
      socket.on("error", () => undefined);
      const caller: Caller = {
        tokenId: "local",
        name: "tests",
        scope: "admin",
        workspaces: undefined,
        address: "127.0.0.1",
        requestId: "req_1",
        ...this.caller,
      };
      const upgrade = { params: { workspace: "one" }, query: {}, caller, request, socket, head };
      Promise.resolve(upgrades.wire(upgrade)).catch(answer);
    });
    return server;
  }

  #listen(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.listen(this.#port, "127.0.0.1", () => {
        this.#port = (this.#server.address() as AddressInfo).port;
        resolve();
      });
    });
  }

  #context(): RunnerContext {
    const context: Partial<RunnerContext> = {
      workspace: async () => ({ id: WORKSPACE_ID, name: "one" }) as Workspace,
      runtimes: {
        lease: async () => {
          if (this.refusal !== undefined) throw this.refusal;
          this.leases += 1;
          return {
            runtime: this.runtime,
            [Symbol.dispose]: () => {
              this.leases -= 1;
            },
          };
        },
        health: () => [],
        connected: () => new Map(),
        drop: async () => undefined,
        [Symbol.asyncDispose]: async () => undefined,
      },
      emit: (event) => this.events.push(event),
      metrics: {
        count: (name: string, labels: Readonly<Record<string, string>>, by = 1) => {
          const key = [name, ...Object.values(labels)].join(" ");
          this.counts.set(key, (this.counts.get(key) ?? 0) + by);
        },
        gauge: (name: string, value: number) => {
          if (name === "berth_wire_clients") this.clients = value;
        },
        observe: () => undefined,
      } as RunnerContext["metrics"],
      log: { debug: () => undefined } as unknown as RunnerContext["log"],
      stopping: this.#stopping.signal,
    };
    return context as RunnerContext;
  }
}

export const PLACE_DOWN = berthError("transport.unavailable", { hop: "runner", hint: "Start the host." });
