import { constants } from "node:fs";
import { chmod, copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import {
  describeParts,
  type PayloadFile,
  type PayloadManifest,
  type PayloadPart,
  type PayloadPlatform,
  payloadManifestSchema,
} from "../../src/runtimes/payload-manifest.ts";
import { DAEMON_FILE, ENTRY_FILE } from "./bundle.ts";
import { exists, hashFile, madeOnce } from "./cache.ts";
import { compileDaemon } from "./code-cache.ts";
import { readElf } from "./elf.ts";
import { gatherLibraries } from "./libraries.ts";
import { gatherNode, NODE_VERSION } from "./node-binary.ts";

/** Changes when the same inputs are put together in another way. */
const RECIPE = 1;

/**
 * Options of the portable Node: no debugger's port by a stray SIGUSR1, one thread for V8 instead of four. None is
 * V8's own: with one of those Node compiles its own modules anew at each start. docs/payload.md has the figures.
 */
export const NODE_FLAGS = ["--disable-sigusr1", "--v8-pool-size=1"] as const;

const HELPER = "berth-helper";

export interface AssembleOptions {
  /** Root of the checkout. */
  readonly root: string;
  readonly platform: PayloadPlatform;
  readonly cacheDirectory: string;
  /** Directory that holds one payload for each platform. */
  readonly outputDirectory: string;
  /** Directory of the bundled daemon. */
  readonly bundle: string;
}

/** Builds `<outputDirectory>/<platform>` and returns its manifest. The old one is there until the new one is. */
export async function assemblePayload(options: AssembleOptions): Promise<PayloadManifest> {
  const { platform, outputDirectory } = options;
  const node = await nodePart(platform, options.cacheDirectory);
  const target = join(outputDirectory, platform);
  const temporary = join(outputDirectory, `.tmp-${platform}-${process.pid}`);
  await rm(temporary, { recursive: true, force: true });
  try {
    const bundle = join(temporary, "bundle");
    await mkdir(bundle, { recursive: true });
    for (const name of [ENTRY_FILE, DAEMON_FILE]) {
      await copyFile(join(options.bundle, name), join(bundle, name));
      await chmod(join(bundle, name), 0o644);
    }
    await compileDaemon({
      platform,
      bundleDirectory: bundle,
      nodeDirectory: node.directory,
      nodeFlags: NODE_FLAGS,
    });
    const helper = await findHelper(options.root, platform);
    if (helper !== undefined) {
      await copyFile(helper, join(bundle, HELPER));
      await chmod(join(bundle, HELPER), 0o755);
    }
    await copyTree(node.directory, join(temporary, "node"), node.files);
    const files = [...(await describeFiles(bundle, "bundle")), ...node.files];
    const manifest = payloadManifestSchema.parse({
      schema: 1,
      ...describeParts(files),
      platform,
      version: (JSON.parse(await readFile(join(options.root, "package.json"), "utf8")) as { version: string })
        .version,
      nodeVersion: NODE_VERSION,
      nodeFlags: [...NODE_FLAGS],
      entry: ENTRY_FILE,
      ...(helper === undefined ? {} : { helper: HELPER }),
      libraries: [...node.libraries],
      files,
    } satisfies PayloadManifest);
    await writeFile(join(temporary, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
    await replace(temporary, target);
    return manifest;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

interface NodePart {
  readonly directory: string;
  readonly files: readonly PayloadFile[];
  readonly libraries: readonly string[];
}

/** The finished node part, kept in the cache with its hashes: a rebuild only copies it. */
async function nodePart(platform: PayloadPlatform, cacheDirectory: string): Promise<NodePart> {
  const cached = join(cacheDirectory, `part-${RECIPE}-${NODE_VERSION}-${platform}`);
  await madeOnce(cached, async (temporary) => {
    const directory = join(temporary, "node");
    await gatherNode(platform, cacheDirectory, directory);
    const libraries = await gatherLibraries(join(directory, "node"), platform, cacheDirectory, directory);
    const files = await describeFiles(directory, "node");
    await writeFile(join(temporary, "part.json"), JSON.stringify({ files, libraries }));
  });
  const described = JSON.parse(await readFile(join(cached, "part.json"), "utf8")) as Omit<
    NodePart,
    "directory"
  >;
  return { directory: join(cached, "node"), ...described };
}

/** Hashes every file below a directory; the mode is 0755 for what can be executed and 0644 for the rest. */
async function describeFiles(directory: string, part: PayloadPart): Promise<PayloadFile[]> {
  const files: PayloadFile[] = [];
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue;
    const path = join(entry.parentPath, entry.name);
    const { size, mode } = await stat(path);
    const sha256 = await hashFile(path);
    files.push({
      part,
      path: relative(directory, path),
      mode: (mode & 0o100) === 0 ? 0o644 : 0o755,
      size,
      sha256,
    });
  }
  return files.sort((left, right) => (left.path < right.path ? -1 : 1));
}

async function copyTree(from: string, to: string, files: readonly PayloadFile[]): Promise<void> {
  for (const file of files) {
    const target = join(to, file.path);
    await mkdir(join(target, ".."), { recursive: true });
    await copyFile(join(from, file.path), target, constants.COPYFILE_FICLONE);
    await chmod(target, file.mode);
  }
}

/** Two renames: a reader that comes between them finds no payload, never a mixture. */
async function replace(made: string, target: string): Promise<void> {
  const old = `${made}.old`;
  await rename(target, old).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  await rename(made, target);
  await rm(old, { recursive: true, force: true });
}

/**
 * The static helper for a platform: built on this machine, else the one that the repository carries.
 * @throws Error when what is there is of another architecture or not static
 */
export async function findHelper(root: string, platform: PayloadPlatform): Promise<string | undefined> {
  const arch = platform.slice("linux-".length);
  for (const folder of ["build", "prebuilt"]) {
    for (const name of [`${HELPER}-${platform}`, join(platform, HELPER), `${HELPER}-${arch}`]) {
      const path = join(root, "native", folder, name);
      if (!(await exists(path))) continue;
      const elf = readElf(await readFile(path));
      if (elf.arch !== arch || elf.interpreter !== undefined) {
        throw new Error(`${relative(root, path)} is no static program for ${platform}`);
      }
      return path;
    }
  }
  return undefined;
}
