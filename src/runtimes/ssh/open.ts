import { join, posix } from "node:path";
import type { SshConfig } from "../../contract/config.ts";
import type { Runtime } from "../../contract/runtime.ts";
import { VERSION } from "../../contract/version.ts";
import { resolveSshTarget } from "../../transports/ssh/resolve.ts";
import type { SshTransport } from "../../transports/ssh/transport.ts";
import type { WireClient } from "../../wire/types.ts";
import type { CheckWay } from "../common/check-steps.ts";
import type { RuntimeContext } from "../context.ts";
import { createDaemonRuntime } from "../daemon/runtime.ts";
import { createHandshake } from "../provision/handshake.ts";
import { isolationFrom } from "../provision/isolation.ts";
import { daemonMemory } from "../provision/known-daemon.ts";
import { cannotBeInstalled } from "../provision/no-daemon.ts";
import { createProgressSink } from "../provision/progress.ts";
import {
  createRemoteConnector,
  type DaemonConnector,
  type RemoteDaemonOptions,
} from "../provision/remote.ts";
import type { OpenHost } from "./check.ts";
import { lookAtHost } from "./home.ts";
import { hostTransport } from "./host-transport.ts";

/**
 * A host by SSH: by its daemon, which is installed and started there when none runs, or where none can be, and with
 * `daemon: "never"`, by plain commands and SFTP.
 * @throws ssh.*, provision.*, payload.not_built, wire.*, operation.aborted
 */
export async function openSsh(config: SshConfig, context: RuntimeContext): Promise<Runtime> {
  const { signal, onEvent, onProgress } = context.options;
  const target = await resolveSshTarget(config, { signal });
  const transport = hostTransport(target, context.options);
  try {
    const { description } = transport;
    const progress = createProgressSink({ runtime: description, onProgress, onEvent });
    progress.phase("connect", `connecting to ${target.name}`);
    await transport.connect({ signal });
    const base = {
      kind: "ssh" as const,
      description,
      ...(config.env === undefined ? {} : { env: config.env }),
      ...(onEvent === undefined ? {} : { onEvent }),
      close: () => transport.close(),
    };
    const checkWith =
      (probe: OpenHost["probe"]): CheckWay =>
      async (steps, checkSignal) => {
        const { checkOpenHost } = await import("./check.ts");
        await checkOpenHost({ target, transport, probe }, steps, checkSignal);
      };
    const shell = async (reason: string) => {
      const { createShellRuntime } = await import("../shell/runtime.ts");
      const { home, isolation } = await lookAtHost(transport, signal);
      const workdir = workdirIn(home, config.workdir);
      return createShellRuntime({
        ...base,
        isolation,
        transport,
        workdir,
        reasons: reason,
        check: checkWith(undefined),
      });
    };
    if (config.daemon === "never") return await shell("daemon: never");
    const connector = hostConnector(config, context, transport, {
      memory: daemonMemory(context.stateDirectory, ["ssh", target.key, config.stateDir ?? ""]),
    });
    let client: WireClient;
    try {
      client = await connector.connect({ signal });
    } catch (error) {
      if (!cannotBeInstalled(error)) throw error;
      const message = `no daemon on ${description}: ${error.message}`;
      onEvent?.({
        type: "provision.fallback",
        message,
        runtime: description,
        data: { code: error.code },
      });
      return await shell(error.message);
    }
    progress.phase("ready", `${description} is ready`);
    return await createDaemonRuntime({
      ...base,
      isolation: await isolationFrom(connector.namespaces),
      workspace: config.workspace,
      processLogDir: config.processLogDir,
      client,
      dial: (options) => connector.connect(options),
      bulkConnection: () => transport.forwards,
      check: checkWith((probeSignal) => connector.probe({ signal: probeSignal })),
      workdir: (hello) => workdirIn(hello.user?.home ?? "", config.workdir),
    });
  } catch (error) {
    await transport.close();
    throw error;
  }
}

/** The way to the daemon of a host; without a memory it is looked for each time. */
export function hostConnector(
  config: SshConfig,
  context: RuntimeContext,
  transport: SshTransport,
  remembered: Pick<RemoteDaemonOptions, "memory"> = {},
): DaemonConnector {
  const { onEvent, onProgress } = context.options;
  return createRemoteConnector({
    transport,
    progress: createProgressSink({ runtime: transport.description, onProgress, onEvent }),
    stateDir: config.stateDir,
    handshake: createHandshake(VERSION),
    serveArguments: ["--login-env"],
    archives: join(context.stateDirectory, "archives"),
    ...remembered,
  });
}

/** Where commands start: the home directory there, or what is asked for, which may be relative to it. */
function workdirIn(home: string, asked: string | undefined): string {
  const base = home.startsWith("/") ? home : "/";
  if (asked === undefined || asked === "~") return base;
  return posix.resolve(base, asked.startsWith("~/") ? asked.slice(2) : asked);
}
