import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { test } from "node:test";
import { isBerthError } from "../contract/errors.ts";
import { scratchDirectory, smallPayload } from "./payload.testing.ts";
import type { Payload } from "./payload.ts";
import { type InstallPlace, installPart } from "./payload-install.ts";
import { SUMS_FILE } from "./payload-manifest.ts";
import { beginScript, parseCommit, verifyScript } from "./payload-scripts.ts";

interface LocalPlace extends InstallPlace {
  uploads: number;
}

/** A place that is a shell of this machine with a PATH of its own. */
function localPlace(shell: readonly [string, ...string[]], path: string): LocalPlace {
  const execute = async (argv: readonly string[], env: NodeJS.ProcessEnv, input?: Readable) => {
    const [command = "", ...args] = argv;
    const child = spawn(command, args, { env, stdio: [input ? "pipe" : "ignore", "pipe", "pipe"] });
    const exit = new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    const feeding = input !== undefined && child.stdin !== null && pipeline(input, child.stdin);
    const [stdout, stderr, exitCode] = await Promise.all([
      text(child.stdout as Readable),
      text(child.stderr as Readable),
      exit,
      feeding,
    ]);
    return { stdout, stderr, exitCode };
  };
  return {
    uploads: 0,
    run: (script) => execute([...shell, "-c", script], { PATH: path }),
    async put(archive, directory) {
      this.uploads++;
      await mkdir(directory, { recursive: true });
      const { exitCode, stderr } = await execute(["tar", "-x", "-C", directory], process.env, archive);
      if (exitCode !== 0) throw new Error(stderr);
    },
  };
}

/** A directory with links to the named commands of this machine. */
async function commands(root: string, names: readonly string[]): Promise<string> {
  const directory = await mkdtemp(join(root, "path-"));
  for (const name of names) await symlink(`/bin/${name}`, join(directory, name));
  return directory;
}

const FULL_PATH = "/usr/bin:/bin";

async function assertInstalled(directory: string, payload: Payload): Promise<void> {
  assert.equal(await readFile(join(directory, SUMS_FILE), "utf8"), payload.sums("node"));
  assert.equal((await readFile(join(directory, "node"))).length, 300_001);
}

test("installs once; what the place's tools allow is checked", async (t) => {
  await using scratch = await scratchDirectory();
  const payload = await smallPayload(join(scratch.path, "built"));
  const basic = ["mkdir", "mv", "rm"];
  const busybox = await mkdtemp(join(scratch.path, "busybox-"));
  for (const name of [...basic, "sha256sum", "wc", "ls", "df"])
    await symlink("/bin/busybox", join(busybox, name));
  const places = {
    "every tool": { shell: ["/bin/sh"], path: FULL_PATH, verified: "sha256" },
    bash: { shell: ["/bin/bash", "--posix"], path: FULL_PATH, verified: "sha256" },
    busybox: { shell: ["/bin/busybox", "sh"], path: busybox, verified: "sha256" },
    "no checksums": {
      shell: ["/bin/sh"],
      path: await commands(scratch.path, [...basic, "wc"]),
      verified: "size",
    },
    "hardly any": { shell: ["/bin/sh"], path: await commands(scratch.path, basic), verified: "presence" },
    "only a shell": { shell: ["/bin/sh"], path: "/nonexistent", verified: "presence" },
  } as const;
  for (const [name, { shell, path, verified }] of Object.entries(places)) {
    await t.test(name, async () => {
      const base = join(await mkdtemp(join(scratch.path, "place-")), "it's a base");
      const place = localPlace(shell, path);
      const first = await installPart(payload, "node", place, { base });
      assert.deepEqual(first, {
        directory: `${base}/${payload.directoryName("node")}`,
        outcome: "installed",
        verified,
      });
      await assertInstalled(first.directory, payload);
      assert.deepEqual(await readdir(base), [payload.directoryName("node")]);
      assert.equal((await installPart(payload, "node", place, { base })).outcome, "present");
      assert.equal(place.uploads, 1);
    });
  }
});

test("of several that install at a time one uploads and the others find it", async () => {
  await using scratch = await scratchDirectory();
  const payload = await smallPayload(join(scratch.path, "built"));
  const base = join(scratch.path, "base");
  const place = localPlace(["/bin/sh"], FULL_PATH);
  const results = await Promise.all(
    Array.from({ length: 5 }, () => installPart(payload, "node", place, { base })),
  );
  assert.equal(place.uploads, 1);
  assert.equal(results.filter(({ outcome }) => outcome === "installed").length, 1);
  assert.deepEqual(await readdir(base), [payload.directoryName("node")]);
});

test("what arrives damaged is refused and nothing of it stays", async (t) => {
  for (const path of ["full", "without checksums"]) {
    await t.test(path, async () => {
      await using scratch = await scratchDirectory();
      const payload = await smallPayload(join(scratch.path, "built"));
      const base = join(scratch.path, "base");
      const tools = await commands(scratch.path, ["mkdir", "mv", "rm", "wc"]);
      const place = localPlace(["/bin/sh"], path === "full" ? FULL_PATH : tools);
      const { put } = place;
      place.put = async (archive, directory) => {
        await put.call(place, archive, directory);
        await writeFile(join(directory, "lib/libc.so.6"), "x".repeat(path === "full" ? 512 : 511));
      };
      await assert.rejects(installPart(payload, "node", place, { base }), (error) =>
        isBerthError(error, "provision.checksum_mismatch"),
      );
      assert.deepEqual(await readdir(base), []);
    });
  }
});

test("a failed upload leaves nothing, and the next one succeeds", async () => {
  await using scratch = await scratchDirectory();
  const payload = await smallPayload(join(scratch.path, "built"));
  const base = join(scratch.path, "base");
  const place = localPlace(["/bin/sh"], FULL_PATH);
  const broken: InstallPlace = {
    run: place.run,
    async put(archive, directory) {
      archive.destroy();
      await writeFile(join(directory, "half"), "");
      throw new Error("cut");
    },
  };
  await assert.rejects(installPart(payload, "node", broken, { base }), /cut/);
  assert.deepEqual(await readdir(base), []);
  await assertInstalled((await installPart(payload, "node", place, { base })).directory, payload);
});

test("the lock and the leftovers of a Berth that died are taken over and swept", async () => {
  await using scratch = await scratchDirectory();
  const payload = await smallPayload(join(scratch.path, "built"));
  const base = join(scratch.path, "base");
  const place = localPlace(["/bin/sh"], FULL_PATH);
  const name = payload.directoryName("node");
  await place.run(beginScript({ base, name, token: "dead" }));
  await writeFile(join(base, ".tmp-dead", "half"), "");
  const options = { base, staleLockMs: 3000 };
  const results = await Promise.all([
    installPart(payload, "node", place, options),
    installPart(payload, "node", place, options),
  ]);
  assert.equal(results.filter(({ outcome }) => outcome === "installed").length, 1);
  assert.deepEqual(await readdir(base), [name]);
});

test("one that loses its lock while it uploads does not touch the other's, and tries again", async () => {
  await using scratch = await scratchDirectory();
  const payload = await smallPayload(join(scratch.path, "built"));
  const base = join(scratch.path, "base");
  const slow = localPlace(["/bin/sh"], FULL_PATH);
  const { put } = slow;
  let other: Promise<unknown> | undefined;
  slow.put = async (archive, directory) => {
    other ??= installPart(payload, "node", localPlace(["/bin/sh"], FULL_PATH), { base, staleLockMs: 0 });
    await other;
    await put.call(slow, archive, directory);
  };
  const result = await installPart(payload, "node", slow, { base });
  assert.equal(result.outcome, "present");
  await assertInstalled(result.directory, payload);
  assert.deepEqual(await readdir(base), [payload.directoryName("node")]);
});

test("provision.locked: another one is alive for too long", async () => {
  await using scratch = await scratchDirectory();
  const payload = await smallPayload(join(scratch.path, "built"));
  const base = join(scratch.path, "base");
  const place = localPlace(["/bin/sh"], FULL_PATH);
  await place.run(beginScript({ base, name: payload.directoryName("node"), token: "other" }));
  await assert.rejects(installPart(payload, "node", place, { base, lockTimeoutMs: 0 }), (error) =>
    isBerthError(error, "provision.locked"),
  );
});

test("typed errors: no directory, no space, no answer", async () => {
  await using scratch = await scratchDirectory();
  const payload = await smallPayload(join(scratch.path, "built"));
  const place = localPlace(["/bin/sh"], FULL_PATH);
  await writeFile(join(scratch.path, "file"), "");
  const base = join(scratch.path, "file", "base");
  await assert.rejects(installPart(payload, "node", place, { base }), (error) =>
    isBerthError(error, "provision.no_directory"),
  );
  const full: InstallPlace = {
    run: async (script) => {
      const result = await place.run(script);
      return {
        ...result,
        stdout: result.stdout.replace(/^berth-install free .*$/m, "berth-install free 12"),
      };
    },
    put: () => assert.fail("nothing is uploaded"),
  };
  const other = join(scratch.path, "base");
  await assert.rejects(installPart(payload, "node", full, { base: other }), (error) =>
    isBerthError(error, "provision.no_space"),
  );
  assert.deepEqual(await readdir(other), []);
  const mute: InstallPlace = {
    ...full,
    run: async () => ({ exitCode: 126, stdout: "", stderr: "no shell" }),
  };
  await assert.rejects(installPart(payload, "node", mute, { base: other }), (error) =>
    isBerthError(error, "provision.probe_failed"),
  );
});

test("an installed part can be checked at any time", async () => {
  await using scratch = await scratchDirectory();
  const payload = await smallPayload(join(scratch.path, "built"));
  const place = localPlace(["/bin/sh"], FULL_PATH);
  const { directory } = await installPart(payload, "node", place, { base: join(scratch.path, "base") });
  const check = async () => {
    const { exitCode, stdout } = await place.run(verifyScript(payload, "node", directory));
    return { exitCode, answer: parseCommit(stdout) };
  };
  assert.deepEqual(await check(), { exitCode: 0, answer: { state: "installed", verified: "sha256" } });
  await writeFile(join(directory, "node"), "changed");
  assert.deepEqual(await check(), {
    exitCode: 1,
    answer: { state: "corrupt", reason: "a checksum is wrong" },
  });
});
