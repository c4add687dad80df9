import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, copyFile, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { buffer } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { findPayload } from "../../src/runtimes/payload.ts";
import { type InstallPlace, installPart } from "../../src/runtimes/payload-install.ts";
import { launchDaemon, launchScript } from "../../src/runtimes/payload-launch.ts";
import type { PayloadPlatform } from "../../src/runtimes/payload-manifest.ts";
import { parseCommit, verifyScript } from "../../src/runtimes/payload-scripts.ts";
import { container, type TestContainer } from "../../test/fixtures/container.ts";
import { image } from "../../test/fixtures/images.ts";
import { FixtureUnavailable, requireOrSkip } from "../../test/fixtures/install.ts";
import { assemblePayload } from "./assemble.ts";
import { buildDaemonBundle } from "./bundle.ts";
import { buildCacheDirectory, madeOnce } from "./cache.ts";
import { fetchPackages, hasDebianTools } from "./debian.ts";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const ARCH = process.arch === "arm64" ? "arm64" : "x64";
const OWN: PayloadPlatform = `linux-${ARCH}`;
const OTHER: PayloadPlatform = ARCH === "arm64" ? "linux-x64" : "linux-arm64";

let scratch = "";
let payloads = "";

/** The payload for a platform, with the self test in the daemon's place. */
async function selftestPayload(platform: PayloadPlatform) {
  const bundle = join(scratch, "bundle");
  await assemblePayload({
    root,
    platform,
    cacheDirectory: buildCacheDirectory(),
    outputDirectory: payloads,
    bundle,
  });
  return findPayload(platform, { directory: payloads });
}

before(async () => {
  scratch = await mkdtemp(join(tmpdir(), "berth-portable-"));
  payloads = join(scratch, "payload");
  await chmod(scratch, 0o755);
  await mkdir(payloads);
  const entry = join(root, "scripts", "payload", "fixtures", "selftest.ts");
  await buildDaemonBundle({ root, entry, directory: join(scratch, "bundle") });
});

after(() => rm(scratch, { recursive: true, force: true }));

/** What the self test found, all but what differs from place to place. */
const WORKS = {
  fs: "content",
  watch: "watched",
  net: "over a socket",
  child: "through a child",
  again: "42",
  worker: "from a worker",
  zlib: "packed",
  crypto: "2d711642",
  random: 16,
  sqlite: true,
};

function assertWorks(stdout: Buffer): Record<string, unknown> {
  const found = JSON.parse(stdout.toString()) as Record<string, unknown>;
  for (const [name, value] of Object.entries(WORKS)) assert.equal(found[name], value, name);
  return found;
}

const places = [
  { name: "busybox only", image: "busybox" },
  { name: "busybox, an unknown user, read-only root", image: "busybox", user: "12345:12345", readOnly: true },
  { name: "Debian", image: "debian" },
  { name: "Debian, an ordinary user", image: "debian-user" },
  { name: "a place with an old glibc", image: "old-glibc" },
  { name: "a place with musl and a Node of its own", image: "musl-node" },
] as const;

for (const place of places) {
  test(`a mounted payload runs in: ${place.name}`, async (t) => {
    const payload = await selftestPayload(OWN);
    const made = await requireOrSkip(t, async () =>
      container({
        image: await image(place.image),
        mounts: [{ host: payload.directory, container: "/opt/berth", readOnly: true }],
        tmpfs: { "/tmp": "mode=1777" },
        // Each of these would keep a Node from starting, or change it.
        env: {
          NODE_OPTIONS: "--require=/nonexistent.js",
          LD_LIBRARY_PATH: "/nonexistent",
          NODE_CHANNEL_FD: "9",
          OPENSSL_CONF: "/nonexistent.cnf",
          ODD: "a 'b' \"c\" $d `e`\nf",
        },
        ...("user" in place ? { user: place.user, readOnly: place.readOnly } : {}),
      }),
    );
    if (made === undefined) return;
    await using target = made;
    const launch = launchDaemon({
      manifest: payload.manifest,
      bundleDirectory: "/opt/berth/bundle",
      node: { directory: "/opt/berth/node" },
      args: ["/tmp"],
    });
    const result = await target.exec(["/bin/sh", "-c", launchScript(launch)]);
    assert.equal(result.exitCode, 0, result.stderr.toString());
    const found = assertWorks(result.stdout);
    assert.equal(found.execPath, "/opt/berth/node/ld.so");
    assert.equal(found.version, payload.manifest.nodeVersion);
    // The children's environment is that of any other command in the container.
    const plain = await target.exec(["/bin/sh", "-c", "export -p"]);
    assert.equal(found.environment, plain.stdout.toString());
  });
}

function placeIn(target: TestContainer): InstallPlace {
  return {
    run: async (script) => {
      const { exitCode, stdout, stderr } = await target.exec(["/bin/sh", "-c", script]);
      return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
    },
    put: async (archive, directory) => {
      await target.handle.putArchive(await buffer(archive), { path: directory });
    },
  };
}

test("a payload is installed in a container with nothing but busybox, once, and runs there", async (t) => {
  const payload = await selftestPayload(OWN);
  const made = await requireOrSkip(t, async () => container({ image: await image("busybox") }));
  if (made === undefined) return;
  await using target = made;
  const place = placeIn(target);
  const base = "/root/.local/state/berth/payload";
  const [bundle, node] = [
    await installPart(payload, "bundle", place, { base }),
    await installPart(payload, "node", place, { base }),
  ];
  assert.deepEqual([bundle.verified, node.verified], ["sha256", "sha256"]);
  assert.equal((await installPart(payload, "node", place, { base })).outcome, "present");
  const launch = launchDaemon({
    manifest: payload.manifest,
    bundleDirectory: bundle.directory,
    node: { directory: node.directory },
  });
  const result = await target.exec(["/bin/sh", "-c", launchScript(launch)]);
  assert.equal(result.exitCode, 0, result.stderr.toString());
  assertWorks(result.stdout);
  await target.exec(["/bin/sh", "-c", `echo >> ${node.directory}/lib/libm.so.6`]);
  const check = await target.exec(["/bin/sh", "-c", verifyScript(payload, "node", node.directory)]);
  assert.deepEqual(parseCommit(check.stdout.toString()), { state: "corrupt", reason: "a checksum is wrong" });
});

/** An emulator for programs of the other architecture, from Debian's package, unpacked and not installed. */
async function emulator(): Promise<string> {
  if (!(await hasDebianTools()))
    throw new FixtureUnavailable("qemu-user-static comes from Debian's packages");
  const cpu = OTHER === "linux-arm64" ? "aarch64" : "x86_64";
  const directory = await madeOnce(join(buildCacheDirectory(), `qemu-${cpu}`), async (temporary) => {
    const unpacked = join(temporary, "unpacked");
    await mkdir(unpacked);
    await fetchPackages(["qemu-user-static"], ARCH === "arm64" ? "arm64" : "amd64", unpacked);
    await copyFile(
      join(unpacked, "qemu-user-static", "usr", "bin", `qemu-${cpu}-static`),
      join(temporary, "qemu"),
    );
    await rm(unpacked, { recursive: true });
  });
  return join(directory, "qemu");
}

test("the payload of the other architecture runs under emulation", async (t) => {
  const qemu = await requireOrSkip(t, emulator);
  if (qemu === undefined) return;
  const payload = await selftestPayload(OTHER);
  const { nodeArgv, argv } = launchDaemon({
    manifest: payload.manifest,
    bundleDirectory: payload.partDirectory("bundle"),
    node: { directory: payload.partDirectory("node") },
    args: [scratch],
  });
  const { stdout } = await promisify(execFile)(qemu, [...argv], {
    // The kernel can't run its programs by themselves here.
    env: { PATH: "/usr/bin:/bin", BERTHD_NODE: JSON.stringify([qemu, ...nodeArgv]) },
  });
  const found = assertWorks(Buffer.from(stdout));
  assert.equal(`linux-${found.arch}`, OTHER);
});
