import { Socket } from "node:net";
import { Duplex } from "node:stream";
import { unguardEnvironment } from "../wire/launch-environment.ts";
import type { Spawner } from "./process/spawner.ts";
import { findUser, type PlaceUser } from "./process/users.ts";

export interface WorkerOptions {
  readonly spawner: Spawner;
  /** argv that starts this Node with a script's path behind it. */
  readonly nodeArgv: readonly string[];
  /** The daemon's script. Default: the one that this process runs. */
  readonly script?: string | undefined;
  readonly environment: Readonly<Record<string, string>>;
  readonly log: (message: string, data: Record<string, unknown>) => void;
}

/**
 * Starts a second berthd that does file operations as another user, and returns its stdio. It begins as this
 * user, since the other one may not be able to read Berth's own files, and drops its rights before the first
 * request.
 */
export function workerStarter(options: WorkerOptions): (user: string) => Promise<Duplex> {
  return async (name) => startWorker(options, await findUser(name));
}

function startWorker(options: WorkerOptions, user: PlaceUser): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const script = options.script ?? process.argv[1] ?? "";
    options.spawner.spawn(
      {
        argv: [
          ...options.nodeArgv,
          script,
          "file-worker",
          `--uid=${user.uid}`,
          `--gid=${user.gid}`,
          `--groups=${user.groups.join(",")}`,
          `--home=${user.home}`,
        ],
        cwd: "/",
        env: Object.entries({
          ...unguardEnvironment(options.environment),
          HOME: user.home,
          UV_THREADPOOL_SIZE: "16",
        }),
        stdin: "pipe",
        stderr: "separate",
        tty: undefined,
        user: undefined,
      },
      {
        started(child) {
          const input = new Socket({ fd: child.stdin ?? -1, readable: false, writable: true });
          const output = new Socket({ fd: child.stdout, readable: true, writable: false });
          if (child.stderr !== undefined) {
            const errors = new Socket({ fd: child.stderr, readable: true, writable: false });
            errors.on("data", (chunk: Buffer) =>
              options.log("file worker", { stderr: chunk.toString("utf8") }),
            );
            errors.on("error", () => {});
          }
          resolve(Duplex.from({ readable: output, writable: input }));
        },
        failed: reject,
        exited: ({ exitCode, signal }) => options.log("file worker ended", { exitCode, signal }),
        empty: () => {},
      },
    );
  });
}

/** The worker's side: gives up this user's rights for good. */
export function dropRights(options: {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}): void {
  process.setgroups?.([...options.groups]);
  process.setgid?.(options.gid);
  process.setuid?.(options.uid);
}
