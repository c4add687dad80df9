import assert from "node:assert/strict";
import { test } from "node:test";
import { errnoOfMessage, fileFailure } from "./file-errors.ts";

/** Recorded under LC_ALL=C from GNU coreutils 9.1 and busybox 1.35. */
const RECORDED: [string, string][] = [
  ["stat: cannot statx '/x': No such file or directory", "ENOENT"],
  ["stat: can't stat '/x': No such file or directory", "ENOENT"],
  ["cat: /root/x: Permission denied", "EACCES"],
  ["cat: can't open '/root/x': Permission denied", "EACCES"],
  ["cat: /tmp: Is a directory", "EISDIR"],
  ["cat: read error: Is a directory", "EISDIR"],
  ["stat: cannot statx '/etc/passwd/x': Not a directory", "ENOTDIR"],
  ["mkdir: cannot create directory '/tmp': File exists", "EEXIST"],
  ["mkdir: can't create directory '/tmp': File exists", "EEXIST"],
  ["rmdir: failed to remove '/tmp/a': Directory not empty", "ENOTEMPTY"],
  ["rmdir: '/tmp/a': Directory not empty", "ENOTEMPTY"],
  ["cat: write error: No space left on device", "ENOSPC"],
  ["mkdir: cannot create directory '/mnt/d': Read-only file system", "EROFS"],
  ["rm: can't remove '/mnt/a': Read-only file system", "EROFS"],
  ["stat: cannot statx '/loop': Too many levels of symbolic links", "ELOOP"],
  ["stat: cannot statx '/xxx': File name too long", "ENAMETOOLONG"],
  ["mv: cannot move '/k' to a subdirectory of itself, '/k/sub'", "EINVAL"],
  ["mv: can't rename '/k': Invalid argument", "EINVAL"],
  ["mv: cannot move '/a' to '/etc/hosts': Device or resource busy", "EBUSY"],
  ["mv: cannot overwrite directory '/a' with non-directory", "EISDIR"],
  ["mv: cannot overwrite non-directory '/a' with directory '/b'", "ENOTDIR"],
  ["chmod: changing permissions of '/x': Operation not permitted", "EPERM"],
  ["/bin/dash: 31: cannot create /x: Text file busy", "ETXTBSY"],
];

/** By the texts of strerror() in musl's and Apple's sources; neither system is to be had here. */
const FROM_DOCUMENTATION: [string, string][] = [
  ["stat: can't stat '/loop': Symbolic link loop", "ELOOP"],
  ["touch: /xxx: Filename too long", "ENAMETOOLONG"],
  ["cat: write error: Quota exceeded", "EDQUOT"],
  ["cat: /x: I/O error", "EIO"],
  ["mv: can't rename '/a': Resource busy", "EBUSY"],
  ["mv: can't rename '/a': Cross-device link", "EXDEV"],
  ["cat: can't open '/x': No file descriptors available", "EMFILE"],
  ["stat: /x: stat: No such file or directory", "ENOENT"],
  ["mkdir: /System/x: Read-only file system", "EROFS"],
  ["cp: /x: Disc quota exceeded", "EDQUOT"],
  ["chmod: Unable to change file mode on /x: Operation not permitted", "EPERM"],
  ["cat: /dev/x: Device not configured", "ENXIO"],
  ["mv: /x: Operation not supported", "ENOTSUP"],
  ["ls: /net/x: Stale NFS file handle", "ESTALE"],
];

test("messages of GNU, busybox, musl and BSD tools name their errno", () => {
  for (const [message, code] of [...RECORDED, ...FROM_DOCUMENTATION]) {
    assert.equal(errnoOfMessage(`${message}\n`), code, message);
  }
});

test("a file name that reads like a message is none", () => {
  assert.equal(errnoOfMessage("rm: No space left on device: Permission denied"), "EACCES");
  assert.equal(errnoOfMessage("cat: all is well"), undefined);
  assert.equal(errnoOfMessage(""), undefined);
});

test("the last line that names one counts", () => {
  assert.equal(
    errnoOfMessage("cat: a: Permission denied\ncat: b: No such file or directory\ndone\n"),
    "ENOENT",
  );
});

test("a test of the script goes before the message, the message before a look", () => {
  const result = { status: 1, stdout: Buffer.alloc(0), stderr: "cat: /x: Permission denied" };
  const code = (error?: string, maybe?: string, stderr = result.stderr) =>
    fileFailure({ ...result, stderr, error, maybe }, "/x", "place").code;
  assert.equal(code("EISDIR", "ENOENT"), "EISDIR");
  assert.equal(code(undefined, "ENOENT"), "EACCES");
  assert.equal(code(undefined, "ENOENT", "sh: cannot open /x: No such file"), "ENOENT");
  assert.equal(code(undefined, undefined, "odd"), "internal");
});

test("a name longer than the kernel's limit is told as such", () => {
  const result = { status: 1, stdout: Buffer.alloc(0), stderr: "", error: "ENOENT", maybe: undefined };
  const error = fileFailure(result, `/tmp/${"é".repeat(128)}`, "place");
  assert.equal(error.code, "ENAMETOOLONG");
  assert.equal(fileFailure(result, `/tmp/${"é".repeat(127)}`, "place").code, "ENOENT");
});
