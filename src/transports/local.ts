import { spawn } from "node:child_process";
import type { Duplex, Readable } from "node:stream";
import { berthError } from "../contract/errors.ts";
import { collect } from "./collect.ts";
import type { DialOptions, RawProcess, RunOptions, Transport } from "./transport.ts";
import { dialUnixSocket } from "./unix-socket.ts";

/** This machine: commands are children of this process, sockets are dialled directly. */
export function createLocalTransport(): Transport {
  return {
    description: "this machine",
    run,
    put,
    dial: (socketPath: string, options: DialOptions = {}): Promise<Duplex> =>
      dialUnixSocket(socketPath, { owners: [process.getuid?.() ?? 0], signal: options.signal }),
    close: async () => {},
    [Symbol.asyncDispose]: async () => {},
  };
}

/** @throws transport.unavailable when it cannot be started; runtime.capability_unsupported for tty and user */
async function run(argv: readonly string[], options: RunOptions = {}): Promise<RawProcess> {
  for (const capability of ["tty", "user"] as const) {
    if (options[capability] !== undefined) {
      throw berthError("runtime.capability_unsupported", { context: { capability } });
    }
  }
  const [command = "", ...args] = argv;
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.cleanEnvironment ? { ...options.env } : { ...process.env, ...options.env },
    stdio: "pipe",
    signal: options.signal,
  });
  const exit = Promise.withResolvers<{ exitCode: number | null; signal: string | null }>();
  exit.promise.catch(() => {});
  const started = Promise.withResolvers<void>();
  child.once("spawn", started.resolve);
  child.once("error", (cause) => {
    const error = options.signal?.aborted
      ? berthError("operation.aborted", { cause })
      : berthError("transport.unavailable", {
          hop: "transport",
          message: `${command} cannot be run on this machine: ${(cause as NodeJS.ErrnoException).code ?? cause.message}`,
          cause,
        });
    started.reject(error);
    exit.reject(error);
  });
  child.once("close", (exitCode, signal) => exit.resolve({ exitCode, signal }));
  await started.promise;
  const close = () => {
    child.kill("SIGKILL");
    child.stdin.destroy();
    child.stdout.destroy();
    child.stderr.destroy();
  };
  return { stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, exit: exit.promise, close };
}

async function put(
  archive: Readable,
  directory: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const tar = await run(["tar", "-xf", "-", "-C", directory], options);
  const { exitCode, stderr } = await collect(tar, { ...options, input: archive });
  if (exitCode !== 0) {
    throw berthError("transport.unavailable", {
      hop: "transport",
      message: `the archive could not be unpacked in ${directory}: ${stderr.trim().split("\n").at(-1) ?? ""}`,
      context: { path: directory },
    });
  }
}
