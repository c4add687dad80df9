import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { isBerthError } from "../../contract/errors.ts";
import { isolationFrom, ownBootId } from "./isolation.ts";
import { parseProbe, platformOf } from "./probe-answer.ts";
import { PROBE_MARK, probeScript } from "./probe-script.ts";

const run = promisify(execFile);

async function home(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "berth-probe-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

async function tool(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${text}\n`);
  await chmod(path, 0o755);
}

async function probe(shell: readonly [string, ...string[]], env: NodeJS.ProcessEnv, instance?: string) {
  const script = probeScript({
    instance,
    protocol: 1,
    neededKib: { bundle: 1, withNode: 2 },
    dial: false,
    ownBootId: await ownBootId(),
  });
  const [command, ...args] = shell;
  const { stdout, stderr } = await run(command, [...args, "-c", script], { env });
  assert.equal(stderr, "");
  return parseProbe(stdout.split("\n"));
}

const SHELLS = {
  dash: ["/bin/sh"],
  bash: ["/bin/bash", "--posix"],
  busybox: ["/bin/busybox", "sh"],
} as const;

for (const [name, shell] of Object.entries(SHELLS)) {
  test(`${name}: the newest Node of a version manager is found where that of the PATH is too old`, async () => {
    await using place = await home();
    const old = "#!/bin/sh\necho 12.22.9";
    await tool(join(place.path, "bin/node"), old.slice(10));
    await tool(join(place.path, ".nvm/versions/node/v16.20.0/bin/node"), "echo 16.20.0");
    const newest = join(place.path, ".nvm/versions/node/v24.3.0/bin/node");
    await mkdir(dirname(newest), { recursive: true });
    await symlink(process.execPath, newest);
    await tool(join(place.path, ".volta/tools/image/node/20.1.0/bin/node"), "echo 20.1.0");
    const answer = await probe(shell, { HOME: place.path, PATH: `${join(place.path, "bin")}:/usr/bin:/bin` });
    assert.equal(answer.node, newest);
    assert.equal(answer.nodeVersion, process.versions.node);
    assert.equal(answer.complete, true);
  });
}

test("hosts of long names that differ at either end have directories of their own", async () => {
  await using place = await home();
  const env = { HOME: place.path, PATH: "/usr/bin:/bin" };
  const names = [
    "cluster-node-in-rack-0001",
    "cluster-node-in-rack-0002",
    "2luster-node-in-rack-0001",
    "box",
  ];
  const directories = await Promise.all(
    names.map(async (name) => (await probe(SHELLS.dash, env, name)).runDirectory),
  );
  assert.equal(new Set(directories).size, names.length);
  for (const directory of directories)
    assert.match(directory ?? "", /\/run\/[A-Za-z0-9.-]{1,16}-[0-9a-f]{8}\/p1$/);
});

test("a place of this machine says what it shares with it", async () => {
  await using place = await home();
  const answer = await probe(SHELLS.dash, { HOME: place.path, PATH: "/usr/bin:/bin" });
  const shared = { filesystem: "shared", processes: "shared", network: "shared", kernel: "shared" };
  assert.deepEqual(await isolationFrom(answer.namespaces), shared);
  const elsewhere = { filesystem: "separate", processes: "separate", network: "separate" };
  assert.deepEqual(await isolationFrom([]), { ...elsewhere, kernel: "separate" });
  const container = ["mnt mnt:[1]", "pid pid:[2]", "net "];
  assert.deepEqual(await isolationFrom(container), { ...elsewhere, kernel: "shared" });
});

// What the script says on these systems, put together from their manuals (uname(1), df(1), sysctl(8)); none can be had.
const RECORDED = {
  "macOS with Homebrew's Node": [
    "os Darwin",
    "arch arm64",
    "uid 501",
    "gid 20",
    "account dev",
    "home /Users/dev",
    "shell /bin/zsh",
    "libc none",
    "node-version 24.4.1",
    "node /opt/homebrew/bin/node",
    "tool tar",
    "tool nohup",
    "directory ok 123456789 /Users/dev/.local/state/berth",
    "place /Users/dev/.local/state/berth/run/studio.local-5D1C2A34/p1",
    "end ok",
  ],
  "FreeBSD with a package's Node": [
    "os FreeBSD",
    "arch amd64",
    "uid 1001",
    "gid 1001",
    "account dev",
    "home /home/dev",
    "shell /bin/tcsh",
    "libc none",
    "node-version 22.11.0",
    "node /usr/local/bin/node",
    "directory ok 40961234 /home/dev/.local/state/berth",
    "place /home/dev/.local/state/berth/run/fbsd-1763712345/p1",
    "end ok",
  ],
  "OpenBSD without Node": [
    "os OpenBSD",
    "arch amd64",
    "uid 1000",
    "gid 1000",
    "account dev",
    "home /home/dev",
    "shell /bin/ksh",
    "libc none",
    "directory ok 8123456 /home/dev/.local/state/berth",
    "place /home/dev/.local/state/berth/run/obsd-1763712345/p1",
    "end ok",
  ],
} as const;

test("hosts that are not Linux: the bundle by their own Node, else no daemon, with the reason", () => {
  const read = (name: keyof typeof RECORDED) =>
    parseProbe(RECORDED[name].map((line) => `${PROBE_MARK} ${line}`));
  for (const name of ["macOS with Homebrew's Node", "FreeBSD with a package's Node"] as const) {
    const answer = read(name);
    assert.equal(answer.complete, true);
    assert.equal(platformOf(answer), "linux-x64");
    assert.match(answer.node ?? "", /^\/.*\/node$/);
  }
  assert.throws(
    () => platformOf(read("OpenBSD without Node")),
    (error) => {
      assert.ok(isBerthError(error, "runtime.platform_unsupported"));
      assert.match(error.message, /openbsd-x64/);
      assert.match(error.hint, /Node 18 or later/);
      return true;
    },
  );
  for (const os of ["MINGW64_NT-10.0", "CYGWIN_NT-10.0", "Windows_NT"]) {
    assert.throws(
      () => platformOf({ os, arch: "x86_64", node: "/c/node" }),
      (error) => isBerthError(error, "runtime.platform_unsupported"),
    );
  }
});
