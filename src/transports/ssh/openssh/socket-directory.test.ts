import assert from "node:assert/strict";
import { chmod, mkdir, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { scratchDirectory } from "../../../../test/fixtures/disk.ts";
import { isBerthError } from "../../../contract/errors.ts";
import { socketDirectory, socketDirectoryPath } from "./socket-directory.ts";

test("the directory is Berth's own, else the user's runtime directory, else a short one", () => {
  const short = `/tmp/berth-${process.getuid?.() ?? 0}-ssh`;
  const runtime = { XDG_RUNTIME_DIR: "/run/user/7" };
  assert.equal(socketDirectoryPath({ ...runtime, BERTH_HOME: "/b" }), "/b/ssh");
  assert.equal(socketDirectoryPath(runtime), "/run/user/7/berth-ssh");
  assert.equal(socketDirectoryPath({}), short);
  assert.equal(socketDirectoryPath({ XDG_RUNTIME_DIR: "relative" }), short);
  // A path that leaves no room for a socket, or in which ssh would expand something.
  const long = "x".repeat(60);
  assert.equal(socketDirectoryPath({ ...runtime, BERTH_HOME: `/${long}` }), "/run/user/7/berth-ssh");
  assert.equal(socketDirectoryPath({ BERTH_HOME: `/${long.slice(0, 58)}` }), `/${long.slice(0, 58)}/ssh`);
  for (const odd of ["/with blank", "/100%", "/$HOME", '/"']) {
    assert.equal(socketDirectoryPath({ BERTH_HOME: odd }), short);
  }
});

test("nobody else can enter it", async () => {
  await using scratch = await scratchDirectory();
  const path = join(scratch.path, "a", "ssh");
  assert.equal(await socketDirectory(path), path);
  await chmod(path, 0o755);
  await socketDirectory(path);
  assert.equal((await stat(path)).mode & 0o777, 0o700);
  await mkdir(join(scratch.path, "real"));
  await symlink("real", join(scratch.path, "link"));
  await assert.rejects(socketDirectory(join(scratch.path, "link")), (error) =>
    isBerthError(error, "provision.no_directory"),
  );
});
