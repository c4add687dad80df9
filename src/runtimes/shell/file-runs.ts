import type { CapabilityName } from "../../contract/capabilities.ts";
import { type BerthError, berthError } from "../../contract/errors.ts";
import type { FileOptions } from "../../contract/files.ts";
import { placePath } from "../common/command.ts";
import { milliseconds } from "../common/milliseconds.ts";
import type { ScriptPath } from "./contained.ts";
import { fileFailure } from "./file-errors.ts";
import type { CollectOptions, ScriptResult, ShellPlace } from "./place.ts";
import { SftpContent } from "./sftp-content.ts";
import type { PlaceTools } from "./tools.ts";

/** Milliseconds without anything coming or going. */
export const DEFAULT_TIMEOUT_MS = 30_000;

/** Runs the scripts of file operations: paths, options that are not to be had, deadlines and errors. */
export class FileRuns {
  readonly #place: ShellPlace;
  readonly #unsupported: (capability: CapabilityName) => BerthError;
  /** The content of files by SFTP; undefined where the transport has no such way. */
  readonly sftp: SftpContent | undefined;

  constructor(place: ShellPlace, unsupported: (capability: CapabilityName) => BerthError) {
    this.#place = place;
    this.#unsupported = unsupported;
    this.sftp = place.sftp === undefined ? undefined : new SftpContent(this, place.sftp);
  }

  get description(): string {
    return this.#place.description;
  }

  tools(): Promise<PlaceTools> {
    return this.#place.tools();
  }

  /**
   * The path in the place, absolute or starting with `~`.
   * @throws runtime.capability_unsupported for what needs the daemon; EINVAL
   */
  path(path: string, options: FileOptions & { readonly durable?: boolean }): string {
    if (options.user !== undefined && options.user !== this.#place.user) throw this.#unsupported("user");
    if (options.durable === true) throw this.#unsupported("durableWrite");
    return placePath(path, this.#place.paths);
  }

  /** The path as scripts get it: held inside of what the options say. */
  scriptPath(at: string, { contained }: FileOptions): ScriptPath {
    if (contained === undefined) return at;
    const roots = [contained.root, ...(contained.extraRoots ?? [])];
    return { path: at, roots: roots.map((root) => placePath(root, this.#place.paths)) };
  }

  /** For what can't be held inside by the place's own tools. @throws runtime.capability_unsupported */
  refuseContained({ contained }: FileOptions): void {
    if (contained !== undefined) throw this.#unsupported("contained");
  }

  /** Runs a body to its end. @throws the error of its operation, about `path`; fs.timeout, operation.aborted */
  async run(
    body: string,
    path: string,
    options: FileOptions,
    more: Pick<CollectOptions, "input" | "onData"> & {
      /** The error of a run that failed, or undefined for one that did what it could; default: an error about `path`. */
      readonly failure?: (result: ScriptResult) => BerthError | undefined;
    } = {},
  ): Promise<ScriptResult> {
    const result = await this.#place.collect(body, {
      ...more,
      signal: options.signal,
      idleTimeoutMs: milliseconds("timeoutMs", options.timeoutMs, 1) ?? DEFAULT_TIMEOUT_MS,
      late: () =>
        berthError("fs.timeout", { hop: "transport", runtime: this.description, context: { path } }),
    });
    if (result.status === 0) return result;
    const { failure = (failed) => fileFailure(failed, path, this.description) } = more;
    const error = failure(result);
    if (error !== undefined) throw error;
    return result;
  }

  /** What a transfer left out is an event: the transfer itself has not failed. */
  skipped(path: string, reason: string): void {
    const message = `${path} was left out: ${reason}`;
    this.#place.emit({ type: "transfer.skipped", message, data: { path, reason } });
  }

  /** Cleaning up that nobody has to wait for; what can't be cleaned up is swept later. Never rejects. */
  background(body: string, path: string): Promise<void> {
    const work = this.run(body, path, {}).then(
      () => undefined,
      () => undefined,
    );
    this.#place.background(work);
    return work;
  }
}
