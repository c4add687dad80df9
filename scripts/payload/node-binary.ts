import { createReadStream } from "node:fs";
import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { extract } from "tar-stream";
import type { PayloadPlatform } from "../../src/runtimes/payload-manifest.ts";
import { exists, hashFile, madeOnce } from "./cache.ts";
import { stripElf } from "./elf.ts";
import { runTool } from "./run.ts";

/** The portable Node: npm's prebuilt one, pinned by version and by the registry's integrity of its archive. */
export const NODE_VERSION = "24.21.0";
const INTEGRITY: Readonly<Record<PayloadPlatform, string>> = {
  "linux-x64":
    "sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
  "linux-arm64":
    "sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==",
};

/** Files of npm's archive that are kept, and their names in the payload. */
const KEPT: Readonly<Record<string, string>> = {
  "package/bin/node": "node",
  "package/LICENSE": "licenses/node.LICENSE",
};

/**
 * Puts `node` (stripped, 0755) and `licenses/node.LICENSE` into `target`. npm fetches them the first time.
 * @throws Error when npm fails, or what it fetched is not what is pinned
 */
export async function gatherNode(
  platform: PayloadPlatform,
  cacheDirectory: string,
  target: string,
): Promise<void> {
  const archive = await fetchArchive(platform, cacheDirectory);
  await mkdir(join(target, "licenses"), { recursive: true });
  await unpack(archive, target);
  const node = join(target, "node");
  await writeFile(node, stripElf(await readFile(node)));
  await chmod(node, 0o755);
}

async function fetchArchive(platform: PayloadPlatform, cacheDirectory: string): Promise<string> {
  const directory = await madeOnce(
    join(cacheDirectory, `npm-${NODE_VERSION}-${platform}`),
    async (temporary) => {
      // npm reads the configuration of the directory that it runs in; this one has none.
      await runTool(["npm", "pack", "--silent", "--ignore-scripts", `node-${platform}@${NODE_VERSION}`], {
        cwd: temporary,
      });
      const archive = await onlyArchive(temporary);
      const integrity = `sha512-${await hashFile(archive, "sha512", "base64")}`;
      if (integrity !== INTEGRITY[platform]) {
        throw new Error(
          `node-${platform}@${NODE_VERSION} is not what is pinned: its integrity is ${integrity}`,
        );
      }
    },
  );
  return onlyArchive(directory);
}

async function onlyArchive(directory: string): Promise<string> {
  const [archive, ...others] = (await readdir(directory)).filter((name) => name.endsWith(".tgz"));
  if (archive === undefined || others.length > 0) throw new Error(`npm pack left no archive in ${directory}`);
  return join(directory, archive);
}

async function unpack(archive: string, directory: string): Promise<void> {
  const entries = extract();
  const unpacking = pipeline(createReadStream(archive), createGunzip(), entries);
  const writing = (async () => {
    for await (const entry of entries) {
      const name = KEPT[entry.header.name];
      const chunks: Uint8Array[] = [];
      await pipeline(
        entry,
        new Writable({
          write(chunk: Uint8Array, _encoding, done) {
            if (name !== undefined) chunks.push(chunk);
            done();
          },
        }),
      );
      if (name !== undefined) await writeFile(join(directory, name), chunks);
    }
  })();
  await Promise.all([unpacking, writing]);
  for (const name of Object.values(KEPT)) {
    if (!(await exists(join(directory, name)))) throw new Error(`${archive} has no ${name}`);
  }
}
