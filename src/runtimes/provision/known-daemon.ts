import { createHash } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod/mini";
import { privateDirectory } from "../state-directory.ts";

const knownDaemonSchema = z.object({
  /** Of the daemon's start: its token is the same as long as this is. */
  bootId: z.string(),
  socketPath: z.string(),
  token: z.string(),
  /** Program there, to which the socket's path is added, that connects its stdio to it. */
  bridge: z.array(z.string()),
  /** What a look at the place found of what it shares with this machine. */
  namespaces: z.array(z.string()),
});

/** How a daemon was reached the last time. */
export type KnownDaemon = z.infer<typeof knownDaemonSchema>;

/**
 * Remembers for the next process how the daemon of a place is reached, so that it is dialled without a look at the
 * place. The file has the daemon's token and is this user's alone; it is of no use to whoever cannot log in there.
 */
export interface DaemonMemory {
  recall(): Promise<KnownDaemon | undefined>;
  remember(daemon: KnownDaemon): Promise<void>;
}

/** @param place everything that decides which daemon it is */
export function daemonMemory(stateDirectory: string, place: readonly string[]): DaemonMemory {
  const directory = join(stateDirectory, "daemons");
  const name = createHash("sha256").update(place.join("\0")).digest("hex").slice(0, 24);
  const path = join(directory, `${name}.json`);
  return {
    async recall() {
      try {
        return knownDaemonSchema.parse(JSON.parse(await readFile(path, "utf8")));
      } catch {
        // None, or one of another version: the place is looked at.
        return undefined;
      }
    },
    async remember(daemon) {
      const temporary = `${path}.${process.pid}.tmp`;
      try {
        await privateDirectory(directory);
        await writeFile(temporary, JSON.stringify(daemon), { mode: 0o600 });
        await rename(temporary, path);
      } catch {
        // A home that cannot be written: the next process looks at the place again.
        await rm(temporary, { force: true }).catch(() => {});
      }
    },
  };
}
