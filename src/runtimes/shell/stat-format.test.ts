import assert from "node:assert/strict";
import { test } from "node:test";
import { parseStat, parseStatOutput, permissionBits } from "./stat-format.ts";

const NOW = new Date("2026-11-21T12:00:00Z");

test("GNU coreutils 9.1, stat -c: recorded", () => {
  assert.deepEqual(parseStat("81a4 1355 0 0 2244701 1 2026-11-21 10:17:44.933678293 +0000", "gnu"), {
    type: "file",
    size: 1355,
    mode: 0o644,
    mtimeMs: Date.UTC(2026, 10, 21, 10, 17, 44) + 933,
    uid: 0,
    gid: 0,
    inode: 2244701,
    links: 1,
  });
  assert.equal(parseStat("a1ff 4 0 0 12 1 2023-01-05 13:20:48.000000000 +0000", "gnu").type, "symlink");
  assert.equal(parseStat("43ff 4096 0 0 12 9 2023-01-05 13:20:48.000000000 +0000", "gnu").mode, 0o1777);
  assert.equal(parseStat("21b6 0 0 0 3 1 2026-11-20 17:21:03.080000000 +0000", "gnu").type, "character");
});

test("busybox 1.35, stat -c: recorded", () => {
  const stat = parseStat("89ed 77 1000 1500 99 2 2001-09-09 01:46:40.000000000 +0000", "gnu");
  assert.deepEqual([stat.mode, stat.mtimeMs, stat.links], [0o4755, 1_000_000_000_000, 2]);
});

test("BSD and macOS, stat -f (written from stat(1), not recorded: there is no macOS here)", () => {
  const stat = parseStat("100644 1355 501 20 8675309 1 1700000000.123456789", "bsd");
  assert.deepEqual(
    [stat.type, stat.mode, stat.size, stat.mtimeMs, stat.uid, stat.gid, stat.inode],
    ["file", 0o644, 1355, 1_700_000_000_123, 501, 20, 8675309],
  );
  assert.equal(parseStat("41777 64 0 0 2 8 1700000000.000000000", "bsd").type, "directory");
  assert.equal(parseStat("120755 11 0 0 3 1 1700000000.5", "bsd").type, "symlink");
});

test("ls -lind, GNU and busybox with --full-time: recorded", () => {
  const gnu = parseStat(
    "2244701 -rw-r--r-- 1 0 0 1355 2026-11-21 10:17:44.933678293 +0000 /etc/passwd",
    "ls",
  );
  assert.deepEqual(
    [gnu.type, gnu.mode, gnu.size, gnu.inode, gnu.mtimeMs],
    ["file", 0o644, 1355, 2244701, Date.UTC(2026, 10, 21, 10, 17, 44) + 933],
  );
  const busybox = parseStat(
    "2244701 -rw-r--r--    1 0        0             1355 2026-11-21 10:17:44 +0000 /etc/passwd",
    "ls",
  );
  assert.equal(busybox.mtimeMs, Date.UTC(2026, 10, 21, 10, 17, 44));
  const device = parseStat(
    "      3 crw-rw-rw-    1 0        0           1,   3 2026-11-20 17:21:03 +0000 /dev/null",
    "ls",
  );
  assert.deepEqual([device.type, device.size, device.mode], ["character", 0, 0o666]);
});

test("ls -lind of POSIX: recorded from busybox; BSD's by its manual page", () => {
  const old = parseStat(
    "12 lrwxrwxrwx    1 0        0                4 Jan  5  2023 /bin/sh -> dash",
    "ls",
    NOW,
  );
  assert.deepEqual([old.type, old.mtimeMs], ["symlink", Date.UTC(2023, 0, 5)]);
  const recent = parseStat("12 drwxr-x---+   3 1000  1500   4096 Nov 21 10:17 /srv/app", "ls", NOW);
  assert.deepEqual(
    [recent.type, recent.mode, recent.mtimeMs],
    ["directory", 0o750, Date.UTC(2026, 10, 21, 10, 17)],
  );
  const lastYear = parseStat("12 -rw-r--r--@  1 501  20   3 Dec 30 23:59 /Users/a/b", "ls", NOW);
  assert.equal(lastYear.mtimeMs, Date.UTC(2025, 11, 30, 23, 59));
  const macDevice = parseStat("320 crw-rw-rw-  1 0  0  0x3000002 Nov 21 10:17 /dev/null", "ls", NOW);
  assert.deepEqual([macDevice.type, macDevice.size], ["character", 0]);
});

test("what is no such line is an error and not a guess", () => {
  for (const line of ["", "total 12", "stat: cannot stat 'x'", "81a4 1355 0 0 1 1 yesterday"]) {
    for (const style of ["gnu", "bsd", "ls"] as const)
      assert.throws(() => parseStat(line, style), /something else/);
  }
});

test("a link's target may hold anything", () => {
  const line = "a1ff 4 0 0 12 1 2023-01-05 13:20:48.000000000 +0000\n";
  const output = Buffer.concat([Buffer.from(line), Buffer.from("a\n b\n"), Buffer.of(0xff)]);
  assert.equal(parseStatOutput(output, "gnu").symlinkTarget, "a\n b\n\udcff");
});

test("permission letters", () => {
  assert.equal(permissionBits("rwsr-sr-t"), 0o7755);
  assert.equal(permissionBits("rwSr-Sr-T"), 0o7644);
  assert.equal(permissionBits("---------"), 0);
});
