import { posix } from "node:path";
import { collect } from "../../transports/collect.ts";
import type { Transport } from "../../transports/transport.ts";
import type { ContainerDescription } from "./container.ts";

const HOME_DEADLINE_MS = 30_000;

/** HOME of the user that commands in the container run as; "" when it can't be told. */
export async function homeOf(transport: Transport, signal: AbortSignal | undefined): Promise<string> {
  const process = await transport.run(["/bin/sh", "-c", 'printf %s "$HOME"']);
  const { stdout } = await collect(process, {
    deadlineMs: HOME_DEADLINE_MS,
    ...(signal === undefined ? {} : { signal }),
  });
  return stdout.startsWith("/") ? stdout : "";
}

/** HOME is needed where nothing else says where commands start, or where that is below it. */
export function needsHome(asked: string | undefined, container: ContainerDescription): boolean {
  return asked === undefined ? container.Config.WorkingDir === "" : /^~(?:\/|$)/.test(asked);
}

/**
 * Where commands start: what is asked for (a path of this machine is translated, a relative one is below the
 * container's own directory), else the container's own, else the user's home.
 */
export function containerWorkdir(
  asked: string | undefined,
  container: ContainerDescription,
  mapPath: (path: string) => string,
  home: string,
): string {
  const own = container.Config.WorkingDir || home || "/";
  if (asked === undefined) return own;
  const path = mapPath(asked);
  if (path === "~" || path.startsWith("~/")) return posix.join(home || "/", path.slice(1));
  return posix.resolve(own, path);
}
