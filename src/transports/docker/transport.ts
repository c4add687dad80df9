import { join } from "node:path";
import type { Duplex, Readable } from "node:stream";
import { berthError, isBerthError } from "../../contract/errors.ts";
import type { DialOptions, RunOptions, Transport } from "../transport.ts";
import { dialUnixSocket } from "../unix-socket.ts";
import { bridgeStream } from "./bridge.ts";
import type { DockerEngine } from "./engine.ts";
import { refineContainerError } from "./errors.ts";
import { execInContainer } from "./exec.ts";

const PUT_DEADLINE_MS = 10 * 60_000;

export interface DockerTransportOptions {
  readonly engine: DockerEngine;
  /** Id or name. */
  readonly container: string;
  /** User of everything that is run; default: the container's own. */
  readonly user?: string | undefined;
  /** A directory of the container that is a bind mount of one of this machine's. */
  readonly shared?: { readonly container: string; readonly host: string } | undefined;
}

/** A container, reached by the engine's API; its sockets directly where they lie in a shared directory. */
export function createDockerTransport(options: DockerTransportOptions): Transport {
  const { engine, container } = options;
  const description = `docker container ${container}`;

  const run = (argv: readonly string[], runOptions: RunOptions = {}) =>
    execInContainer(engine, container, argv, {
      ...(options.user === undefined ? {} : { user: options.user }),
      ...runOptions,
    });

  function hostPath(socketPath: string): string | undefined {
    const { shared } = options;
    if (shared === undefined || !socketPath.startsWith(`${shared.container}/`)) return undefined;
    return join(shared.host, socketPath.slice(shared.container.length));
  }

  return {
    description,
    run,
    async put(archive: Readable, directory: string, putOptions: { readonly signal?: AbortSignal } = {}) {
      await engine
        .json({
          method: "PUT",
          path: `/containers/${encodeURIComponent(container)}/archive`,
          query: { path: directory },
          body: archive,
          signal: putOptions.signal,
          deadlineMs: PUT_DEADLINE_MS,
        })
        .catch((error: unknown) => {
          throw refineContainerError(error, container);
        });
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
          message: `there is no way to ${socketPath} in ${description}`,
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
