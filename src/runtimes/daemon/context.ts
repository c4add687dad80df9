import { randomBytes } from "node:crypto";
import type { CapabilityName } from "../../contract/capabilities.ts";
import type { BerthError } from "../../contract/errors.ts";
import type { Command, CommandOptions } from "../../contract/process.ts";
import { within } from "../../contract/within.ts";
import type { ParamsInput } from "../../wire/messages.ts";
import type { WireClient } from "../../wire/types.ts";
import {
  commandArgv,
  type EnvironmentPairs,
  environmentPairs,
  type PathContext,
  placePath,
} from "../common/command.ts";
import { milliseconds } from "../common/milliseconds.ts";
import { isDisconnect, type Link } from "./link.ts";

/** Something under way that the runtime's `close()` has to end. */
export interface Closable {
  shutdown(reason: BerthError): void | Promise<void>;
}

export interface RuntimeContextOptions {
  readonly link: Link;
  readonly paths: PathContext;
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly user?: string | undefined;
  readonly workspace?: string | undefined;
  readonly processLogDir?: string | undefined;
  /** Names of the daemon's own user, which needs no capability. */
  readonly ownUser: readonly string[];
  /** @throws runtime.capability_unsupported */
  readonly require: (capability: CapabilityName) => void;
}

/** What all parts of one daemon runtime share. */
export class RuntimeContext {
  readonly link: Link;
  readonly paths: PathContext;
  readonly user: string | undefined;
  readonly workspace: string | undefined;
  readonly require: (capability: CapabilityName) => void;
  /** Everything that `close()` ends. */
  readonly open = new Set<Closable>();
  readonly #logDirectory: string | undefined;
  readonly #environment: EnvironmentPairs;
  readonly #ownUser: readonly string[];
  readonly #background = new Set<Promise<void>>();
  readonly #requestPrefix = randomBytes(12).toString("base64url");
  #requests = 0;

  constructor(options: RuntimeContextOptions) {
    this.link = options.link;
    this.paths = options.paths;
    this.user = options.user;
    this.workspace = options.workspace;
    this.#logDirectory = options.processLogDir;
    this.require = options.require;
    this.#ownUser = options.ownUser;
    this.#environment = environmentPairs(options.env);
  }

  /**
   * As whom something is done: the call's user, else the runtime's.
   * @throws runtime.capability_unsupported for another user than the daemon's where it can't be another
   */
  userFor(asked: string | undefined): string | undefined {
    if (asked !== undefined && !this.#ownUser.includes(asked)) this.require("user");
    return asked ?? this.user;
  }

  /**
   * What `process.start` and its repeats send, without `attach`.
   * @throws process.argument_invalid, process.env_invalid, config.invalid, runtime.capability_unsupported
   */
  startParams(command: Command, options: CommandOptions): ParamsInput<"process.start"> {
    const { argv, shellLookup } = commandArgv(command, options.shell);
    if (options.keepOutput !== undefined) this.require("daemon");
    return {
      requestId: options.requestId ?? this.requestId(),
      command: argv,
      cwd: options.cwd === undefined ? this.paths.workdir : placePath(options.cwd, this.paths),
      env: environmentPairs(options.env, this.#environment),
      user: this.userFor(options.user),
      workspace: this.workspace,
      logDirectory: this.#logDirectory,
      stderr: options.stderr,
      shellLookup: shellLookup || undefined,
      timeoutMs: milliseconds("timeoutMs", options.timeoutMs, 1),
      killGraceMs: milliseconds("killGraceMs", options.killGraceMs, 0),
      drainMs: milliseconds("drainMs", options.drainMs, 0),
      overflow: options.overflow,
      logLimitBytes: options.logLimitBytes,
      keepOutput: options.keepOutput,
    };
  }

  /** A name for a request that may have to be sent again. */
  requestId(): string {
    return `${this.#requestPrefix}.${(this.#requests++).toString(36)}`;
  }

  /**
   * Ends a process that nobody waits for any more: sent at once, and again on every reconnect until the daemon
   * that has the process has answered. What could not be ended is an event.
   */
  endInBackground(id: string, bootId: string | undefined, graceMs: number | undefined): void {
    this.track(this.#end(id, bootId, graceMs));
  }

  /** Settles when nothing is under way in the background, or after `limitMs`. */
  async settle(limitMs: number): Promise<void> {
    if (this.#background.size === 0) return;
    await within(limitMs, this.#settled());
  }

  /** One task may lead to the next. */
  async #settled(): Promise<void> {
    while (this.#background.size > 0) await Promise.all(this.#background);
  }

  /** Something under way that `settle` waits for. It never rejects. */
  track(task: Promise<void>): void {
    const tracked = task.finally(() => this.#background.delete(tracked));
    this.#background.add(tracked);
  }

  async #end(id: string, bootId: string | undefined, graceMs: number | undefined): Promise<void> {
    for (;;) {
      let client: WireClient | undefined;
      try {
        client = this.link.client ?? (await this.link.reconnect(undefined, true));
        if (bootId !== undefined && client.hello.bootId !== bootId) return;
        const { left } = await client.call<"process.kill", { left: number }>("process.kill", { id, graceMs });
        this.link.emit({
          type: "process.ended",
          message:
            left === 0 ? "a command was ended" : `a command was ended; ${left} of its processes are left`,
          processId: id,
          data: { left },
        });
        return;
      } catch (error) {
        if (isDisconnect(error, client)) continue;
        const explained = this.link.explain(error);
        // The lease of the process ends it when nobody can reach the daemon.
        this.link.emit({
          type: "process.end_failed",
          message: `a command could not be ended: ${explained.message}`,
          processId: id,
          data: { code: explained.code },
        });
        return;
      }
    }
  }
}
