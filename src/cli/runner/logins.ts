import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { stateError } from "../../runtimes/state-directory.ts";
import { usageError } from "../errors.ts";

/**
 * The address of a runner in one form: scheme, host and port, nothing behind.
 * @throws cli.usage; what was given is not repeated, as it may hold a token
 */
export function runnerUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw usageError("that is not the address of a runner", "It has the form https://HOST[:PORT].");
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw usageError(
      "the address of a runner holds nothing but scheme, host and port",
      "A token belongs in BERTH_RUNNER_TOKEN, or use `berth login`.",
    );
  }
  return url.href.replace(/\/+$/, "");
}

/** File of the token that `berth login` has saved for a runner, there or not. */
export function loginPath(stateDirectory: string, url: string): string {
  return join(stateDirectory, "logins", encodeURIComponent(url));
}

/** Whether a token is saved for a runner. One that others could read counts as none. */
export function hasLogin(stateDirectory: string, url: string): boolean {
  const path = loginPath(stateDirectory, url);
  return existsSync(path) && (statSync(path).mode & 0o077) === 0;
}

/** Saves it (0600), whole or not at all. @throws provision.no_space, provision.no_directory */
export function saveLogin(stateDirectory: string, url: string, token: string): string {
  const path = loginPath(stateDirectory, url);
  const temporary = `${path}.${process.pid}`;
  try {
    mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    chmodSync(dirname(path), 0o700);
    writeFileSync(temporary, `${token}\n`, { mode: 0o600 });
    renameSync(temporary, path);
    return path;
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw stateError(stateDirectory, cause);
  }
}

/** Removes it; false: there was none. */
export function removeLogin(stateDirectory: string, url: string): boolean {
  const path = loginPath(stateDirectory, url);
  const existed = existsSync(path);
  rmSync(path, { force: true });
  return existed;
}
