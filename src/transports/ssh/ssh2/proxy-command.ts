import { type ChildProcess, spawn } from "node:child_process";
import { Duplex } from "node:stream";
import { type BerthError, berthError } from "../../../contract/errors.ts";
import { throwIfAborted } from "../../abort.ts";
import type { ConnectOptions, SshTarget } from "../target.ts";
import type { Way } from "./way.ts";

/** The last words of a proxy command are kept for its error. */
const STDERR_BYTES = 4_096;

/**
 * The stdio of the target's ProxyCommand.
 * @throws ssh.config_invalid for a token that ssh does not know either, and for a name that a shell would run
 */
export async function openProxyCommand(target: SshTarget, options: ConnectOptions): Promise<Way> {
  throwIfAborted(options.signal);
  const command = expandProxyCommand(target.proxyCommand ?? "", target);
  // `exec`, as ssh does it: ending the child ends the program and not only its shell.
  const child = spawn("/bin/sh", ["-c", `exec ${command}`], { stdio: ["pipe", "pipe", "pipe"] });
  const stream = new ProxyStream(child);
  return {
    stream,
    received: () => stream.bytesRead,
    description: "over its ProxyCommand",
    failure: () =>
      stream.ended
        ? proxyFailed(target, stream.lastWords || `it ended with ${stream.exitCode ?? "a signal"}`)
        : undefined,
    ref: () => stream.hold(true),
    unref: () => stream.hold(false),
    close: async () => void stream.destroy(),
  };
}

/** The tokens that ssh_config(5) has for ProxyCommand. */
export function expandProxyCommand(command: string, target: SshTarget): string {
  const values: Readonly<Record<string, string>> = {
    h: target.hostname,
    n: target.alias,
    p: String(target.port),
    r: target.user,
  };
  return command.replace(/%(.?)/g, (_whole, token: string) => {
    if (token === "%") return "%";
    const value = values[token];
    if (value === undefined) {
      throw berthError("ssh.config_invalid", {
        message: `the ProxyCommand of ${target.name} has the token %${token}, which ssh2 does not know`,
        hint: 'Use transport: "openssh", or a ProxyCommand with %h, %n, %p and %r.',
        context: { host: target.name },
      });
    }
    // A shell reads it (CVE-2023-51385): a name that comes from elsewhere must not be a command.
    if (!/^[\w.:%@+-]+$/.test(value) || value.startsWith("-")) {
      throw berthError("ssh.config_invalid", {
        message: `the ProxyCommand of ${target.name} would get a name that a shell does not take as a word`,
        hint: "Give the host's name and user with letters, digits, dots and dashes only.",
        context: { host: target.name },
      });
    }
    return value;
  });
}

function proxyFailed(target: SshTarget, words: string): BerthError {
  return berthError("ssh.proxy_failed", {
    hop: "transport",
    message: `the way to ${target.name} leads over its ProxyCommand, which failed: ${words}`,
    hint: "Run the ProxyCommand of `ssh -G` by hand: it has to give the server's first line.",
    context: { host: target.name, proxy: "ProxyCommand" },
  });
}

interface Holding {
  ref?(): void;
  unref?(): void;
}

class ProxyStream extends Duplex {
  readonly #child: ChildProcess;
  #stderr = "";
  bytesRead = 0;
  ended = false;
  exitCode: number | null = null;

  constructor(child: ChildProcess) {
    super({ allowHalfOpen: false });
    this.#child = child;
    child.stdout?.on("data", (chunk: Buffer) => {
      this.bytesRead += chunk.length;
      if (!this.push(chunk)) child.stdout?.pause();
    });
    child.stderr?.on("data", (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString("utf8")).slice(-STDERR_BYTES);
    });
    // It may not start before anybody listens; whoever uses it sees its end.
    this.on("error", () => {});
    // The child's end tells what a broken pipe means.
    child.stdin?.on("error", () => {});
    child.once("error", (cause) => this.destroy(cause));
    child.once("close", (exitCode) => {
      this.ended = true;
      this.exitCode = exitCode;
      this.push(null);
    });
  }

  get lastWords(): string {
    const line = this.#stderr.trim().split("\n").at(-1) ?? "";
    return line.replaceAll(/\p{Cc}/gu, "");
  }

  /** Whether the child keeps this process alive. */
  hold(hold: boolean): void {
    const { stdin, stdout, stderr } = this.#child;
    // Pipes are sockets here, of which the types of child processes know nothing.
    for (const part of [this.#child, stdin, stdout, stderr] as (Holding | null)[]) {
      if (hold) part?.ref?.();
      else part?.unref?.();
    }
  }

  override _read(): void {
    this.#child.stdout?.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    if (this.#child.stdin?.writable) this.#child.stdin.write(chunk, () => done());
    else done();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#child.stdin?.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    // As ssh: a proxy command is told that its terminal is gone.
    this.#child.kill("SIGHUP");
    // One that goes on all the same keeps nobody waiting.
    this.hold(false);
    this.#child.stdin?.destroy();
    this.#child.stdout?.destroy();
    done(error);
  }
}
