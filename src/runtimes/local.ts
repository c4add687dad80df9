import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { LocalConfig, WorktreeConfig } from "../contract/config.ts";
import { berthError } from "../contract/errors.ts";
import type { Runtime } from "../contract/runtime.ts";
import { VERSION } from "../contract/version.ts";
import { createLocalTransport } from "../transports/local.ts";
import { loopbackPair } from "../wire/loopback.ts";
import type { RuntimeContext } from "./context.ts";
import { createDaemonRuntime } from "./daemon/runtime.ts";
import { createHandshake } from "./provision/handshake.ts";
import { createLocalConnector, localInstallation } from "./provision/local-daemon.ts";
import { createProgressSink } from "./provision/progress.ts";
import { privateDirectory } from "./state-directory.ts";

const ISOLATION = { filesystem: "shared", processes: "shared", network: "shared", kernel: "shared" } as const;
const DESCRIPTION = "this machine";

/**
 * This machine: by its daemon, which is started when none runs, or with `daemon: "never"` by the same process host
 * in the caller's process, which nothing outlives.
 * @throws provision.no_directory, provision.start_failed, payload.not_built, wire.*
 */
export async function openLocal(
  config: LocalConfig | WorktreeConfig,
  context: RuntimeContext,
): Promise<Runtime> {
  const { onEvent } = context.options;
  const base = {
    kind: config.type,
    description: DESCRIPTION,
    isolation: ISOLATION,
    workdir: workdirOf(config.workdir, context.baseDirectory),
    bulkConnection: true,
    workspace: config.workspace,
    processLogDir: config.processLogDir,
    ...(config.env === undefined ? {} : { env: config.env }),
    ...(onEvent === undefined ? {} : { onEvent }),
  };
  const handshake = createHandshake(VERSION);
  if (config.daemon === "never") return openEmbedded(config, context, base, handshake);
  const connector = createLocalConnector({
    transport: createLocalTransport(),
    progress: createProgressSink({ runtime: DESCRIPTION, ...context.options }),
    handshake,
    stateDirectory: config.stateDir ?? context.stateDirectory,
  });
  return createDaemonRuntime({
    ...base,
    dial: (options) => connector.connect(options),
    check: async (steps) => {
      await steps.run(
        "state",
        () => connector.directory(),
        (directory) => ({
          detail: `${process.platform}-${process.arch}, Node ${process.versions.node}, the daemon's directory is ${directory}`,
        }),
      );
    },
  });
}

type Base = Omit<Parameters<typeof createDaemonRuntime>[0], "dial">;

/**
 * A git worktree on this machine: the same as `local`, in a directory that has to be given.
 * @throws config.invalid without workdir; what openLocal throws
 */
export async function openWorktree(config: WorktreeConfig, context: RuntimeContext): Promise<Runtime> {
  if (config.workdir === undefined) {
    throw berthError("config.invalid", {
      message: "workdir: a worktree is opened by its path",
      hint: "Make a workspace (berth workspace create NAME -r worktree:) and use it by -w NAME.",
      context: { fields: ["workdir"] },
    });
  }
  return openLocal(config, context);
}

async function openEmbedded(
  config: LocalConfig | WorktreeConfig,
  context: RuntimeContext,
  base: Base,
  handshake: ReturnType<typeof createHandshake>,
): Promise<Runtime> {
  const parent = join(await privateDirectory(config.stateDir ?? context.stateDirectory), "embedded");
  await privateDirectory(parent);
  // The pid is for `berth gc`: what a killed caller leaves is removed when it is gone.
  const directory = await mkdtemp(join(parent, `${process.pid}-`));
  const token = randomBytes(32).toString("hex");
  const { helper, nodeArgv, entry: script } = await localInstallation();
  const daemon = await context.embed({ directory, token, helperPath: helper, nodeArgv, script });
  const close = async () => {
    await daemon.close();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    return await createDaemonRuntime({
      ...base,
      dial: ({ signal, clientId }) => {
        const [here, there] = loopbackPair();
        daemon.accept(there);
        return handshake(here, token, signal, { clientId });
      },
      capabilities: {
        daemon: false,
        reasons: { daemon: "daemon: never: processes end with the program that opened the runtime" },
      },
      close,
    });
  } catch (error) {
    await close();
    throw error;
  }
}

function workdirOf(asked: string | undefined, base: string): string {
  if (asked === undefined) return resolve(base);
  if (asked === "~" || asked.startsWith("~/")) return join(homedir(), asked.slice(1));
  return resolve(base, asked);
}
