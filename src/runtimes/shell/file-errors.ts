import type { ErrorCode } from "../../contract/error-registry.ts";
import { type BerthError, berthError, type FILE_ERROR_CODES } from "../../contract/errors.ts";
import type { ScriptResult } from "./place.ts";

type Errno = (typeof FILE_ERROR_CODES)[number];

/**
 * How tools end their messages, in the C locale: strerror() of glibc, musl and BSD (macOS), and what a few tools
 * say of their own. Only the end of a line counts, as file names stand before it.
 */
const PHRASES: readonly (readonly [RegExp, Errno])[] = [
  [/no such file or directory$/, "ENOENT"],
  [/(permission denied)$/, "EACCES"],
  [/(operation not permitted|not owner)$/, "EPERM"],
  [/(is a directory)$/, "EISDIR"],
  [/cannot overwrite directory .* with non-directory.*$/, "EISDIR"],
  [/not a directory$/, "ENOTDIR"],
  [/cannot overwrite non-directory .* with directory.*$/, "ENOTDIR"],
  [/(directory not empty)$/, "ENOTEMPTY"],
  [/(file exists)$/, "EEXIST"],
  [/(no space left on device)$/, "ENOSPC"],
  [/(disk quota exceeded|disc quota exceeded|quota exceeded)$/, "EDQUOT"],
  [/(read-only file system)$/, "EROFS"],
  [/(too many levels of symbolic links|symbolic link loop)$/, "ELOOP"],
  [/(file name too long|filename too long)$/, "ENAMETOOLONG"],
  [/(to a subdirectory of itself.*|invalid argument)$/, "EINVAL"],
  [/(device or resource busy|resource busy)$/, "EBUSY"],
  [/(invalid cross-device link|cross-device link)$/, "EXDEV"],
  [/(too many open files in system)$/, "ENFILE"],
  [/(too many open files|no file descriptors available)$/, "EMFILE"],
  [/(input\/output error|i\/o error)$/, "EIO"],
  [/(file too large)$/, "EFBIG"],
  [/(no such device or address|device not configured)$/, "ENXIO"],
  [/(text file busy)$/, "ETXTBSY"],
  [/(no such device|operation not supported by device)$/, "ENODEV"],
  [/(bad file descriptor)$/, "EBADF"],
  [/(operation not supported|not supported)$/, "ENOTSUP"],
  [/(stale (nfs )?file handle)$/, "ESTALE"],
];

/** The errno that a tool's message names; of several lines the last that names one. */
export function errnoOfMessage(text: string): Errno | undefined {
  for (const line of text.trimEnd().split("\n").reverse()) {
    const said = line.trimEnd().toLowerCase();
    const found = PHRASES.find(([phrase]) => phrase.test(said));
    if (found !== undefined) return found[1];
  }
  return undefined;
}

/**
 * The error of a script that failed: what it found by a test of its own, else what the tool said, else what it
 * supposes from a look at the path.
 */
export function fileFailure(result: ScriptResult, path: string, runtime: string): BerthError {
  const certain = result.error as ErrorCode | undefined;
  const code = certain ?? errnoOfMessage(result.stderr) ?? (result.maybe as ErrorCode | undefined);
  const options = { hop: "transport", runtime, context: { path } } as const;
  if (code !== undefined)
    return berthError(code === "ENOENT" && isTooLong(path) ? "ENAMETOOLONG" : code, options);
  const said = result.stderr.trim().split("\n").at(-1) || `exit status ${result.status}`;
  return berthError("internal", { ...options, message: `file operation failed: ${said}: ${path}` });
}

/** Tests of the shell only say that there is nothing; the kernel's limits are 255 bytes a name, 4095 a path. */
function isTooLong(path: string): boolean {
  return Buffer.byteLength(path) > 4095 || path.split("/").some((name) => Buffer.byteLength(name) > 255);
}
