import { dirname } from "node:path/posix";
import { isBerthError } from "../../contract/errors.ts";
import type { OutputFile } from "../../contract/process.ts";
import { commandTimes } from "../limits.ts";
import type { PlaceShell } from "../shell.ts";
import type { ToolContext } from "../tool.ts";
import { KnownProcesses } from "./known.ts";
import { Foreground } from "./run.ts";

/** What the tools that run commands share. */
export class Commands {
  readonly context: ToolContext;
  readonly shell: PlaceShell;
  readonly known: KnownProcesses;
  readonly foreground: Foreground;
  readonly timeoutMs: number;
  readonly maxTimeoutMs: number;
  #isOlder = false;

  constructor(context: ToolContext, shell: PlaceShell) {
    this.context = context;
    this.shell = shell;
    const { timeoutMs, maxTimeoutMs } = commandTimes(context.options.bash);
    this.timeoutMs = timeoutMs;
    this.maxTimeoutMs = maxTimeoutMs;
    this.known = new KnownProcesses(context.runtime);
    this.foreground = new Foreground(this);
  }

  /** Background commands, their output and their input. */
  get canFollow(): boolean {
    const { spawn, resume } = this.context.runtime.capabilities;
    return spawn && resume;
  }

  get canKeepOutput(): boolean {
    return this.context.runtime.capabilities.daemon && !this.#isOlder;
  }

  /**
   * Starts a command; where an older daemon runs on that keeps no output in files, once more without that. It has refused
   * before anything was started.
   */
  async start<T>(start: () => Promise<T>): Promise<T> {
    try {
      return await start();
    } catch (error) {
      if (!this.canKeepOutput || !isBerthError(error, "wire.feature_unknown")) throw error;
      this.#isOlder = true;
      return await start();
    }
  }

  /** The file of whole output that a model is told of: the tools that read files may read it. */
  allow(file: OutputFile | undefined): void {
    if (file?.outputFile !== undefined) this.context.outputs.add(dirname(file.outputFile));
  }
}
