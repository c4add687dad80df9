import { randomUUID } from "node:crypto";
import type { Isolation } from "../../contract/capabilities.ts";
import { isLoopbackHost, type RemoteConfig } from "../../contract/config-remote.ts";
import { berthError } from "../../contract/errors.ts";
import type { Runtime } from "../../contract/runtime.ts";
import { VERSION } from "../../contract/version.ts";
import { connectWire } from "../../wire/connection.ts";
import type { Hello } from "../../wire/messages.ts";
import type { WireClient } from "../../wire/types.ts";
import type { RuntimeContext } from "../context.ts";
import type { DaemonRuntimeOptions, DialOptions } from "../daemon/options.ts";
import { createDaemonRuntime } from "../daemon/runtime.ts";
import { createProgressSink } from "../provision/progress.ts";
import { dialRunner } from "./dial.ts";
import { runnerAddress } from "./runner-address.ts";

/**
 * A workspace of a runner: the daemon of its place, through the runner's gateway. What runs there survives the
 * connection and the runner, as it survives them in the place itself.
 * @throws auth.*, runner.*, workspace.*, what the runner says of the way to the place, wire.*, operation.aborted
 */
export async function openRemote(config: RemoteConfig, context: RuntimeContext): Promise<Runtime> {
  const { checkWay } = await import("./check.ts");
  return openRemoteWith(config, context, (steps, signal) => checkWay(config, steps, signal));
}

/**
 * @param check steps of "Test connection" on the way to the runner
 * @param urlNow where the runner is, asked before each connection; what it throws ends the waiting for one
 */
export async function openRemoteWith(
  config: RemoteConfig,
  { options }: Pick<RuntimeContext, "options">,
  check: DaemonRuntimeOptions["check"],
  urlNow: () => string = () => config.url,
): Promise<Runtime> {
  const { onEvent, signal = new AbortController().signal } = options;
  const { host, hostname } = new URL(config.url);
  const description = `workspace ${config.workspace} of the runner ${host}`;
  const clientId = randomUUID();
  const dial = async (asked: Pick<DialOptions, "signal">): Promise<WireClient> => {
    const address = await runnerAddress({ ...config, url: urlNow() }, asked.signal);
    const stream = await dialRunner(address, config.workspace, { clientId, signal: asked.signal });
    // The runner has proved who it is by its address or certificate, and this client by the token.
    return connectWire(stream, {
      token: "",
      clientId,
      version: VERSION,
      pipelined: true,
      signal: asked.signal,
    });
  };
  const progress = createProgressSink({ runtime: description, ...options });
  progress.phase("connect", `asking the runner ${host} for the workspace ${config.workspace}`);
  const client = await dial({ signal });
  const { place } = client.hello;
  if (place === undefined) {
    client.close();
    throw berthError("runner.foreign", { context: { url: config.url, reason: "its HELLO names no place" } });
  }
  progress.phase("ready", `${description} is ready`);
  return createDaemonRuntime({
    kind: "remote",
    description,
    isolation: isolationFrom(place, isLoopbackHost(hostname)),
    workdir: workdirIn(place.workdir, client.hello, config.workdir),
    client,
    dial,
    bulkConnection: true,
    processLogDir: config.processLogDir,
    ...(config.env === undefined ? {} : { env: config.env }),
    ...(onEvent === undefined ? {} : { onEvent }),
    ...(check === undefined ? {} : { check }),
  });
}

/** How far the place is apart from here: as the runner says of its machine, where that is this one. */
function isolationFrom({ isolation }: NonNullable<Hello["place"]>, here: boolean): Isolation {
  const apart = (field: keyof Isolation) => (here && isolation[field] === "shared" ? "shared" : "separate");
  return {
    filesystem: apart("filesystem"),
    processes: apart("processes"),
    network: isolation.network === "none" ? "none" : apart("network"),
    kernel: apart("kernel"),
  };
}

/** Where commands start: the workspace's directory, or what is asked for, which may be relative to it. */
function workdirIn(workdir: string, { user }: Hello, asked: string | undefined): string {
  if (asked === undefined || asked === ".") return workdir;
  if (asked.startsWith("/")) return asked;
  if (asked === "~" || asked.startsWith("~/")) return `${user?.home ?? ""}${asked.slice(1)}` || "/";
  return `${workdir.replace(/\/$/, "")}/${asked}`;
}
