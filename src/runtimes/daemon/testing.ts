import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { createDaemon, type Daemon } from "../../berthd/server.ts";
import type { BerthEventInput } from "../../contract/events.ts";
import type { Runtime } from "../../contract/runtime.ts";
import { connectWire } from "../../wire/connection.ts";
import { loopbackPair } from "../../wire/loopback.ts";
import type { WireClient } from "../../wire/types.ts";
import type { DaemonRuntimeOptions, DialOptions } from "./options.ts";
import { createDaemonRuntime } from "./runtime.ts";

const HELPER = new URL("../../../native/build/linux-x64/berth-helper", import.meta.url).pathname;
const TOKEN = "t".repeat(64);

/** A real daemon in this process, dialled over memory: only the transport is a stand-in. */
export class TestPlace implements AsyncDisposable {
  readonly directory: string;
  readonly events: BerthEventInput[] = [];
  daemon: Daemon;
  /** Number of connections that were made. */
  dials = 0;
  /** Called before each dial; throws to refuse it. */
  beforeDial: (options: DialOptions) => void | Promise<void> = () => {};
  /** Called with both ends of each new connection. */
  onConnection: (near: Duplex, far: Duplex, options: DialOptions) => void = () => {};
  #last: Duplex | undefined;

  private constructor(directory: string, daemon: Daemon) {
    this.directory = directory;
    this.daemon = daemon;
  }

  static async open(): Promise<TestPlace> {
    const directory = await mkdtemp(join(tmpdir(), "berth-place-"));
    return new TestPlace(directory, await startDaemon(directory));
  }

  readonly dial = async (options: DialOptions): Promise<WireClient> => {
    await this.beforeDial(options);
    this.dials++;
    const [near, far] = loopbackPair();
    this.daemon.accept(far);
    this.#last = near;
    this.onConnection(near, far, options);
    return await connectWire(near, {
      token: TOKEN,
      clientId: options.clientId ?? `test-${this.directory}`,
      version: "0",
      signal: options.signal,
    });
  };

  /** Ends the newest connection as a lost network would. */
  cut(): void {
    this.#last?.destroy();
  }

  /** Another daemon with another boot id takes its place. */
  async restart(): Promise<void> {
    const before = this.daemon;
    this.daemon = await startDaemon(this.directory);
    await before.close();
  }

  runtime(options: Partial<DaemonRuntimeOptions> = {}): Promise<Runtime> {
    return createDaemonRuntime({
      kind: "local",
      description: "test place",
      isolation: { filesystem: "shared", processes: "shared", network: "shared", kernel: "shared" },
      workdir: this.directory,
      dial: this.dial,
      retry: { baseMs: 5, maxMs: 50 },
      onEvent: (event) => this.events.push(event),
      ...options,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}

async function startDaemon(directory: string): Promise<Daemon> {
  return await createDaemon({
    directory: join(directory, `.berthd-${randomUUID()}`),
    token: TOKEN,
    helperPath: HELPER,
    loginEnvironment: false,
    nodeArgv: [process.execPath],
    softFileLimit: 0,
    log: () => {},
  });
}

/** Waits for a state; fails when it does not come. */
export async function until(condition: () => boolean | Promise<boolean>, withinMs = 20_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${condition}`);
    await delay(5);
  }
}
