import type { DockerContainerConfig } from "../../contract/config.ts";
import { located } from "../../contract/located.ts";
import type { Runtime } from "../../contract/runtime.ts";
import { VERSION } from "../../contract/version.ts";
import { resolveEndpoint } from "../../transports/docker/endpoint.ts";
import { createDockerEngine } from "../../transports/docker/engine.ts";
import { createDockerTransport } from "../../transports/docker/transport.ts";
import type { WireClient } from "../../wire/types.ts";
import type { CheckWay } from "../common/check-steps.ts";
import type { RuntimeContext } from "../context.ts";
import { createDaemonRuntime } from "../daemon/runtime.ts";
import { createHandshake } from "../provision/handshake.ts";
import { cannotBeInstalled } from "../provision/no-daemon.ts";
import { createProgressSink } from "../provision/progress.ts";
import { createRemoteConnector } from "../provision/remote.ts";
import { ownDaemon } from "./berths-own.ts";
import { type CheckTarget, checkDocker } from "./check.ts";
import { assertRunning, displayName, inspectContainer, isolationOf } from "./container.ts";
import { CONTAINER_PATHS } from "./derived-image.ts";
import { containerWorkdir, homeOf, needsHome } from "./home.ts";
import { connectOwn } from "./own-container.ts";
import { createPathMap } from "./path-map.ts";

/**
 * A running container of the user's own: nothing but `/bin/sh` is assumed, nothing but Berth's own directory is
 * changed, and it is never stopped, restarted or removed.
 * @throws docker.*, provision.*, payload.not_built, wire.*
 */
export async function openUserContainer(
  config: DockerContainerConfig,
  context: RuntimeContext,
): Promise<Runtime> {
  const { signal, onEvent, onProgress } = context.options;
  const engine = createDockerEngine(await resolveEndpoint(config.engine));
  try {
    const container = await inspectContainer(engine, config.containerId, signal);
    assertRunning(container);
    const name = displayName(container);
    const description = `docker container ${name}`;
    const progress = createProgressSink({ runtime: description, onProgress, onEvent });
    const own = await ownDaemon(container, config, context.stateDirectory);
    const transport = createDockerTransport({
      engine,
      id: container.Id,
      name,
      user: config.user,
      shared: own?.record && { container: CONTAINER_PATHS.run, host: own.record.runDirectory },
    });
    const mapPath = createPathMap(config.pathMap);
    const workdir = (home: string) => containerWorkdir(config.workdir, container, mapPath, home);
    const base = {
      kind: "docker" as const,
      description,
      isolation: isolationOf(container, engine),
      mapPath,
      ...(config.env === undefined ? {} : { env: config.env }),
      ...(onEvent === undefined ? {} : { onEvent }),
      close: async () => engine.close(),
    };
    const scope = { workspace: config.workspace, processLogDir: config.processLogDir };
    const checkWith =
      (probe: CheckTarget["probe"]): CheckWay =>
      (steps, checkSignal) =>
        checkDocker(
          { engine, containerId: container.Id, probe, ownContainer: own !== undefined },
          steps,
          checkSignal,
        );
    const check = checkWith(undefined);
    const handshake = createHandshake(VERSION);
    const connector = createRemoteConnector({
      transport,
      progress,
      instance: container.Id.slice(0, 12),
      stateDir: config.stateDir,
      handshake,
    });
    const shell = async (reason: string) => {
      const { createShellRuntime } = await import("../shell/runtime.ts");
      const home = needsHome(config.workdir, container) ? await homeOf(transport, signal) : "";
      return createShellRuntime({ ...base, transport, workdir: workdir(home), reasons: reason, check });
    };
    if (config.daemon === "never") return await shell("daemon: never");
    if (own !== undefined) {
      const { launch, record } = own;
      const direct = record !== undefined;
      const target = { engine, id: container.Id, launch, transport, handshake, direct, token: record?.token };
      return await createDaemonRuntime({
        ...base,
        ...scope,
        client: await connectOwn(target, { signal }),
        dial: (options) => connectOwn(target, options),
        bulkConnection: direct,
        workdir: (hello) => workdir(hello.user?.home ?? ""),
        check,
      });
    }
    let client: WireClient;
    try {
      client = await connector.connect({ signal });
    } catch (error) {
      if (!cannotBeInstalled(error)) throw error;
      onEvent?.({
        type: "provision.fallback",
        message: `no daemon ${located(description)}: ${error.message}`,
        runtime: description,
        data: { code: error.code },
      });
      return await shell(error.message);
    }
    progress.phase("ready", `${description} is ready`);
    return await createDaemonRuntime({
      ...base,
      ...scope,
      client,
      dial: (options) => connector.connect(options),
      workdir: (hello) => workdir(hello.user?.home ?? ""),
      check: checkWith((probeSignal) => connector.probe({ signal: probeSignal })),
    });
  } catch (error) {
    engine.close();
    throw error;
  }
}
