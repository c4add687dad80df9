import { setTimeout as delay } from "node:timers/promises";
import { RUNNER_PORT } from "../contract/config-remote.ts";
import { berthError, isBerthError } from "../contract/errors.ts";
import { VERSION } from "../contract/version.ts";
import { privateDirectory, stateDirectoryPath } from "../runtimes/state-directory.ts";
import { isPostgres } from "../store/engine.ts";
import { type DatabaseLock, lockDatabase } from "../store/postgres-lock.ts";
import { ensureLocalToken, tokenFilePath } from "./access/local-token.ts";
import { expiryWarning, replaceTls, type TlsPair } from "./access/tls.ts";
import { type Assembled, assemble } from "./assemble.ts";
import type { RunnerContext, RunnerOptions } from "./context.ts";
import { takeOver } from "./control.ts";
import { DEFAULT_HOST } from "./defaults.ts";
import { type Hold, holdStateDirectory, reserveRunnerFile } from "./hold.ts";
import { listenLocally } from "./local-listener.ts";
import type { LogOptions } from "./observe/log.ts";
import { type RunnerFile, runningRunner } from "./runner-file.ts";

/** How long operations that are under way are waited for when a successor asks for room. */
const HAND_OVER_MS = 60_000;
/** The same, when the runner is to end. */
const STOP_MS = 10_000;
const PORT_MS = 1_000;
const PORT_LOOK_MS = 10;
/** How often is looked whether the state directory is still there. */
const DIRECTORY_LOOK_MS = 2_000;
/** The one before may take so long to end its operations, and then its calls. */
const TAKE_OVER_MS = HAND_OVER_MS + 30_000;

export interface StartRunnerOptions
  extends Partial<Omit<RunnerOptions, "tls" | "logLevel">>,
    Partial<LogOptions> {
  /** Reads certificate and key, at the start and again by `reloadTls`. */
  readonly readTls?: (() => TlsPair) | undefined;
  /** Take over from the runner that runs, on its address unless another one is given. Default false: it is refused. */
  readonly replace?: boolean | undefined;
  /** Ends the start. */
  readonly signal?: AbortSignal | undefined;
}

/** A runner that listens. */
export interface RunningRunner extends AsyncDisposable {
  /** Where programs of this machine reach it. */
  readonly url: string;
  /** Where others do, if that is elsewhere. */
  readonly publicUrl: string | undefined;
  readonly version: string;
  readonly tokenFile: string;
  /** Process that it took over from. */
  readonly replaced: number | undefined;
  readonly context: RunnerContext;
  /** Settles when it begins to end. */
  readonly stopping: Promise<void>;
  /** Settles when it has ended; with an error when nobody has asked it to. */
  readonly ended: Promise<Error | undefined>;
  /** Ends it in order; further calls do nothing. */
  stop(): void;
  /** The same for a successor: operations that are under way are given more time. */
  handOver(): void;
  /** Reads the certificate again. What can't be used is logged, and the one before stays. */
  reloadTls(): void;
}

/**
 * Starts the runner of a state directory. Whatever can go wrong is looked at before a runner that is to be replaced is
 * asked to go.
 * @throws runner.held, runner.insecure, runner.tls_invalid, port.in_use, store.*, provision.no_directory, config.invalid,
 *   cli.usage, operation.aborted
 */
export async function startRunner(options: StartRunnerOptions = {}): Promise<RunningRunner> {
  const { readTls, replace = false, signal, logTo, logFormat = "json", logLevel, ...given } = options;
  const stateDirectory = await privateDirectory(stateDirectoryPath(options.stateDirectory));
  await using stack = new AsyncDisposableStack();
  const before = replace ? runningRunner(stateDirectory) : undefined;
  let hold =
    before === undefined ? stack.use(await holdStateDirectory(stateDirectory, { signal })) : undefined;
  const runnerOptions: RunnerOptions = {
    ...given,
    stateDirectory,
    host: options.host ?? before?.host ?? DEFAULT_HOST,
    port: options.port ?? before?.port ?? RUNNER_PORT,
    tls: readTls?.(),
  };
  ensureLocalToken(stateDirectory);
  const log = { logTo: logTo ?? { write: () => {} }, logFormat, logLevel };
  const assembled = stack.use(await assemble(runnerOptions, log));
  const running = new Runner(assembled, runnerOptions, readTls, before);
  using _room = before === undefined ? undefined : reserveRunnerFile(stateDirectory);
  hold ??= stack.use(await takeOver(stateDirectory, { waitMs: TAKE_OVER_MS, signal }));
  const { database } = runnerOptions;
  if (database !== undefined && isPostgres(database)) {
    stack.use(await lock(database, (error) => void running.end(STOP_MS, error)));
  }
  if (signal?.aborted) throw berthError("operation.aborted", { hop: "runner" });
  await running.listen(hold, stack);
  running.owns(stack.move());
  return running;
}

class Runner implements RunningRunner {
  url = "";
  publicUrl: string | undefined;
  readonly version = VERSION;
  readonly tokenFile: string;
  readonly replaced: number | undefined;
  readonly context: RunnerContext;
  readonly #assembled: Assembled;
  readonly #options: RunnerOptions;
  readonly #readTls: StartRunnerOptions["readTls"];
  readonly #stopping = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<Error | undefined>();
  #hold: Hold | undefined;
  #stack: AsyncDisposableStack | undefined;
  #ending: Promise<void> | undefined;

  constructor(
    assembled: Assembled,
    options: RunnerOptions,
    readTls: StartRunnerOptions["readTls"],
    before: RunnerFile | undefined,
  ) {
    this.context = assembled.context;
    this.#assembled = assembled;
    this.#options = options;
    this.#readTls = readTls;
    this.replaced = before?.pid;
    this.tokenFile = tokenFilePath(options.stateDirectory);
  }

  get stopping(): Promise<void> {
    return this.#stopping.promise;
  }

  get ended(): Promise<Error | undefined> {
    return this.#ended.promise;
  }

  /** From here on it serves, and other programs find it. */
  async listen(hold: Hold, stack: AsyncDisposableStack): Promise<void> {
    const { server, context } = this.#assembled;
    const { tls, host, publicUrl } = this.#options;
    const listens = await listening(server);
    const port = Number(new URL(listens).port) || (tls === undefined ? 80 : 443);
    this.url = tls === undefined ? listens : stack.use(await listenLocally(server.node)).url;
    this.publicUrl = publicUrl ?? (tls === undefined ? undefined : listens);
    hold.publish({ url: this.url, host, port, instanceId: context.instanceId, startedAt: context.startedAt });
    this.#hold = hold;
    const looks = setInterval(() => this.#lookAtDirectory(hold), DIRECTORY_LOOK_MS).unref();
    stack.defer(() => clearInterval(looks));
    context.emit({
      type: "runner.started",
      message: `the runner listens on ${this.publicUrl ?? this.url}`,
      data: {
        version: VERSION,
        instanceId: context.instanceId,
        ...(this.replaced === undefined ? {} : { replaced: this.replaced }),
      },
    });
    if (tls !== undefined) this.#warnOfExpiry(tls);
  }

  /** Without its directory it would serve nobody, its tokens being gone, keep the port, and be found by no command. */
  #lookAtDirectory(hold: Hold): void {
    if (this.#ending !== undefined || hold.isInPlace()) return;
    const path = this.#options.stateDirectory;
    void this.end(STOP_MS, berthError("runner.directory_gone", { hop: "runner", context: { path } }));
  }

  owns(stack: AsyncDisposableStack): void {
    this.#stack = stack;
  }

  stop(): void {
    void this.end(STOP_MS);
  }

  handOver(): void {
    void this.end(HAND_OVER_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end(0);
  }

  /** @param waitMs for operations that are under way */
  end(waitMs: number, trouble?: Error): Promise<void> {
    this.#ending ??= this.#end(waitMs, trouble);
    return this.#ending;
  }

  async #end(waitMs: number, trouble: Error | undefined): Promise<void> {
    const { context, server } = this.#assembled;
    let failed: unknown = trouble;
    try {
      await this.#assembled.operationsEnd(waitMs);
      this.#stopping.resolve();
      // The command works by itself from now on.
      this.#hold?.withdraw();
      this.#assembled.beginToStop();
      await server.close();
      context.emit({
        type: "runner.stopped",
        message: trouble === undefined ? "the runner ends" : `the runner ends: ${trouble.message}`,
        data: { instanceId: context.instanceId },
      });
      await context.events.flush().catch(() => {});
      // The successor need not wait for the places to be let go.
      this.#hold?.[Symbol.dispose]();
      await this.#stack?.disposeAsync();
    } catch (cause) {
      failed ??= cause;
    } finally {
      this.#stopping.resolve();
      this.#ended.resolve(failed === undefined ? undefined : (failed as Error));
    }
  }

  reloadTls(): void {
    const { log } = this.context;
    const { node } = this.#assembled.server;
    if (this.#readTls === undefined || !("setSecureContext" in node)) return;
    try {
      const pair = this.#readTls();
      replaceTls(node, pair);
      log.info("the certificate was read again");
      this.#warnOfExpiry(pair);
    } catch (error) {
      log.error({ error }, "the certificate can't be used; the one before stays");
    }
  }

  #warnOfExpiry(pair: TlsPair): void {
    const warning = expiryWarning(pair);
    if (warning !== undefined) this.context.log.warn(warning);
  }
}

/**
 * Listens, also where the port is given back a moment later: the kernel takes a killed runner's lock before its sockets.
 * @throws port.in_use
 */
async function listening({ listen }: Pick<Assembled["server"], "listen">): Promise<string> {
  const endMs = performance.now() + PORT_MS;
  for (;;) {
    try {
      return await listen();
    } catch (cause) {
      if (!isBerthError(cause, "port.in_use") || performance.now() > endMs) throw cause;
      await delay(PORT_LOOK_MS);
    }
  }
}

/** @throws runner.held: another machine's runner, or that of another state directory, works on the database */
async function lock(database: string, onLost: (error: Error) => void): Promise<DatabaseLock> {
  const held = ({ holder }: { readonly holder: string }): Error =>
    berthError("runner.held", {
      hop: "runner",
      message: `another runner works on this database: ${holder}`,
      hint: "A database has one runner at a time: end that one first.",
      context: { holder },
    });
  const result = await lockDatabase(database, (other) => onLost(held(other)));
  if ("holder" in result) throw held(result);
  return result;
}
