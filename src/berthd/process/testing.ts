import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Params } from "../../wire/messages.ts";
import { HelperSpawner } from "./helper-spawner.ts";
import { ProcessHost, type ProcessHostOptions } from "./host.ts";

/** The helper as the build made it for this machine. */
export const HELPER_PATH = fileURLToPath(
  new URL(`../../../native/build/linux-${process.arch}/berth-helper`, import.meta.url),
);

/** Hosts over one directory, as daemons that follow each other. */
export interface HostPlace extends AsyncDisposable {
  readonly directory: string;
  open(options?: Partial<ProcessHostOptions>): ProcessHost;
}

export async function hostPlace(): Promise<HostPlace> {
  const directory = await mkdtemp(join(tmpdir(), "berth-host-"));
  const hosts: ProcessHost[] = [];
  return {
    directory,
    open(options = {}) {
      const host = new ProcessHost({
        directory,
        bootId: randomUUID(),
        spawner: new HelperSpawner({ helperPath: HELPER_PATH, softFileLimit: 0 }),
        baseEnvironment: Promise.resolve({ PATH: process.env.PATH ?? "", HOME: "/root" }),
        daemonUser: { name: "root", uid: 0, gid: 0, groups: [0], home: "/root", shell: "/bin/sh" },
        log: () => {},
        ...options,
      });
      hosts.push(host);
      return host;
    },
    async [Symbol.asyncDispose]() {
      for (const host of hosts) await host.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Parameters of `process.start` as the wire fills them in. */
export function startRequest(
  command: string[],
  extra: Partial<Params<"process.start">> = {},
): Params<"process.start"> {
  return {
    requestId: randomUUID(),
    command,
    cwd: "/",
    env: [],
    stdin: "ignore",
    stderr: "separate",
    shellLookup: false,
    killGraceMs: 2000,
    drainMs: 0,
    overflow: "drop",
    detached: false,
    keptBy: "client",
    ...extra,
  };
}
