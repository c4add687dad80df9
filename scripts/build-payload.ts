/**
 * Builds what Berth puts into a place so that its daemon runs there (docs/payload.md).
 *
 *     node scripts/build-payload.ts [--platform linux-x64,linux-arm64] [--out DIR] [--entry FILE]
 *                                   [--bundle-only] [--refresh]
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { PAYLOAD_PLATFORMS, type PayloadPlatform } from "../src/runtimes/payload-manifest.ts";
import { assemblePayload } from "./payload/assemble.ts";
import { buildDaemonBundle } from "./payload/bundle.ts";
import { buildCacheDirectory } from "./payload/cache.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const mebibytes = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;

const { values } = parseArgs({
  options: {
    platform: { type: "string", default: PAYLOAD_PLATFORMS.join(",") },
    out: { type: "string", default: join(root, "dist", "payload") },
    entry: { type: "string" },
    "bundle-only": { type: "boolean", default: false },
    refresh: { type: "boolean", default: false },
  },
});

function platforms(): PayloadPlatform[] {
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
    for (const platform of wanted) {
      const startedAtMs = performance.now();
      const manifest = await assemblePayload({
        root,
        platform,
        cacheDirectory,
        outputDirectory,
        bundle: bundle.directory,
      });
      const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
      const { bundle: small, node } = manifest.parts;
      console.log(
        `payload ${platform} ${manifest.id.slice(0, 12)}: bundle ${mebibytes(small.size)}, ` +
          `Node ${manifest.nodeVersion} with ${manifest.libraries.join(", ")} ${mebibytes(node.size)} (${seconds} s)`,
      );
      if (manifest.libraries.includes("host")) {
        console.warn("  its libraries are this machine's own: there is no apt-get here");
      }
      if (manifest.helper === undefined) {
        console.warn(`  without berth-helper: none is built for ${platform} (native/)`);
      }
    }
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

await main();
