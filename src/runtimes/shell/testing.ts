import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type { BerthEventInput } from "../../contract/events.ts";
import type { Runtime } from "../../contract/runtime.ts";
import { createLocalTransport } from "../../transports/local.ts";
import { localServer, sftpServerPath } from "../../transports/ssh/sftp/testing.ts";
import type { RawProcess, Transport } from "../../transports/transport.ts";
import type { ShellRuntimeOptions } from "./runtime.ts";
import { createShellRuntime } from "./runtime.ts";

/**
 * Shells and tools of this machine, each as if it were a place of its own. `bare` has job control but no setsid, no
 * stat, readlink or tar: the fallbacks. (As on macOS commands get a group by `set -m`; its tools are not to be had.)
 * `sftp` has an SFTP server and spare shells, as a host by SSH.
 */
export const PLACES = ["dash", "bash", "busybox", "bare", "sftp"] as const;
export type PlaceName = (typeof PLACES)[number];

const BUSYBOX = "/bin/busybox";
const MISSING_IN_BARE = [
  "setsid",
  "time",
  "stat",
  "readlink",
  "tar",
  "timeout",
  "realpath",
  "mktemp",
  "bash",
  "sh",
  "find",
];

let links: string | undefined;

/** Links to the applets of busybox, less some. */
async function applets(directory: string, without: readonly string[]): Promise<void> {
  const names = execFileSync(BUSYBOX, ["--list"], { encoding: "utf8" }).split("\n");
  for (const name of names) {
    if (name !== "" && !without.includes(name)) await symlink(BUSYBOX, join(directory, name));
  }
}

/** Why a place can't be had here; undefined when it can. */
export function placeMissing(name: PlaceName): string | undefined {
  const sftp = sftpServerPath() ?? "sftp-server";
  const needed = { dash: "/bin/dash", bash: "/bin/bash", busybox: BUSYBOX, bare: BUSYBOX, sftp }[name];
  return existsSync(needed) ? undefined : `${needed} is not installed`;
}

async function placeOf(name: PlaceName): Promise<{ shell: string; path: string | undefined }> {
  if (name === "dash" || name === "sftp") return { shell: "/bin/dash", path: undefined };
  links ??= await mkdtemp(join(tmpdir(), "berth-applets-"));
  const directory = join(links, name);
  if (!existsSync(directory)) {
    await mkdir(directory);
    if (name !== "bash") await applets(directory, name === "bare" ? MISSING_IN_BARE : []);
    // Called `bash`, it reads ~/.bashrc where its stdin is a socket, as all pipes of Node are.
    if (name !== "busybox") await symlink("/bin/bash", join(directory, "sh"));
  }
  return { shell: join(directory, "sh"), path: name === "bash" ? undefined : directory };
}

/** To be called by the test file's `after`. */
export async function removeApplets(): Promise<void> {
  if (links !== undefined) await rm(links, { recursive: true, force: true });
  links = undefined;
}

export interface TestPlace extends AsyncDisposable {
  readonly runtime: Runtime;
  /** A directory of this test. */
  readonly directory: string;
  path(name: string): string;
  readonly events: BerthEventInput[];
  /** argv of every run so far. */
  readonly runs: readonly (readonly string[])[];
}

export interface TestPlaceOptions extends Partial<ShellRuntimeOptions> {
  /** In place of the SFTP server of this machine. */
  readonly sftp?: () => Promise<Duplex>;
  /** Between the runtime and what starts a run. */
  readonly aroundRun?: (run: () => Promise<RawProcess>) => Promise<RawProcess>;
}

/** A shell runtime over this machine, as one of the places. */
export async function testPlace(name: PlaceName, given: TestPlaceOptions = {}): Promise<TestPlace> {
  const { sftp = async () => localServer().stream, aroundRun = (run) => run(), ...options } = given;
  const { shell, path } = await placeOf(name);
  const local = createLocalTransport();
  const runs: (readonly string[])[] = [];
  const transport: Transport = {
    ...local,
    run: (argv, runOptions) => {
      runs.push(argv);
      const env = { ...runOptions?.env, ...(path === undefined ? {} : { PATH: path }) };
      return aroundRun(() => local.run(argv, { ...runOptions, env }));
    },
    ...(name === "sftp" ? { sftp } : {}),
  };
  const directory = await mkdtemp(join(tmpdir(), "berth-shell-"));
  const events: BerthEventInput[] = [];
  const runtime = createShellRuntime({
    kind: "local",
    description: `${name} of this machine`,
    isolation: { filesystem: "shared", processes: "shared", network: "shared", kernel: "shared" },
    workdir: directory,
    transport,
    shell,
    onEvent: (event) => events.push(event),
    ...options,
  });
  return {
    runtime,
    directory,
    path: (name) => join(directory, name),
    events,
    runs,
    [Symbol.asyncDispose]: async () => {
      await runtime.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Looks until it is true. */
export async function until(what: string, probe: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 20_000;
  while (!(await probe())) {
    if (performance.now() > end) throw new Error(`${what}: not within 20 s`);
    await delay(20);
  }
}

/** Whether a process with these words as its arguments runs on this machine. */
export function isRunning(...argv: readonly string[]): boolean {
  const listed = execFileSync("ps", ["-eo", "stat=,args="], { encoding: "utf8" });
  return listed.split("\n").some((line) => !line.startsWith("Z") && line.endsWith(` ${argv.join(" ")}`));
}
