import { setTimeout as delay } from "node:timers/promises";
import { type BerthError, berthError, isBerthError } from "../../contract/errors.ts";
import { located } from "../../contract/located.ts";
import { throwIfAborted } from "../../transports/abort.ts";
import { collect } from "../../transports/collect.ts";
import type { DockerEngine } from "../../transports/docker/engine.ts";
import { apiReason } from "../../transports/docker/errors.ts";
import type { Transport } from "../../transports/transport.ts";
import type { WireClient } from "../../wire/types.ts";
import type { ConnectOptions, Handshake } from "../provision/handshake.ts";
import { assertRunning, type ContainerDescription, displayName, inspectContainer } from "./container.ts";
import { CONTAINER_PATHS, type ContainerLaunch } from "./derived-image.ts";

const START_DEADLINE_MS = 30_000;
const DIAL_INTERVAL_MS = 5;
/** Between looks at the container's state while its daemon does not answer. */
const LOOK_INTERVAL_MS = 500;
/** A socket that can't be connected to from here is given so long before the bridge is tried. */
const BRIDGE_AFTER_MS = 1_500;
const HANDSHAKE_RETRY_DEADLINE_MS = 5_000;
const LOG_TAIL_LINES = 20;
const REMOVE_DEADLINE_MS = 60_000;

export interface OwnContainer {
  readonly engine: DockerEngine;
  readonly id: string;
  readonly launch: ContainerLaunch;
  readonly transport: Transport;
  readonly handshake: Handshake;
  /** A socket in the shared directory may be connected to from here; false once only the bridge has worked. */
  direct: boolean;
  /** Known when the directory is shared; otherwise it is read in the container. */
  token: string | undefined;
}

/**
 * A connection to the daemon that a container's init starts, and starts again. Waits for it while the container
 * runs.
 * @throws docker.container_not_found, docker.container_not_running, docker.container_paused,
 *   provision.start_failed with the container's last output, wire.*
 */
export async function connectOwn(container: OwnContainer, options: ConnectOptions): Promise<WireClient> {
  const { signal } = options;
  const startedAt = performance.now();
  let lookedAt = startedAt;
  let last: unknown;
  for (;;) {
    throwIfAborted(signal);
    const bridged = !container.direct || performance.now() - startedAt > BRIDGE_AFTER_MS;
    try {
      const client = await attempt(container, bridged, options);
      if (bridged) container.direct = false;
      return client;
    } catch (error) {
      if (!isNotYet(error)) throw error;
      last = error;
    }
    const now = performance.now();
    if (now - lookedAt > LOOK_INTERVAL_MS || bridged) {
      const found = await inspectContainer(container.engine, container.id, signal);
      if (!found.State.Running && now - startedAt < START_DEADLINE_MS && found.State.ExitCode !== 0) {
        throw await ended(container, found, last);
      }
      assertRunning(found);
      lookedAt = performance.now();
    }
    if (now - startedAt > START_DEADLINE_MS) throw await silent(container, last);
    await delay(DIAL_INTERVAL_MS);
  }
}

async function attempt(
  container: OwnContainer,
  bridged: boolean,
  { signal, clientId }: ConnectOptions,
): Promise<WireClient> {
  const { transport, launch } = container;
  container.token ??= await readToken(container, signal);
  const stream = await transport.dial(`${CONTAINER_PATHS.run}/sock`, {
    ...(bridged ? { bridge: [launch.helper, "dial"] } : {}),
    ...(signal === undefined ? {} : { signal }),
  });
  const limit = AbortSignal.timeout(HANDSHAKE_RETRY_DEADLINE_MS);
  try {
    return await container.handshake(
      stream,
      container.token,
      AbortSignal.any([limit, ...(signal ? [signal] : [])]),
      { clientId },
    );
  } catch (error) {
    // A paused container accepts the connection and says nothing: its state tells.
    if (!limit.aborted || signal?.aborted) throw error;
    throw berthError("transport.unavailable", { hop: "transport", cause: error });
  }
}

/** Where the daemon's directory is the container's own, the daemon has made the token. */
async function readToken(container: OwnContainer, signal: AbortSignal | undefined): Promise<string> {
  const program = `process.stdout.write(require("fs").readFileSync("${CONTAINER_PATHS.run}/token", "utf8"))`;
  const process = await container.transport.run([...container.launch.nodeArgv, "-e", program]);
  const { stdout } = await collect(process, {
    deadlineMs: START_DEADLINE_MS,
    ...(signal === undefined ? {} : { signal }),
  });
  const token = stdout.trim();
  if (!/^[0-9a-f]{64}$/.test(token)) {
    throw berthError("transport.unavailable", { hop: "transport", message: "the daemon has no token yet" });
  }
  return token;
}

/** Errors of a daemon that is being started, or of one that has just ended. */
function isNotYet(error: unknown): boolean {
  return (
    isBerthError(error, "transport.unavailable") ||
    isBerthError(error, "transport.disconnected") ||
    isBerthError(error, "docker.container_not_running") ||
    isBerthError(error, "docker.container_paused")
  );
}

async function ended(
  container: OwnContainer,
  found: ContainerDescription,
  cause: unknown,
): Promise<BerthError> {
  const output = await lastOutput(container);
  const name = displayName(found);
  return berthError("docker.container_not_running", {
    hop: "transport",
    message: `the container ${name} has ended with ${found.State.ExitCode}${output.length === 0 ? "" : `: ${output.at(-1)}`}`,
    context: { container: name, exitCode: found.State.ExitCode, output },
    cause,
  });
}

async function silent(container: OwnContainer, cause: unknown): Promise<BerthError> {
  const output = await lastOutput(container);
  const reason = isBerthError(cause) ? cause.message : "no answer";
  return berthError("provision.start_failed", {
    hop: "transport",
    message: `the daemon did not start ${located(container.transport.description)}: ${output.at(-1) ?? reason}`,
    context: { reason, output },
    cause,
  });
}

/** The container's own output, where its init writes what it can't do; best effort. */
async function lastOutput(container: OwnContainer): Promise<string[]> {
  try {
    const stream = await container.engine.stream({
      method: "GET",
      path: `/containers/${container.id}/logs`,
      query: { stdout: true, stderr: true, tail: LOG_TAIL_LINES },
    });
    const { demultiplex } = await import("../../transports/docker/demultiplex.ts");
    const { stdout, stderr } = demultiplex(stream);
    const parts = await Promise.all([stdout.toArray(), stderr.toArray()]);
    const text = Buffer.concat(parts.flat() as Buffer[]).toString("utf8");
    return text.split("\n").filter((line) => line.trim() !== "");
  } catch {
    return [];
  }
}

/** Removes a container with its anonymous volumes. One that is gone, or being removed, is a success. */
export async function removeContainer(engine: DockerEngine, id: string, signal?: AbortSignal): Promise<void> {
  try {
    await engine.json({
      method: "DELETE",
      path: `/containers/${id}`,
      query: { force: true, v: true },
      deadlineMs: REMOVE_DEADLINE_MS,
      signal,
    });
  } catch (error) {
    const answer = apiReason(error);
    if (answer?.status === 404) return;
    if (answer?.status === 409 && /in progress|already/i.test(answer.reason)) return;
    throw error;
  }
}
