import assert from "node:assert/strict";
import { chmod, chown, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { waitFor } from "../../../test/fixtures/process.ts";
import { logDirectory } from "./log-directory.ts";
import { hostPlace, startRequest } from "./testing.ts";
import type { PlaceUser } from "./users.ts";

const uid = process.getuid?.() ?? 0;
const user = (home: string): PlaceUser => ({
  name: "me",
  uid,
  gid: uid,
  groups: [uid],
  home,
  shell: "/bin/sh",
});
const names = (directory: string) => readdir(directory).catch(() => [] as string[]);

test("it is made with mode 0700, from the home directory, and is the real path of what links lead to", async () => {
  await using at = await hostPlace();
  const path = await logDirectory("~/logs/deep", user(at.directory));
  assert.equal(path, join(at.directory, "logs/deep"));
  assert.equal((await stat(path)).mode & 0o777, 0o700);
  await symlink(path, join(at.directory, "link"));
  assert.equal(await logDirectory(join(at.directory, "link"), user(at.directory)), path);
});

test("one that is there keeps its mode, and is refused where somebody else could write or owns it", async () => {
  await using at = await hostPlace();
  const path = join(at.directory, "logs");
  const refused = async (reason: RegExp, asked = path) =>
    assert.rejects(logDirectory(asked, user(at.directory)), (error: Error & { code?: string }) => {
      assert.equal(error.code, "process.log_directory_unusable");
      assert.match(error.message, reason);
      return true;
    });
  await mkdir(path, { mode: 0o755 });
  await chmod(path, 0o755);
  assert.equal(await logDirectory(path, user(at.directory)), path);
  assert.equal((await stat(path)).mode & 0o777, 0o755);
  await chmod(path, 0o775);
  await refused(/others may write/);
  await chmod(path, 0o700);
  if (uid === 0) {
    await chown(path, 4321, 0);
    await refused(/another user \(uid 4321\)/);
  }
  await writeFile(join(at.directory, "file"), "");
  await refused(/not a directory/, join(at.directory, "file"));
  await refused(/not a directory/, join(at.directory, "file/below"));
  await refused(/ENOENT|EACCES/, "/proc/logs");
  await refused(/no absolute path/, "logs");
});

test("a log is there with mode 0700, is found by the next daemon, and goes with its process", async () => {
  await using at = await hostPlace();
  const logs = join(at.directory, "elsewhere");
  const state = join(at.directory, "state");
  const first = at.open({ directory: state });
  const { process } = await first.start(
    startRequest(["sh", "-c", "echo kept; sleep 0.2; exit 3"], { logDirectory: logs }),
    "me",
  );
  const mine = join(logs, process.id);
  const log = join(mine, "0000000000000000.log");
  await waitFor("its log", async () => (await readFile(log, "utf8")) === "kept\n");
  assert.equal((await stat(mine)).mode & 0o777, 0o700);
  await waitFor("its end", () => process.finished);
  await first.close();
  const second = at.open({ directory: state });
  const found = await second.find(process.id);
  assert.ok("record" in found);
  assert.deepEqual([found.record.exit?.exitCode, found.log.end, found.log.directory], [3, 5, mine]);
  assert.equal(second.storage.diskBytes, 5, "it counts");
  await second.remove(process.id);
  assert.deepEqual([await names(logs), await names(state), second.storage.diskBytes], [[], [], 0]);
});

test("what a killed daemon had begun is removed by the next one also without a record", async () => {
  await using at = await hostPlace();
  const logs = join(at.directory, "elsewhere");
  const state = join(at.directory, "state");
  const first = at.open({ directory: state });
  const { process } = await first.start(
    startRequest(["sh", "-c", "echo kept; exec sleep 60"], { logDirectory: logs }),
    "me",
  );
  await waitFor("its log and its record", async () => {
    const record = await names(join(state, process.id));
    return record.includes("process.json") && (await names(join(logs, process.id))).length === 2;
  });
  await rm(join(state, process.id, "process.json"));
  const second = at.open({ directory: state });
  await second.list();
  assert.deepEqual([await names(logs), await names(state)], [[], []]);
});

test("a host whose logs nobody reads afterwards leaves none elsewhere", async () => {
  await using at = await hostPlace();
  const logs = join(at.directory, "elsewhere");
  const host = at.open({ directory: join(at.directory, "state"), removesLogs: true });
  const { process } = await host.start(
    startRequest(["sh", "-c", "echo kept; exec sleep 60"], { logDirectory: logs }),
    "me",
  );
  await waitFor("its log", async () => (await names(join(logs, process.id))).length === 2);
  await host.close();
  assert.deepEqual(await names(logs), []);
});
