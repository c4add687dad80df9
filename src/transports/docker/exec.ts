import { type Duplex, PassThrough, Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { berthError } from "../../contract/errors.ts";
import { abortedError } from "../abort.ts";
import type { RawProcess, RunOptions } from "../transport.ts";
import { demultiplex } from "./demultiplex.ts";
import type { DockerEngine } from "./engine.ts";
import { refineContainerError } from "./errors.ts";

/** The engine notes an exit a moment after the streams have ended. */
const EXIT_DEADLINE_MS = 10_000;
const START_DEADLINE_MS = 30_000;

interface ExecInspect {
  readonly Running: boolean;
  readonly ExitCode: number | null;
}

/**
 * Runs a command in a container by the engine's exec.
 * @throws docker.container_not_found, docker.container_not_running, docker.container_paused and what the engine
 *   client throws
 */
export async function execInContainer(
  engine: DockerEngine,
  target: { readonly id: string; readonly name: string },
  argv: readonly string[],
  options: RunOptions = {},
): Promise<RawProcess> {
  const container = target.name;
  const refine = (error: unknown): never => {
    throw refineContainerError(error, container);
  };
  const tty = options.tty !== undefined;
  const { Id: id } = await engine
    .json<{ Id: string }>({
      method: "POST",
      path: `/containers/${encodeURIComponent(target.id)}/exec`,
      body: {
        AttachStdin: true,
        AttachStdout: true,
        AttachStderr: true,
        Tty: tty,
        Cmd: argv,
        ...(options.env && {
          Env: Object.entries(options.env).map(([name, value]) => `${name}=${value}`),
        }),
        ...(options.cwd !== undefined && { WorkingDir: options.cwd }),
        ...(options.user !== undefined && { User: options.user }),
        ...(options.tty && { ConsoleSize: [options.tty.rows, options.tty.columns] }),
      },
      signal: options.signal,
    })
    .catch(refine);
  const socket = await engine
    .hijack({
      method: "POST",
      path: `/exec/${id}/start`,
      body: { Detach: false, Tty: tty },
      signal: options.signal,
      deadlineMs: START_DEADLINE_MS,
    })
    .catch(refine);
  const onAbort = () => socket.destroy(abortedError(options.signal));
  options.signal?.addEventListener("abort", onAbort, { once: true });
  const ended = Promise.withResolvers<void>();
  socket.once("end", ended.resolve);
  socket.once("error", ended.reject);
  socket.once("close", () => {
    options.signal?.removeEventListener("abort", onAbort);
    ended.reject(berthError("transport.disconnected", { hop: "transport" }));
  });
  const exit = ended.promise.then(() => exitOf(engine, id, container));
  // Input that nobody has read would keep the connection for ever: the engine closes only its own side.
  exit.catch(() => {}).finally(() => socket.destroy());
  const { stdout, stderr } = tty ? { stdout: plain(socket), stderr: Readable.from([]) } : demultiplex(socket);
  // Behind the listeners: the engine may break the stream meanwhile.
  if (options.tty !== undefined) await resize(engine, id, options.tty);
  return { stdin: socket, stdout, stderr, exit, close: () => void socket.destroy() };
}

function plain(socket: Duplex): Readable {
  return socket.pipe(new PassThrough());
}

async function resize(
  engine: DockerEngine,
  id: string,
  size: { readonly columns: number; readonly rows: number },
): Promise<void> {
  await engine
    .json({ method: "POST", path: `/exec/${id}/resize`, query: { h: size.rows, w: size.columns } })
    .catch(() => {
      // It has ended already, or the engine set the size at the start.
    });
}

async function exitOf(
  engine: DockerEngine,
  id: string,
  container: string,
): Promise<{ exitCode: number | null; signal: string | null }> {
  const deadline = performance.now() + EXIT_DEADLINE_MS;
  for (let waitMs = 2; ; waitMs = Math.min(waitMs * 2, 200)) {
    const state = await engine
      .json<ExecInspect>({ method: "GET", path: `/exec/${id}/json` })
      .catch((error: unknown) => {
        // The engine forgets an exec with its container.
        const refined = refineContainerError(error, container);
        throw (refined as { context?: { status?: unknown } }).context?.status === 404
          ? berthError("docker.container_not_found", { hop: "transport", context: { container } })
          : refined;
      });
    if (!state.Running && state.ExitCode !== null) return { exitCode: state.ExitCode, signal: null };
    if (performance.now() > deadline) {
      throw berthError("docker.engine_timeout", {
        hop: "transport",
        message: `the Docker engine does not say how a command in ${container} ended`,
      });
    }
    await delay(waitMs);
  }
}
