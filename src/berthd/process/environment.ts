import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { DEFAULT_PATH, NON_INTERACTIVE_ENVIRONMENT } from "../../contract/environment.ts";
import { berthError } from "../../contract/errors.ts";
import type { PlaceUser } from "./users.ts";

/** Longest time that a login shell may take to start. */
const LOGIN_DEADLINE_MS = 5000;

/** Words of every shell. Without /proc this Node shows what it was given, as `env` ends nothing but lines. */
const SHOW_ENVIRONMENT = existsSync("/proc/self/environ")
  ? "cat /proc/self/environ"
  : `'${process.execPath}' -e 'process.stdout.write(Object.entries(process.env).map((pair) => pair.join("=")).join("\\0"))'`;

type Variables = Readonly<Record<string, string>>;

/** The whole environment of a command, in a stable order: the place's, then Berth's defaults, then the caller's. */
export function commandEnvironment(options: {
  readonly base: Variables;
  readonly user: PlaceUser | undefined;
  readonly tty: boolean;
  readonly caller: readonly (readonly [string, string | null])[];
}): [string, string][] {
  const variables = new Map<string, string>(Object.entries(options.base));
  if (options.user !== undefined) {
    variables.set("HOME", options.user.home);
    variables.set("USER", options.user.name);
    variables.set("LOGNAME", options.user.name);
    variables.set("SHELL", options.user.shell);
  }
  if (!variables.has("PATH")) variables.set("PATH", DEFAULT_PATH);
  if (options.tty) variables.set("TERM", "xterm-256color");
  else for (const [name, value] of NON_INTERACTIVE_ENVIRONMENT) variables.set(name, value);
  for (const [name, value] of options.caller) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || value?.includes("\0") === true) {
      throw berthError("process.env_invalid", { hop: "berthd", context: { name } });
    }
    if (value === null) variables.delete(name);
    else variables.set(name, value);
  }
  return [...variables];
}

/** Absolute working directory: `~` is the user's HOME. @throws process.cwd_not_found for a relative one */
export function resolveCwd(cwd: string, home: string): string {
  if (cwd === "~") return home;
  if (cwd.startsWith("~/")) return join(home, cwd.slice(2));
  if (!isAbsolute(cwd) || cwd.includes("\0")) {
    throw berthError("process.cwd_not_found", { hop: "berthd", context: { cwd } });
  }
  return cwd;
}

/**
 * The environment that a login shell of the user has: started once, with no input, a deadline, and markers around
 * what counts, since start-up files may print. It falls back to `inherited` where the shell doesn't serve
 * (`nologin`, a shell that hangs).
 */
export async function loginEnvironment(options: {
  readonly inherited: Variables;
  readonly home: string;
  readonly name: string;
  readonly shell: string;
}): Promise<Record<string, string>> {
  const { inherited, home, name, shell } = options;
  const start: Record<string, string> = {};
  for (const [key, value] of Object.entries(inherited)) {
    // What the session, not a start-up file, decides. The rest is what a login would make anew.
    if (
      /^(LANG|LANGUAGE|LC_|TZ$|XDG_|SSH_AUTH_SOCK$|DISPLAY$|WAYLAND_DISPLAY$|DBUS_SESSION_BUS_ADDRESS$|DOCKER_)/.test(
        key,
      )
    ) {
      start[key] = value;
    }
  }
  Object.assign(start, { HOME: home, USER: name, LOGNAME: name, SHELL: shell, PATH: DEFAULT_PATH });
  const marker = randomBytes(16).toString("hex");
  const output = await shellOutput(shell, marker, start, home);
  const first = output.indexOf(marker);
  const last = output.lastIndexOf(marker);
  if (first === -1 || first === last) return { ...inherited };
  const found = parseEnvironment(output.subarray(first + marker.length, last).toString("utf8"));
  for (const transient of ["_", "SHLVL", "PWD", "OLDPWD"]) delete found[transient];
  return found;
}

/** Variables of a NUL-separated list, as in /proc/<pid>/environ. */
function parseEnvironment(text: string): Record<string, string> {
  const result: Record<string, string> = {};
  for (const entry of text.split("\0")) {
    const equals = entry.indexOf("=");
    if (equals > 0 && /^[A-Za-z_][A-Za-z0-9_]*$/.test(entry.slice(0, equals))) {
      result[entry.slice(0, equals)] = entry.slice(equals + 1);
    }
  }
  return result;
}

function shellOutput(shell: string, marker: string, env: Variables, home: string): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let child: ChildProcess;
    try {
      child = spawn(shell, ["-c", `printf ${marker}; ${SHOW_ENVIRONMENT}; printf ${marker}`], {
        // A dash in front makes it a login shell in every shell; `-l` with `-c` does not (tcsh).
        argv0: `-${shell.slice(shell.lastIndexOf("/") + 1)}`,
        env,
        cwd: home,
        stdio: ["ignore", "pipe", "ignore"],
        detached: true,
      });
    } catch {
      resolve(Buffer.alloc(0));
      return;
    }
    const finish = (): void => {
      clearTimeout(timer);
      resolve(Buffer.concat(chunks));
    };
    const timer = setTimeout(() => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      } catch {
        // It ended meanwhile.
      }
      finish();
    }, LOGIN_DEADLINE_MS);
    child.stdout?.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.on("error", finish);
    // Not "close": a start-up file may leave something behind that holds the pipe.
    child.on("exit", () => setImmediate(finish));
  });
}
