import { join } from "node:path";
import type { Duplex, Readable } from "node:stream";
import { berthError, isBerthError } from "../../contract/errors.ts";
import { located } from "../../contract/located.ts";
import { bridgeStream } from "../bridge.ts";
import { collect } from "../collect.ts";
import type { DialOptions, RunOptions, Transport } from "../transport.ts";
import { dialUnixSocket } from "../unix-socket.ts";
import type { DockerEngine } from "./engine.ts";
import { refineContainerError } from "./errors.ts";
import { execInContainer } from "./exec.ts";

const PUT_DEADLINE_MS = 10 * 60_000;
const LOOK_DEADLINE_MS = 30_000;

interface PutOptions {
  readonly signal?: AbortSignal;
}

export interface DockerTransportOptions {
  readonly engine: DockerEngine;
  readonly id: string;
  /** For people. */
  readonly name: string;
  /** User of everything that is run; default: the container's own. */
  readonly user?: string | undefined;
  /** A directory of the container that is a bind mount of one of this machine's. */
  readonly shared?: { readonly container: string; readonly host: string } | undefined;
}

/** A container, reached by the engine's API; its sockets directly where they lie in a shared directory. */
export function createDockerTransport(options: DockerTransportOptions): Transport {
  const { engine, id, name } = options;
  const description = `docker container ${name}`;

  const run = (argv: readonly string[], runOptions: RunOptions = {}) =>
    execInContainer(engine, { id, name }, argv, {
      ...(options.user === undefined ? {} : { user: options.user }),
      ...runOptions,
    });

  function hostPath(socketPath: string): string | undefined {
    const { shared } = options;
    if (shared === undefined || !socketPath.startsWith(`${shared.container}/`)) return undefined;
    return join(shared.host, socketPath.slice(shared.container.length));
  }

  async function putByTar(archive: Readable, directory: string, putOptions: PutOptions): Promise<void> {
    const tar = await run(["tar", "-xf", "-", "-C", directory], putOptions);
    const { exitCode, stderr } = await collect(tar, { input: archive, deadlineMs: PUT_DEADLINE_MS });
    if (exitCode === 0) return;
    const lastLine = stderr.trim().split("\n").at(-1) ?? "";
    throw berthError(/no space left|quota/i.test(lastLine) ? "provision.no_space" : "transport.unavailable", {
      hop: "transport",
      message: `the archive could not be unpacked in ${directory} of ${description}: ${lastLine}`,
      context: { directory },
    });
  }

  async function putByEngine(archive: Readable, directory: string, putOptions: PutOptions): Promise<void> {
    await engine
      .json({
        method: "PUT",
        path: `/containers/${encodeURIComponent(id)}/archive`,
        query: { path: directory },
        body: archive,
        signal: putOptions.signal,
        deadlineMs: PUT_DEADLINE_MS,
      })
      .catch((error: unknown) => {
        throw refineContainerError(error, name);
      });
  }

  return {
    description,
    run,
    async put(archive: Readable, directory: string, putOptions: { readonly signal?: AbortSignal } = {}) {
      // The container's own tar reaches what is mounted there (tmpfs too, with a read-only root), as its user. The
      // engine's way needs no tool, and reaches the root file system and volumes only.
      const look = ["/bin/sh", "-c", "command -v tar >/dev/null 2>&1"];
      const { exitCode } = await collect(await run(look, putOptions), { deadlineMs: LOOK_DEADLINE_MS });
      if (exitCode === 0) await putByTar(archive, directory, putOptions);
      else await putByEngine(archive, directory, putOptions);
    },
    async dial(socketPath: string, dialOptions: DialOptions = {}): Promise<Duplex> {
      const path = hostPath(socketPath);
      if (path !== undefined) {
        try {
          return await dialUnixSocket(path, { signal: dialOptions.signal });
        } catch (error) {
          // An engine in a VM or on another machine shows the file and refuses the connection.
          if (!isBerthError(error, "transport.unavailable") || dialOptions.bridge === undefined) throw error;
        }
      }
      if (dialOptions.bridge === undefined) {
        throw berthError("transport.unavailable", {
          hop: "transport",
          message: `there is no way to ${socketPath} ${located(description)}`,
        });
      }
      const dialling = new AbortController();
      const onAbort = () => dialling.abort(dialOptions.signal?.reason);
      if (dialOptions.signal?.aborted) onAbort();
      dialOptions.signal?.addEventListener("abort", onAbort, { once: true });
      try {
        const bridge = await run([...dialOptions.bridge, socketPath], { signal: dialling.signal });
        return bridgeStream(bridge, description);
      } finally {
        dialOptions.signal?.removeEventListener("abort", onAbort);
      }
    },
    close: async () => {},
    [Symbol.asyncDispose]: async () => {},
  };
}
