import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { checkMaster } from "./control-socket.ts";
import { SOCKET_NAME } from "./masters.ts";

/** An OpenSSH master of Berth's that is alive. */
export interface MasterState {
  /** Key of its target: 12 hexadecimal digits of the resolved configuration. */
  readonly key: string;
  /** The `ssh` process. */
  readonly pid: number;
  /** The process that uses it; undefined while it waits for the next one. */
  readonly usedBy: number | undefined;
  readonly socket: string;
}

/** The masters of a socket directory (socketDirectoryPath) that answer. Sockets that nobody listens on are left out. */
export async function listMasters(directory: string): Promise<MasterState[]> {
  const names = await readdir(directory).catch(() => []);
  const found = await Promise.all(
    names.sort().map(async (name): Promise<MasterState[]> => {
      const match = SOCKET_NAME.exec(name);
      if (match === null) return [];
      const socket = join(directory, name);
      const pid = await checkMaster(socket).catch(() => undefined);
      const usedBy = match[3] === undefined ? undefined : Number(match[3]);
      return pid === undefined ? [] : [{ key: match[1] ?? "", pid, usedBy, socket }];
    }),
  );
  return found.flat();
}
