import assert from "node:assert/strict";
import { test } from "node:test";
import { isBerthError } from "../../contract/errors.ts";
import { parseProbe, platformOf, stateOf } from "./probe-answer.ts";

const LINES = `Welcome to the machine
berth-probe os Linux
berth-probe arch aarch64
berth-probe uid 1000
berth-probe gid 100
berth-probe account
berth-probe home /home/a user
berth-probe libc glibc 2.31
berth-probe node-version unusable
berth-probe tool tar
berth-probe tool setsid
berth-probe directory noexec - /home/a user/.local/state/berth
berth-probe installed bundle-0123
berth-probe directory ok 4096 /var/lib/berth
berth-probe place /var/lib/berth/run/x-y/p1\r
berth-probe end ok`.split("\n");

test("answers are found among other output, with blanks in values", () => {
  const answer = parseProbe(LINES);
  assert.equal(answer.home, "/home/a user");
  assert.equal(answer.account, "");
  assert.equal(answer.uid, 1000);
  assert.equal(answer.libc, "glibc 2.31");
  assert.equal(answer.node, undefined);
  assert.equal(answer.nodeVersion, "unusable");
  assert.deepEqual(answer.tools, ["tar", "setsid"]);
  assert.deepEqual(answer.installed, ["bundle-0123"]);
  assert.deepEqual(stateOf(answer), { state: "/var/lib/berth", runDirectory: "/var/lib/berth/run/x-y/p1" });
  assert.equal(platformOf(answer), "linux-arm64");
  assert.equal(answer.complete, true);
});

test("a running daemon is told with its token and bridge", () => {
  const answer = parseProbe([
    "berth-probe state /s",
    "berth-probe bridge '/a b/berth-helper' dial",
    "berth-probe token abc",
    "berth-probe running /s/run/x/p1",
  ]);
  assert.deepEqual(answer.running, {
    directory: "/s/run/x/p1",
    token: "abc",
    bridge: "'/a b/berth-helper' dial",
  });
  assert.equal(answer.complete, false);
});

test("what the place can't be used for is a typed error that names what was tried", () => {
  const of = (...lines: string[]) => parseProbe(lines.map((line) => `berth-probe ${line}`));
  assert.throws(
    () => stateOf(of("directory unwritable - /a", "directory noexec 10 /b")),
    (error) =>
      isBerthError(error, "provision.no_directory") &&
      /\/a \(not writable\), \/b \(noexec\)/.test(error.message),
  );
  assert.throws(
    () => stateOf(of("directory unwritable - /a", "directory full 2048 /b")),
    (error) => isBerthError(error, "provision.no_space") && /2 MiB free/.test(error.message),
  );
  for (const [os, arch] of [
    ["Darwin", "arm64"],
    ["Linux", "riscv64"],
  ]) {
    assert.throws(
      () => platformOf(of(`os ${os}`, `arch ${arch}`)),
      (error) => isBerthError(error, "runtime.platform_unsupported"),
    );
  }
});
