import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { BackgroundOptions, SpawnOptions } from "../../src/contract/process.ts";
import type { Place } from "./case.ts";

/** What the client is asked to start. */
export interface ClientTask extends Pick<SpawnOptions, "detached" | "leaseMs" | "name"> {
  readonly command: readonly string[];
  /** Started as one that is waited for, and moved to the background so. */
  readonly background?: BackgroundOptions;
}

/**
 * Lets a client in a process of its own start a command, read the first bytes of its output, and kills that client
 * by SIGKILL. Gives the command's id and the client's last cursor.
 */
export async function killedClient(place: Place, task: ClientTask): Promise<{ id: string; cursor: number }> {
  const script = fileURLToPath(new URL("client.ts", import.meta.url));
  const given = JSON.stringify({ config: place.config, stateDirectory: place.stateDirectory, task });
  const child = spawn(process.execPath, [script], { stdio: ["pipe", "pipe", "inherit"] });
  try {
    child.stdin.end(given);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const { value } = await lines.next();
    if (value === undefined) throw new Error("the client ended before it had started the command");
    return JSON.parse(value) as { id: string; cursor: number };
  } finally {
    const ended = once(child, "close");
    child.kill("SIGKILL");
    await ended;
  }
}
