import { type ChildProcess, spawn } from "node:child_process";
import { Duplex } from "node:stream";
import { berthError } from "../../contract/errors.ts";

const STDERR_LIMIT = 4_096;

/**
 * The byte stream of `ssh HOST docker system dial-stdio`, in the shape of a socket, as node:http wants one. The
 * user's own ssh configuration, agent and known hosts decide; nothing is asked for at a terminal.
 */
export class SshSocket extends Duplex {
  readonly #child: ChildProcess;
  #stderr = "";

  constructor(destination: string, port: number | undefined) {
    super({ allowHalfOpen: true });
    const args = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=15", "-T"];
    if (port !== undefined) args.push("-p", String(port));
    this.#child = spawn("ssh", [...args, "--", destination, "docker", "system", "dial-stdio"], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    const { stdout, stderr, stdin } = this.#child;
    stdout?.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) stdout.pause();
    });
    stderr?.on("data", (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString("utf8")).slice(-STDERR_LIMIT);
    });
    stdin?.on("error", () => {});
    this.#child.once("error", (cause) => this.destroy(this.#failure(cause.message, cause)));
    this.#child.once("close", (code) => {
      if (code !== 0 && !this.destroyed) this.destroy(this.#failure(`ssh ended with ${code}`));
      else this.push(null);
    });
    queueMicrotask(() => this.emit("connect"));
  }

  #failure(reason: string, cause?: unknown) {
    const lastLine = this.#stderr.trim().split("\n").at(-1) ?? "";
    return berthError("docker.engine_unavailable", {
      hop: "transport",
      message: `no Docker engine answers by ssh: ${lastLine === "" ? reason : lastLine}`,
      hint: "Try it by hand: ssh HOST docker system dial-stdio",
      cause,
    });
  }

  override _read(): void {
    this.#child.stdout?.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#child.stdin?.write(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#child.stdin?.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#child.kill("SIGTERM");
    done(error);
  }

  // What node:http calls on a socket and has no meaning here.
  setKeepAlive(): this {
    return this;
  }
  setNoDelay(): this {
    return this;
  }
  setTimeout(): this {
    return this;
  }
  ref(): this {
    this.#child.ref();
    return this;
  }
  unref(): this {
    this.#child.unref();
    return this;
  }
}
