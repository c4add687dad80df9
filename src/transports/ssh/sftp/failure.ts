import { type BerthError, berthError, type FILE_ERROR_CODES } from "../../../contract/errors.ts";
import { typeOf } from "./attributes.ts";
import type { SftpLook } from "./look.ts";

type Errno = (typeof FILE_ERROR_CODES)[number];

/** Status codes of version 3. */
export const STATUS = {
  ok: 0,
  eof: 1,
  noSuchFile: 2,
  permissionDenied: 3,
  failure: 4,
  badMessage: 5,
  noConnection: 6,
  connectionLost: 7,
  unsupported: 8,
} as const;

export type SftpOperation =
  | "open"
  | "create"
  | "read"
  | "write"
  | "stat"
  | "setstat"
  | "opendir"
  | "mkdir"
  | "rmdir"
  | "remove"
  | "rename"
  | "readlink"
  | "symlink"
  | "realpath"
  | "statvfs";

export interface FailedRequest {
  readonly operation: SftpOperation;
  readonly path: string;
  /** Of a rename. */
  readonly to?: string | undefined;
  readonly status: number;
  /** What the server says; OpenSSH says no more than the status. */
  readonly said: string;
}

/** Characters of a server's words in an error. */
const MAX_SAID = 200;
/** Links that are followed in search of a loop, as the kernel does (MAXSYMLINKS). */
const MAX_LINKS = 40;

/**
 * The error of a request that the server refused. The status says little (OpenSSH puts ENOENT, ENOTDIR and ELOOP into
 * one and most of the others into FAILURE), so a look at what is there says which errno it was.
 */
export async function failure(look: SftpLook, request: FailedRequest): Promise<BerthError> {
  const { path, status, said } = request;
  if (status === STATUS.noConnection || status === STATUS.connectionLost) {
    return berthError("transport.disconnected", { hop: "transport", context: { path } });
  }
  const code = await errnoOf(look, request);
  if (code !== undefined) return berthError(code, { hop: "transport", context: { path } });
  return berthError("EIO", {
    hop: "transport",
    message: `the SFTP server says no more than ${JSON.stringify(said.slice(0, MAX_SAID) || `status ${status}`)}: ${path}`,
    context: { path },
  });
}

function errnoOf(look: SftpLook, request: FailedRequest): Promise<Errno | undefined> | Errno {
  switch (request.status) {
    case STATUS.noSuchFile:
      return missing(look, request);
    case STATUS.permissionDenied:
      return denied(look, request);
    case STATUS.badMessage:
      return isTooLong(request.path) || isTooLong(request.to ?? "") ? "ENAMETOOLONG" : "EINVAL";
    case STATUS.unsupported:
      return "ENOTSUP";
    default:
      return failed(look, request);
  }
}

/** The kernel's limits: 255 bytes a name, 4095 a path. */
function isTooLong(path: string): boolean {
  return Buffer.byteLength(path) > 4095 || path.split("/").some((name) => Buffer.byteLength(name) > 255);
}

/** ENOENT, ENOTDIR or ELOOP, by the first part of the way that is no directory. */
async function missing(look: SftpLook, { operation, path, to }: FailedRequest): Promise<Errno> {
  if (to !== undefined && (await look.lstat(path)) !== undefined) {
    const target = await look.lstat(to);
    if (target !== undefined) return "ENOTDIR";
    return missing(look, { operation, path: to, status: STATUS.noSuchFile, said: "" });
  }
  const ways = parents(path);
  const found = await Promise.all([...ways, path].map((way) => look.stat(way)));
  const broken = found.indexOf(undefined);
  const last = broken === -1 ? undefined : found[broken - 1];
  if (last !== undefined && typeOf(last) !== "directory") return "ENOTDIR";
  const at = [...ways, path][broken];
  if (at !== undefined) return (await loops(look, at)) ? "ELOOP" : "ENOENT";
  // Everything is there: it is what it is that does not fit.
  const type = typeOf(found.at(-1) ?? {});
  return type !== "directory" && (operation === "opendir" || operation === "rmdir") ? "ENOTDIR" : "ENOENT";
}

async function loops(look: SftpLook, path: string): Promise<boolean> {
  let at = path;
  for (let count = 0; count < MAX_LINKS; count++) {
    const target = await look.readlink(at);
    if (target === undefined) return false;
    at = target.startsWith("/") ? target : `${at.slice(0, at.lastIndexOf("/") + 1)}${target}`;
  }
  return true;
}

/** EPERM is what only the owner may do. */
async function denied(look: SftpLook, { operation, path }: FailedRequest): Promise<Errno> {
  if (operation !== "setstat") return "EACCES";
  return (await look.stat(path)) === undefined ? "EACCES" : "EPERM";
}

async function failed(look: SftpLook, request: FailedRequest): Promise<Errno | undefined> {
  const { operation, path, to } = request;
  const [there, disk] = await Promise.all([
    look.lstat(path),
    look.statvfs(operation === "mkdir" || operation === "symlink" ? (parents(path).at(-1) ?? "/") : path),
  ]);
  const type = there === undefined ? undefined : typeOf(there);
  if (operation === "mkdir" || operation === "symlink" || operation === "create") {
    if (there !== undefined && (operation !== "create" || type !== "directory")) return "EEXIST";
  }
  if ((operation === "remove" || operation === "read" || operation === "create") && type === "directory") {
    return "EISDIR";
  }
  if (operation === "open" && typeOf((await look.stat(path)) ?? {}) === "directory") return "EISDIR";
  if (operation === "readlink" && there !== undefined && type !== "symlink") return "EINVAL";
  const space = disk ?? (await look.statvfs(parents(path).at(-1) ?? "/"));
  if (space?.readOnly) return "EROFS";
  if (operation === "rmdir" && type === "directory") return "ENOTEMPTY";
  if (operation === "rename" && to !== undefined) return failedRename(look, type === "directory", to, space);
  if (space?.full) return "ENOSPC";
  return undefined;
}

async function failedRename(
  look: SftpLook,
  directory: boolean,
  to: string,
  from: { readonly device: string } | undefined,
): Promise<Errno | undefined> {
  const [target, disk] = await Promise.all([look.lstat(to), look.statvfs(parents(to).at(-1) ?? "/")]);
  if (target !== undefined && typeOf(target) === "directory") return directory ? "ENOTEMPTY" : "EISDIR";
  if (disk?.readOnly) return "EROFS";
  if (from !== undefined && disk !== undefined && from.device !== disk.device) return "EXDEV";
  return disk?.full ? "ENOSPC" : undefined;
}

/** The ways that lead to a path: "/", "/a", "/a/b" of "/a/b/c". */
export function parents(path: string): string[] {
  const found: string[] = path.startsWith("/") ? ["/"] : [];
  for (let at = path.indexOf("/", 1); at !== -1; at = path.indexOf("/", at + 1)) {
    const way = path.slice(0, at).replace(/(?<=.)\/+$/, "");
    if (way !== found.at(-1) && at < path.length - 1) found.push(way);
  }
  return found;
}
