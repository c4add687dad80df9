import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { isBerthError } from "../contract/errors.ts";
import {
  GUARDED_VARIABLES,
  guardEnvironment,
  launchEnvironment,
  NODE_ARGV_VARIABLE,
  OPEN_FILES_VARIABLE,
  unguardEnvironment,
} from "../wire/launch-environment.ts";
import { scratchDirectory, smallPayload } from "./payload.testing.ts";
import { launchDaemon, launchScript } from "./payload-launch.ts";

const PRINT = "process.stdout.write(JSON.stringify([process.env, process.argv.slice(2)]))";

test("the launch hides what would change the daemon's Node, and the daemon gives it back to its children", async (t) => {
  await using scratch = await scratchDirectory();
  const payload = await smallPayload(join(scratch.path, "built"));
  const bundleDirectory = join(scratch.path, "it's $HOME");
  await mkdir(bundleDirectory);
  await writeFile(join(bundleDirectory, payload.manifest.entry), PRINT);
  const user = {
    PATH: "/usr/bin:/bin",
    NODE_OPTIONS: "--require=/nonexistent.js",
    LD_LIBRARY_PATH: "",
    UV_THREADPOOL_SIZE: "3",
    TRICKY: "a 'b' \"c\" $d `e` \\ \n\nend",
    name: "kept",
  };
  const launch = launchDaemon({
    manifest: payload.manifest,
    bundleDirectory,
    node: { executable: process.execPath },
    args: ["serve", "--dir", "/a b"],
  });
  const busybox = join(scratch.path, "sh");
  await symlink("/bin/busybox", busybox);
  for (const shell of ["/bin/dash", "/bin/bash", busybox]) {
    await t.test(shell, () => {
      const script = `ulimit -S -n 333\ncd /\n${launchScript(launch)}`;
      const output = execFileSync(shell, ["-c", script], { env: user, stdio: ["ignore", "pipe", "inherit"] });
      const [seen, args] = JSON.parse(output.toString()) as [Record<string, string>, string[]];
      assert.deepEqual(args, ["serve", "--dir", "/a b"]);
      assert.equal(seen.UV_THREADPOOL_SIZE, "12");
      assert.equal(seen.NODE_OPTIONS, undefined);
      assert.equal(seen[OPEN_FILES_VARIABLE], "333");
      assert.deepEqual(JSON.parse(seen[NODE_ARGV_VARIABLE] ?? ""), [process.execPath]);
      const children = unguardEnvironment(seen);
      assert.deepEqual(children, user);
    });
  }
});

test("the portable Node is run by its own loader, and nothing of that is in the environment", async () => {
  await using scratch = await scratchDirectory();
  const { manifest } = await smallPayload(scratch.path);
  const launch = launchDaemon({ manifest, bundleDirectory: "/b", node: { directory: "/n" } });
  assert.deepEqual(launch.argv.slice(0, 4), ["/n/ld.so", "--inhibit-cache", "--library-path", "/n/lib"]);
  assert.deepEqual(launch.argv, [...launch.nodeArgv, "/b/berthd.mjs"]);
  assert.ok(launch.nodeArgv.includes("/n/node"));
  assert.ok(Object.keys(launch.env).every((name) => !name.startsWith("LD_")));
});

test("a directory that a search path can't hold is refused", async () => {
  await using scratch = await scratchDirectory();
  const { manifest } = await smallPayload(scratch.path);
  for (const directory of ["/a:b", "/a;b", "/$ORIGIN"]) {
    assert.throws(
      () => launchDaemon({ manifest, bundleDirectory: "/b", node: { directory } }),
      (error) => isBerthError(error, "provision.no_directory"),
    );
  }
});

test("a command in front of the daemon is part of the launch", async () => {
  await using scratch = await scratchDirectory();
  const { manifest } = await smallPayload(join(scratch.path, "built"));
  const front = join(scratch.path, "front");
  await writeFile(front, '#!/bin/sh\necho "$@"\n');
  await chmod(front, 0o755);
  const launch = launchDaemon({ manifest, bundleDirectory: "/b", node: { directory: "/n" } });
  const output = execFileSync("/bin/sh", ["-c", launchScript(launch, [front, "--log", "/l"])]).toString();
  assert.equal(output.trim(), ["--log", "/l", ...launch.argv].join(" "));
});

test("guarding and giving back an environment are opposites", () => {
  const user = Object.fromEntries([...GUARDED_VARIABLES, "HOME", "EMPTY"].map((name) => [name, `${name}=`]));
  const guarded = guardEnvironment(user);
  for (const name of GUARDED_VARIABLES) assert.equal(guarded[name], undefined);
  assert.deepEqual(unguardEnvironment({ ...guarded, ...launchEnvironment(["node"]) }), user);
  // Without a launch, in a test or when started by hand, there is nothing to give back and nothing is lost.
  assert.deepEqual(unguardEnvironment(user), user);
});
