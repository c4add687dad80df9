import { randomBytes } from "node:crypto";
import {
  closeSync,
  fstatSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileError } from "../../contract/errors.ts";
import { newToken, tokenKey } from "./token-text.ts";

const LOCAL_TOKEN_FILE = "token";

/** File of the token of a state directory, with the scope admin: whoever can read it is the user. */
export function tokenFilePath(stateDirectory: string): string {
  return join(stateDirectory, LOCAL_TOKEN_FILE);
}

/**
 * The token of a state directory; undefined when there is none. A file that somebody else can read, or could, or that
 * holds no whole token counts as none.
 * @throws errors of files
 */
export function readLocalToken(stateDirectory: string): string | undefined {
  const path = tokenFilePath(stateDirectory);
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    const { mode, uid } = fstatSync(file);
    if ((mode & 0o077) !== 0 || uid !== (process.getuid?.() ?? uid)) return undefined;
    const token = readFileSync(file, "latin1").trim();
    return tokenKey(token) === undefined ? undefined : token;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw fileError(cause, path, "runner");
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** The same, made once: of several programs that make it at once, all get that of the first. */
export function ensureLocalToken(stateDirectory: string): string {
  const token = readLocalToken(stateDirectory);
  if (token !== undefined) return token;
  const made = writeToken(stateDirectory, (temporary, path) => {
    try {
      linkSync(temporary, path);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
      // One that can't be used is there.
      if (readLocalToken(stateDirectory) === undefined) renameSync(temporary, path);
    }
  });
  return readLocalToken(stateDirectory) ?? made;
}

/** A new one in its place; the one before is worth nothing from then on. */
export function rotateLocalToken(stateDirectory: string): string {
  return writeToken(stateDirectory, renameSync);
}

/** Written whole under another name first: a reader never finds half of it. */
function writeToken(stateDirectory: string, place: (temporary: string, path: string) => void): string {
  const path = tokenFilePath(stateDirectory);
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  const token = newToken();
  try {
    writeFileSync(temporary, `${token}\n`, { mode: 0o600, flag: "wx" });
    place(temporary, path);
    return token;
  } catch (cause) {
    throw fileError(cause, path, "runner");
  } finally {
    rmSync(temporary, { force: true });
  }
}
