import type { Duplex } from "node:stream";
import type { Capabilities, CapabilityName, Isolation } from "../../contract/capabilities.ts";
import type { RuntimeConfig } from "../../contract/config.ts";
import { berthError } from "../../contract/errors.ts";
import type { FileSystem } from "../../contract/files.ts";
import type { ListeningPort } from "../../contract/listening.ts";
import type {
  Command,
  ExecHandle,
  ExecOptions,
  Process,
  ProcessInfo,
  SpawnOptions,
} from "../../contract/process.ts";
import type {
  CheckOptions,
  CheckReport,
  ConnectOptions,
  Forward,
  ForwardOptions,
  ReverseForwardOptions,
  Runtime,
  ShellOptions,
} from "../../contract/runtime.ts";
import { within } from "../../contract/within.ts";
import type { Hello } from "../../wire/messages.ts";
import type { WireClient } from "../../wire/types.ts";
import { BulkLink } from "./bulk-link.ts";
import { daemonCapabilities } from "./capabilities.ts";
import { checkRuntime } from "./check.ts";
import { RuntimeContext } from "./context.ts";
import { ExecRun } from "./exec.ts";
import { requireFeatures, requirePorts, requireScopes } from "./features.ts";
import { RemoteFiles } from "./files.ts";
import { connectPort, forwardPort, reverseForwardPort } from "./forward.ts";
import { Link } from "./link.ts";
import type { DaemonRuntimeOptions, DialOptions } from "./options.ts";
import { getProcess, ProcessHandle, spawnProcess } from "./process.ts";
import { processInfo } from "./process-info.ts";

/** How long `close()` waits for the daemon to say that what is being ended has ended. */
const CLOSE_LIMIT_MS = 5_000;

/**
 * The runtime over a daemon in the place, the same for every kind of place. Dials unless a connection is given.
 * @throws whatever `dial` throws, process.env_invalid, wire.feature_unknown
 */
export async function createDaemonRuntime(given: DaemonRuntimeOptions): Promise<Runtime> {
  const options = { ...given, dial: (dialOptions: DialOptions) => dialChecked(given, dialOptions) };
  const link = new Link(options, options.client);
  try {
    const { hello } = link.client ?? (await link.connect());
    requireFeatures(hello, options);
    return new DaemonRuntime(options, link, hello);
  } catch (error) {
    const explained = link.explain(error);
    link.close();
    throw explained;
  }
}

/** What lets a gateway hand the daemon of an open runtime on to another client, as this runtime itself uses it. */
export interface DaemonAccess {
  /** A connection of the other client's own. @throws what dialling throws, wire.feature_unknown, runtime.closed */
  dial(options: { readonly clientId: string; readonly signal: AbortSignal }): Promise<WireClient>;
  readonly workspace: string | undefined;
  /** What every command of the runtime gets; what a request itself says wins. */
  readonly env: Readonly<Record<string, string | undefined>> | undefined;
  readonly user: string | undefined;
  readonly processLogDir: string | undefined;
  readonly mapPath: ((path: string) => string) | undefined;
}

/** undefined where the runtime has no daemon. */
export function daemonAccess(runtime: Runtime): DaemonAccess | undefined {
  return runtime instanceof DaemonRuntime ? runtime.access() : undefined;
}

/** Whatever daemon answers has to know what is asked of it, also the one of a reconnect. */
async function dialChecked(options: DaemonRuntimeOptions, dialOptions: DialOptions): Promise<WireClient> {
  const client = await options.dial(dialOptions);
  try {
    requireFeatures(client.hello, options);
    return client;
  } catch (error) {
    client.close();
    throw error;
  }
}

/** One daemon in one place. It holds one link; those of older daemons beside it would stand beside it here. */
class DaemonRuntime implements Runtime {
  readonly kind: RuntimeConfig["type"];
  readonly description: string;
  readonly isolation: Isolation;
  readonly capabilities: Capabilities;
  readonly workdir: string;
  readonly fs: FileSystem;
  readonly #options: DaemonRuntimeOptions;
  readonly #link: Link;
  readonly #bulk: BulkLink;
  readonly #context: RuntimeContext;
  #closing: Promise<void> | undefined;

  constructor(options: DaemonRuntimeOptions, link: Link, hello: Hello) {
    this.#options = options;
    this.#link = link;
    this.kind = options.kind;
    this.description = options.description;
    this.isolation = options.isolation;
    this.capabilities = daemonCapabilities(hello, options.capabilities);
    this.workdir = typeof options.workdir === "string" ? options.workdir : options.workdir(hello);
    this.#context = new RuntimeContext({
      link,
      paths: { workdir: this.workdir, mapPath: options.mapPath },
      env: options.env,
      user: options.user,
      workspace: options.workspace,
      processLogDir: options.processLogDir,
      ownUser: ownUser(hello),
      require: (capability) => this.#require(capability),
    });
    const { bulkConnection = false } = options;
    const isCheap = typeof bulkConnection === "function" ? bulkConnection : () => bulkConnection;
    this.#bulk = new BulkLink(link, options, isCheap);
    this.fs = new RemoteFiles(this.#context, this.#bulk);
  }

  exec(command: Command, options: ExecOptions = {}): ExecHandle {
    return new ExecRun(this.#context, command, options);
  }

  async spawn(command: Command, options: SpawnOptions = {}): Promise<Process> {
    return await this.#spawn(command, options, false);
  }

  async shell({ login = false, ...options }: ShellOptions = {}): Promise<Process> {
    return await this.#spawn(login ? ["$SHELL", "-l"] : ["$SHELL"], { tty: true, ...options }, true);
  }

  async #spawn(command: Command, options: SpawnOptions, userShell: boolean): Promise<Process> {
    this.#require("spawn");
    if (options.tty !== undefined && options.tty !== false) this.#require("tty");
    if (options.detached) this.#require("daemon");
    try {
      return await spawnProcess(this.#context, command, options, userShell);
    } catch (error) {
      throw this.#link.explain(error);
    }
  }

  async process(idOrName: string, options: { readonly signal?: AbortSignal } = {}): Promise<Process> {
    return new ProcessHandle(this.#context, await getProcess(this.#context, idOrName, options.signal));
  }

  async processes(options: { readonly signal?: AbortSignal } = {}): Promise<ProcessInfo[]> {
    const { workspace } = this.#options;
    const repeatable = { signal: options.signal, repeatable: true };
    const result = await this.#link.call("process.list", { workspace }, repeatable);
    const { processes } = (result ?? {}) as { processes?: unknown };
    if (!Array.isArray(processes)) throw berthError("wire.protocol_error", { runtime: this.description });
    return processes.map(processInfo);
  }

  async ports(options: { readonly signal?: AbortSignal } = {}): Promise<ListeningPort[]> {
    requirePorts((this.#link.client ?? (await this.#link.connect(options.signal))).hello);
    const repeatable = { signal: options.signal, repeatable: true };
    const result = await this.#link.call("process.ports", { workspace: this.#options.workspace }, repeatable);
    const { ports } = (result ?? {}) as { ports?: unknown };
    if (!Array.isArray(ports)) throw berthError("wire.protocol_error", { runtime: this.description });
    return ports.flatMap(listeningPort);
  }

  async forward(remotePort: number, options: ForwardOptions = {}): Promise<Forward> {
    this.#require("forward");
    return await forwardPort(this.#context, remotePort, options);
  }

  async connect(remotePort: number, options: ConnectOptions = {}): Promise<Duplex> {
    this.#require("forward");
    return await connectPort(this.#context, remotePort, options);
  }

  async reverseForward(localPort: number, options: ReverseForwardOptions = {}): Promise<Forward> {
    this.#require("reverseForward");
    return await reverseForwardPort(this.#context, localPort, options);
  }

  check(options: CheckOptions = {}): Promise<CheckReport> {
    return checkRuntime(this, this.#link, this.#options.check, options);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Ends what this client started and did not detach, and waits for it, but not for a place that is away. */
  async #close(): Promise<void> {
    const reason = berthError("runtime.closed", { runtime: this.description });
    if (this.#link.client !== undefined) {
      const open = [...this.#context.open].reverse();
      await within(CLOSE_LIMIT_MS, Promise.allSettled(open.map(async (held) => held.shutdown(reason))));
      await this.#context.settle(CLOSE_LIMIT_MS);
    }
    this.#bulk.close();
    this.#link.close();
    await this.#options.close?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  access(): DaemonAccess {
    const { dial, workspace, env, user, processLogDir, mapPath } = this.#options;
    return {
      workspace,
      env,
      user,
      processLogDir,
      mapPath,
      dial: async (options) => {
        if (this.#closing !== undefined) throw berthError("runtime.closed", { runtime: this.description });
        const client = await dial({ ...options, purpose: "relay" });
        try {
          requireScopes(client.hello);
          return client;
        } catch (error) {
          client.close();
          throw error;
        }
      },
    };
  }

  #require(capability: CapabilityName): void {
    if (this.capabilities[capability]) return;
    const reason = this.capabilities.reasons[capability];
    throw berthError("runtime.capability_unsupported", {
      runtime: this.description,
      context: { capability },
      ...(reason === undefined
        ? {}
        : { message: `${capability} is not available in this runtime: ${reason}` }),
    });
  }
}

/** As the daemon tells it, what is malformed left out. */
function listeningPort(value: unknown): ListeningPort | [] {
  const { port, host, processId, command } = (value ?? {}) as Record<string, unknown>;
  if (typeof port !== "number" || typeof host !== "string") return [];
  return {
    port,
    host,
    ...(typeof processId === "string" ? { processId } : {}),
    ...(typeof command === "string" ? { command } : {}),
  };
}

/** All that names the user of the daemon. */
function ownUser({ user }: Hello): string[] {
  return user === undefined ? [] : [user.name, String(user.uid), `${user.uid}:${user.gid}`];
}
