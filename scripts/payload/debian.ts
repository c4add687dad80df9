import { lstat, mkdir, readdir, readlink, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { PayloadPlatform } from "../../src/runtimes/payload-manifest.ts";
import { madeOnce } from "./cache.ts";
import { hasTool, runTool } from "./run.ts";

/** Packages that have the loader and every library that Node is linked with. */
const PACKAGES = ["libc6", "libgcc-s1", "libstdc++6"] as const;

/** What Debian calls an architecture. */
const DEBIAN_ARCH: Readonly<Record<PayloadPlatform, string>> = {
  "linux-x64": "amd64",
  "linux-arm64": "arm64",
};

/** Unpacked packages, each in a directory of its name. */
export interface UnpackedPackages {
  readonly directory: string;
  /** "libc6 2.36-9", of those that libraries come from. */
  readonly versions: readonly string[];
}

/** Whether this machine has what it takes to fetch and unpack Debian's packages. */
export async function hasDebianTools(): Promise<boolean> {
  return (await hasTool("apt-get")) && (await hasTool("dpkg-deb"));
}

/**
 * Debian's packages with the C and C++ libraries for a platform, unpacked. apt fetches them the first time, with
 * lists and a cache of its own: so it works for an ordinary user, on a machine whose lists are missing or old,
 * and for another architecture than the machine's, and changes nothing of the machine's own.
 * @throws Error when apt or dpkg-deb fail
 */
export async function debianLibraries(
  platform: PayloadPlatform,
  cacheDirectory: string,
): Promise<UnpackedPackages> {
  const arch = DEBIAN_ARCH[platform];
  const directory = await madeOnce(join(cacheDirectory, `debian-${arch}`), async (temporary) => {
    const packages = await fetchPackages(PACKAGES, arch, temporary).catch((own: Error) =>
      // Ubuntu's mirrors have other architectures elsewhere; its archive has them as cross packages.
      fetchCrossPackages(arch, temporary).catch(() => {
        throw own;
      }),
    );
    for (const name of await copyrightPackages(temporary, packages)) {
      await fetchPackages([name], arch, temporary).catch(() =>
        runTool(["apt-get", "download", name], { cwd: temporary }),
      );
      await unpackArchives(temporary);
    }
    await rm(join(temporary, "apt"), { recursive: true, force: true });
  });
  const versions: string[] = [];
  for (const name of await readdir(directory)) {
    const archive = /^(libc6|libgcc-s1|libstdc\+\+6)[^_]*_([^_]+)_[^_]+\.deb$/.exec(name);
    if (archive !== null) versions.push(`${name.split("_")[0]} ${decodeURIComponent(archive[2] ?? "")}`);
  }
  return { directory, versions: versions.sort() };
}

/**
 * Fetches packages of Debian's architecture `arch` by apt, and unpacks each in `directory` to a directory of its
 * name. Returns those names.
 */
export async function fetchPackages(
  names: readonly string[],
  arch: string,
  directory: string,
): Promise<string[]> {
  const state = join(directory, "apt");
  await mkdir(join(state, "lists", "partial"), { recursive: true });
  await mkdir(join(state, "cache", "archives", "partial"), { recursive: true });
  await writeFile(join(state, "status"), "");
  const configuration = join(state, "apt.conf");
  await writeFile(
    configuration,
    [
      // Hooks of the machine are about its own state.
      "#clear APT::Update::Pre-Invoke;",
      "#clear APT::Update::Post-Invoke;",
      "#clear APT::Update::Post-Invoke-Success;",
      "#clear APT::Architectures;",
      `APT::Architecture "${arch}";`,
      `APT::Architectures { "${arch}"; };`,
      'APT::Sandbox::User "root";',
      'Acquire::Languages "none";',
      'Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";',
      `Dir::State "${state}";`,
      `Dir::State::lists "${state}/lists";`,
      `Dir::State::status "${state}/status";`,
      `Dir::Cache "${state}/cache";`,
      "",
    ].join("\n"),
  );
  const apt = (...args: string[]) =>
    runTool(["apt-get", "-q", "-c", configuration, ...args], { cwd: directory });
  await apt("update");
  await apt("download", ...names);
  return unpackArchives(directory);
}

/** For machines whose own package sources lack the other architecture. */
async function fetchCrossPackages(arch: string, directory: string): Promise<string[]> {
  const names = PACKAGES.map((name) => `${name}-${arch}-cross`);
  await runTool(["apt-get", "-q", "download", ...names], { cwd: directory });
  return unpackArchives(directory);
}

/** Unpacks every archive in `directory` to a directory named as its package; returns those names. */
async function unpackArchives(directory: string): Promise<string[]> {
  const names: string[] = [];
  for (const file of (await readdir(directory)).filter((name) => name.endsWith(".deb"))) {
    const name = file.split("_")[0] ?? file;
    await runTool(["dpkg-deb", "-x", join(directory, file), join(directory, name)]);
    names.push(name);
  }
  return names;
}

/** Packages whose copyright file is that of another package, and which one that is. */
async function copyrightPackages(directory: string, names: readonly string[]): Promise<Set<string>> {
  const others = new Set<string>();
  for (const name of names) {
    const doc = join(directory, name, "usr", "share", "doc", name);
    const link = await lstat(doc).then(
      (found) => found.isSymbolicLink(),
      () => false,
    );
    if (link) others.add(basename(await readlink(doc)));
  }
  return others;
}
