/**
 * Builds what Berth puts into a place so that its daemon runs there (docs/payload.md).
 *
 *     node scripts/build-payload.ts [--platform linux-x64,linux-arm64] [--out DIR] [--entry FILE]
 *                                   [--bundle-only] [--refresh]
 *
 * Without --platform it builds all that can be built here; named ones have to be. Downloads are kept in the user's
 * cache directory: a later build needs no network, until --refresh.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { PAYLOAD_PLATFORMS, type PayloadPlatform } from "../src/runtimes/payload-manifest.ts";
import { type AssembleOptions, assemblePayload } from "./payload/assemble.ts";
import { buildDaemonBundle } from "./payload/bundle.ts";
import { buildCacheDirectory } from "./payload/cache.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const mebibytes = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;

const { values } = parseArgs({
  options: {
    platform: { type: "string" },
    out: { type: "string", default: join(root, "dist", "payload") },
    entry: { type: "string" },
    "bundle-only": { type: "boolean", default: false },
    refresh: { type: "boolean", default: false },
  },
});

function platforms(): PayloadPlatform[] {
  if (values.platform === undefined) return [...PAYLOAD_PLATFORMS];
  return values.platform.split(",").map((name) => {
    const platform = PAYLOAD_PLATFORMS.find((known) => known === name);
    if (platform === undefined) throw new Error(`${name} is none of ${PAYLOAD_PLATFORMS.join(", ")}`);
    return platform;
  });
}

async function main(): Promise<void> {
  const outputDirectory = resolve(values.out);
  const cacheDirectory = buildCacheDirectory();
  const wanted = platforms();
  await mkdir(outputDirectory, { recursive: true });
  if (values.refresh) await rm(cacheDirectory, { recursive: true, force: true });
  await mkdir(cacheDirectory, { recursive: true });
  const temporary = await mkdtemp(join(outputDirectory, ".tmp-bundle-"));
  try {
    const bundle = await buildDaemonBundle({
      root,
      ...(values.entry === undefined ? {} : { entry: resolve(values.entry) }),
      directory: values["bundle-only"] ? join(outputDirectory, "bundle") : temporary,
    });
    console.log(`daemon bundle: ${(bundle.size / 1024).toFixed(0)} KiB`);
    if (values["bundle-only"]) return;
    const failures: Error[] = [];
    for (const platform of wanted) {
      await buildOne(platform, {
        root,
        platform,
        cacheDirectory,
        outputDirectory,
        bundle: bundle.directory,
      }).catch((error: Error) => {
        if (values.platform !== undefined) throw error;
        console.warn(`no payload ${platform}: ${error.message}`);
        failures.push(error);
      });
    }
    if (failures.length === wanted.length) throw new Error("there is none for any platform");
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function buildOne(platform: PayloadPlatform, options: AssembleOptions): Promise<void> {
  const startedAtMs = performance.now();
  const manifest = await assemblePayload(options);
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
  const { bundle, node } = manifest.parts;
  console.log(
    `payload ${platform} ${manifest.id.slice(0, 12)}: bundle ${mebibytes(bundle.size)}, ` +
      `Node ${manifest.nodeVersion} with ${manifest.libraries.join(", ")} ${mebibytes(node.size)} (${seconds} s)`,
  );
  if (manifest.libraries.includes("host")) {
    console.warn("  its libraries are this machine's own: there is no apt-get here");
  }
  if (manifest.helper === undefined) {
    console.warn(`  without berth-helper: none is built for ${platform} (native/)`);
  }
}

main().catch((error: unknown) => {
  console.error(`the payload was not built: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
});
