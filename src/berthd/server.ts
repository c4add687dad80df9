import { randomBytes } from "node:crypto";
import { promises as fs } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { berthError } from "../contract/errors.ts";
import { VERSION } from "../contract/version.ts";
import { HAS_DESCRIPTOR_PATHS } from "../files/handles.ts";
import { acceptWire, type WireServer } from "../wire/connection.ts";
import { PROTOCOL_MAX, PROTOCOL_MIN } from "../wire/frame.ts";
import { unguardEnvironment } from "../wire/launch-environment.ts";
import type { Method, Params } from "../wire/messages.ts";
import type { WireStream } from "../wire/types.ts";
import { cpAttributeCopier } from "./files/attributes.ts";
import { helperAttributeCopier } from "./files/helper-attributes.ts";
import { createFileService } from "./files/service.ts";
import { createPortService } from "./ports/service.ts";
import { waitForPort } from "./ports/wait-for-port.ts";
import { loginEnvironment } from "./process/environment.ts";
import { HelperSpawner } from "./process/helper-spawner.ts";
import { ProcessHost } from "./process/host.ts";
import { NodeSpawner } from "./process/node-spawner.ts";
import { treeKnowledge } from "./process/process-table.ts";
import { createProcessService } from "./process/service.ts";
import type { Spawner } from "./process/spawner.ts";
import { findUser, type PlaceUser } from "./process/users.ts";
import { releaseWhenQuiet } from "./release-memory.ts";
import type { ClientSession, MethodHandler, Service } from "./service.ts";
import { workerStarter } from "./worker.ts";

export interface DaemonOptions {
  /** Directory of this daemon's own: records and logs go to `processes/` in it. */
  readonly directory: string;
  readonly token: string;
  /** `berth-helper`; undefined where it can't run. */
  readonly helperPath: string | undefined;
  /** Read the login shell's environment (local, SSH) instead of this process's own (containers). */
  readonly loginEnvironment: boolean;
  /** argv that starts this Node with a script's path behind it; for workers as another user. */
  readonly nodeArgv: readonly string[];
  /** The daemon's script, where this process runs another one. */
  readonly script?: string | undefined;
  /** RLIMIT_NOFILE (soft) for children; 0 leaves it. */
  readonly softFileLimit: number;
  readonly retentionMs?: number;
  /** No other daemon follows in this directory: nothing is kept. Default false. */
  readonly removesLogs?: boolean;
  readonly log: (message: string, data: Record<string, unknown>) => void;
  /** Called when nothing has been connected or running for a while is up to the caller: it reads `idle()`. */
  readonly onActivity?: () => void;
  /** A client asked the daemon to end. */
  readonly onShutdown?: () => void;
}

export interface Daemon {
  readonly bootId: string;
  /** Serves one client over a byte stream until it ends. */
  accept(duplex: Duplex): WireServer;
  /** No client, no process and no tree is left. */
  idle(): boolean;
  close(): Promise<void>;
}

/** The daemon without its socket: the same over a unix socket, a stdio bridge or an in-memory stream. */
export async function createDaemon(options: DaemonOptions): Promise<Daemon> {
  const bootId = randomBytes(16).toString("hex");
  const startedMs = performance.now();
  const inherited = unguardEnvironment(process.env);
  const user = await daemonUser(inherited);
  const spawner = await makeSpawner(options);
  const baseEnvironment = options.loginEnvironment
    ? loginEnvironment({ inherited, home: user.home, name: user.name, shell: user.shell })
    : Promise.resolve(inherited);
  const host = new ProcessHost({
    directory: join(options.directory, "processes"),
    keptDirectory: options.removesLogs === true ? undefined : join(options.directory, "outputs"),
    bootId,
    spawner,
    baseEnvironment,
    daemonUser: user,
    ...(options.retentionMs === undefined ? {} : { retentionMs: options.retentionMs }),
    removesLogs: options.removesLogs ?? false,
    log: options.log,
  });
  const clients = new Set<WireServer>();
  const infoService: Service = {
    methods: {
      "daemon.info": (_params, stream) => {
        stream.respond({
          bootId,
          version: VERSION,
          pid: process.pid,
          uptimeMs: Math.round(performance.now() - startedMs),
          processes: { running: host.running, known: host.size },
          clients: clients.size,
          memory: process.memoryUsage(),
          logs: { residentBytes: host.storage.residentBytes, diskBytes: host.storage.diskBytes },
          processTree: spawner.processTree,
        });
        stream.end();
      },
      "daemon.shutdown": ({ force }, stream) => {
        if (host.running > 0 && !force) {
          throw berthError("process.running", {
            hop: "berthd",
            message: `the daemon has ${host.running} running processes`,
            hint: "End them first, or force it: they end with the daemon.",
          });
        }
        stream.respond({});
        stream.end();
        options.onShutdown?.();
      },
    },
    busy: () => false,
    close: async () => {},
  };
  const services: Service[] = [
    createProcessService({ host, waitForPort }),
    createFileService({
      home: user.home,
      searchPath: baseEnvironment.then(({ PATH }) => PATH),
      script: options.script,
      ...(options.helperPath === undefined
        ? {}
        : { attributes: helperAttributeCopier(options.helperPath, cpAttributeCopier()) }),
      startWorker: workerStarter({
        spawner,
        nodeArgv: options.nodeArgv,
        script: options.script,
        environment: inherited,
        log: options.log,
      }),
    }),
    createPortService(),
    infoService,
  ];
  const handlers: { [name: string]: MethodHandler<Method> } = Object.assign(
    {},
    ...services.map((service) => service.methods),
  );

  const touch = releaseWhenQuiet();
  // What starting has left.
  touch();
  const dispatch = <M extends Method>(
    stream: WireStream,
    method: M,
    params: Params<M>,
    session: ClientSession,
  ): void | Promise<void> => {
    touch();
    const handler = handlers[method];
    if (handler === undefined)
      throw berthError("wire.method_unknown", { hop: "berthd", context: { method } });
    return (handler as MethodHandler<M>)(params, stream, session);
  };

  return {
    bootId,
    accept(duplex) {
      let session: ClientSession | undefined;
      const connection = acceptWire(duplex, {
        token: options.token,
        hello: {
          protocol: [PROTOCOL_MIN, PROTOCOL_MAX],
          version: VERSION,
          bootId,
          platform: `${process.platform}-${process.arch}`,
          pid: process.pid,
          user: { name: user.name, uid: user.uid, gid: user.gid, home: user.home, shell: user.shell },
          capabilities: capabilitiesOf(spawner, user),
        },
        onRequest: dispatch,
        onSession: (opened) => {
          session = opened;
          host.clientConnected(opened.clientId);
        },
      });
      clients.add(connection);
      options.onActivity?.();
      void connection.ended.then(() => {
        clients.delete(connection);
        if (session !== undefined) host.clientGone(session.clientId);
        options.onActivity?.();
      });
      return connection;
    },
    idle: () => clients.size === 0 && services.every((service) => !service.busy()),
    async close() {
      for (const client of clients) client.close();
      for (const service of services) await service.close();
    },
  };
}

async function makeSpawner(options: DaemonOptions): Promise<Spawner> {
  const { helperPath } = options;
  if (helperPath !== undefined) {
    try {
      await fs.access(helperPath, fs.constants.X_OK);
      return new HelperSpawner({ helperPath, softFileLimit: options.softFileLimit });
    } catch {
      options.log("the process helper can't be run", { path: helperPath });
    }
  }
  return new NodeSpawner(options.directory, await treeKnowledge());
}

/** What daemons of the same protocol before this one did not know. */
const FEATURES = {
  workspaces: true,
  search: true,
  logDirectory: true,
  scopedProcesses: true,
  keptByReaders: true,
  text: true,
  keepOutput: true,
  background: true,
  ports: true,
};

/** What this daemon can do beside what every one can, and why it can't do the rest. */
function capabilitiesOf({ processTree, tty }: Spawner, { uid, name }: PlaceUser): Record<string, unknown> {
  const noHelper = "berth-helper does not run in this place";
  return {
    processTree,
    tty,
    ...FEATURES,
    user: uid === 0 && processTree === "exact",
    ...(HAS_DESCRIPTOR_PATHS ? {} : { contained: false }),
    reasons: {
      ...(HAS_DESCRIPTOR_PATHS
        ? {}
        : { contained: "the place has no /proc, by which a directory is held while a path is walked" }),
      ...(processTree === "exact" ? {} : { processTree: noHelper }),
      ...(tty ? {} : { tty: noHelper }),
      ...(uid === 0
        ? processTree === "exact"
          ? {}
          : { user: noHelper }
        : { user: `the daemon runs as ${name}; only root can be another user` }),
    },
  };
}

/** Who the daemon runs as; a uid without an entry in the user database is usual in containers. */
async function daemonUser(environment: Readonly<Record<string, string>>): Promise<PlaceUser> {
  const uid = process.getuid?.() ?? 0;
  const gid = process.getgid?.() ?? 0;
  const groups = process.getgroups?.() ?? [gid];
  try {
    const found = await findUser(String(uid));
    const known = found.name !== String(uid);
    return {
      ...found,
      gid,
      groups,
      home: environment.HOME ?? found.home,
      shell: known ? found.shell : (environment.SHELL ?? "/bin/sh"),
    };
  } catch {
    const { username, homedir, shell } = userInfo();
    return { name: username, uid, gid, groups, home: homedir, shell: shell ?? "/bin/sh" };
  }
}
