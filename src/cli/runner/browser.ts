import { accessSync, constants, statSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import { isLoopback } from "../../runner/access/hosts.ts";

/** What opens an address in the user's browser, the best first. */
const PROGRAMS = ["wslview", "xdg-open", "open"] as const;

export type Browser =
  | { readonly program: string }
  /** Why there is none here. */
  | { readonly missing: "ssh" | "display" | "program" };

/** What opens the browser of who sits here; by SSH that is another machine's. Nothing is run. */
export function browserOf(env: NodeJS.ProcessEnv = process.env): Browser {
  if (env.SSH_CONNECTION) return { missing: "ssh" };
  const isWindows = Boolean(env.WSL_DISTRO_NAME);
  const hasDisplay =
    Boolean(env.DISPLAY || env.WAYLAND_DISPLAY) || isWindows || process.platform === "darwin";
  if (!hasDisplay) return { missing: "display" };
  for (const name of PROGRAMS) {
    // Of that name most systems have something else.
    if (name === "open" && process.platform !== "darwin") continue;
    const program = programIn(env.PATH, name);
    if (program !== undefined) return { program };
  }
  return { missing: "program" };
}

function programIn(path = "", name: string): string | undefined {
  return path
    .split(delimiter)
    .filter(isAbsolute)
    .map((directory) => join(directory, name))
    .find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * How somebody who came by SSH gets to a port of this machine from theirs; undefined: they did not, or it is no port of this
 * machine alone.
 */
export function forwardHint(url: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const [, , address = "", sshPort = "22"] = (env.SSH_CONNECTION ?? "").split(" ");
  const { hostname, port, protocol } = new URL(url);
  if (address === "" || !isLoopback(hostname)) return undefined;
  const number = port || (protocol === "https:" ? "443" : "80");
  const by = sshPort === "22" ? "" : ` -p ${sshPort}`;
  return `ssh -L ${number}:${hostname}:${number}${by} ${env.USER || "USER"}@${address}`;
}
