import { chmod, copyFile, mkdir, readdir, readFile, realpath, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { PayloadPlatform } from "../../src/runtimes/payload-manifest.ts";
import { exists } from "./cache.ts";
import { debianLibraries, hasDebianTools, type UnpackedPackages } from "./debian.ts";
import { type ElfFile, readElf } from "./elf.ts";
import { runTool } from "./run.ts";

/** Where the loader and libraries of a portable Node came from: "libc6 2.36-9", or "host". */
export type LibrarySources = readonly string[];

/**
 * Puts `ld.so`, `lib/…` and `licenses/…` into `target`: the loader that `node` asks for, and every library that
 * it needs, directly or through another. From Debian's packages where there is apt, else those of this machine,
 * which then has to be of the same architecture and to have glibc.
 * @throws Error when neither can be had
 */
export async function gatherLibraries(
  node: string,
  platform: PayloadPlatform,
  cacheDirectory: string,
  target: string,
): Promise<LibrarySources> {
  const elf = readElf(await readFile(node));
  if (elf.interpreter === undefined || `linux-${elf.arch}` !== platform) {
    throw new Error(`${node} is no dynamically linked program for ${platform}`);
  }
  await mkdir(join(target, "lib"), { recursive: true });
  if (!(await hasDebianTools())) return gatherFromHost(node, elf, platform, target);
  const packages = await debianLibraries(platform, cacheDirectory);
  await gatherFromPackages(elf, packages, target);
  return packages.versions;
}

async function gatherFromPackages(node: ElfFile, packages: UnpackedPackages, target: string): Promise<void> {
  const libraries = await libraryFiles(packages.directory);
  const loader = basename(node.interpreter ?? "");
  const find = (name: string) => {
    const path = libraries.get(name);
    if (path === undefined) throw new Error(`no package has ${name}`);
    return path;
  };
  await install(find(loader), join(target, "ld.so"), 0o755);
  const wanted = [...node.needed];
  const done = new Set([loader]);
  for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
    if (done.has(name)) continue;
    done.add(name);
    const path = find(name);
    await install(path, join(target, "lib", name), 0o644);
    wanted.push(...readElf(await readFile(path)).needed);
  }
  await mkdir(join(target, "licenses"), { recursive: true });
  for (const [name, path] of await copyrightFiles(packages.directory)) {
    await install(path, join(target, "licenses", name), 0o644);
  }
}

/** Shared libraries by file name, of all directories that packages install libraries in. */
async function libraryFiles(directory: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const name of await readdir(directory)) {
    const root = join(directory, name);
    for (const top of ["lib", "usr/lib", "usr"]) {
      for (const middle of await listing(join(root, top))) {
        for (const inner of [join(root, top, middle), join(root, top, middle, "lib")]) {
          for (const file of await listing(inner)) {
            if (/\.so(\.|$)/.test(file)) found.set(file, await realpath(join(inner, file)));
          }
        }
      }
    }
  }
  return found;
}

async function copyrightFiles(directory: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const name of await readdir(directory)) {
    const path = join(directory, name, "usr", "share", "doc", name, "copyright");
    if (await exists(path)) found.set(`${name}.copyright`, path);
  }
  return found;
}

async function gatherFromHost(
  node: string,
  elf: ElfFile,
  platform: PayloadPlatform,
  target: string,
): Promise<LibrarySources> {
  if (`${process.platform}-${process.arch}` !== platform) {
    throw new Error(
      `the libraries for ${platform} come from Debian's packages (apt-get, dpkg-deb), and this machine has neither`,
    );
  }
  for (const [name, path] of parseLdd(await runTool(["ldd", node]))) {
    if (path === undefined) throw new Error(`this machine has no ${name}, which Node needs`);
    await install(await realpath(path), join(target, "lib", name), 0o644);
  }
  await install(await realpath(elf.interpreter ?? ""), join(target, "ld.so"), 0o755);
  await mkdir(join(target, "licenses"), { recursive: true });
  await writeFile(
    join(target, "licenses", "libraries.txt"),
    "The loader and the libraries in ../lib are those of the machine that this was built on.\n",
  );
  return ["host"];
}

/** Libraries that `ldd` lists, and where they are; undefined where it says "not found". Without the loader. */
export function parseLdd(output: string): Map<string, string | undefined> {
  const found = new Map<string, string | undefined>();
  for (const line of output.split("\n")) {
    const [, name, path] = /^\s*(\S+) => (\S.*?)(?: \(0x[0-9a-f]+\))?$/.exec(line) ?? [];
    if (name === undefined || name.includes("/")) continue;
    found.set(name, path?.startsWith("/") ? path : undefined);
  }
  return found;
}

async function install(from: string, to: string, mode: number): Promise<void> {
  await copyFile(from, to);
  await chmod(to, mode);
}

async function listing(directory: string): Promise<string[]> {
  return readdir(directory).catch(() => []);
}
