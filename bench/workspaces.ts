import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Workspace } from "../src/contract/workspace.ts";
import { openRuntime } from "../src/runtimes/open.ts";
import type { CreateOptions, Workspaces } from "../src/workspaces/api.ts";
import { openWorkspaces } from "../src/workspaces/open.ts";
import { output } from "../test/fixtures/process.ts";
import { sshUser } from "../test/fixtures/ssh-user.ts";
import { type SshServer, sshServer } from "../test/fixtures/sshd.ts";
import type { OrdinaryUser } from "../test/fixtures/user.ts";
import { inTurns, median, timed } from "./measure.ts";
import { type Bench, ms, times } from "./report.ts";
import { forgetConnections, networkTo } from "./ssh.ts";

const DELAY_MS = 50;
const ROUND_TRIP_MS = 2 * DELAY_MS;
const FILES = 10_000;
const MEGABYTES = 200;
/** What the words of scripts and answers may differ by between two forks. */
const WORDS_BYTES = 32 * 1024;

const ENVIRONMENT = {
  ...process.env,
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_SYSTEM: "/dev/null",
  GIT_AUTHOR_NAME: "bench",
  GIT_AUTHOR_EMAIL: "dev@example.com",
  GIT_COMMITTER_NAME: "bench",
  GIT_COMMITTER_EMAIL: "dev@example.com",
};

interface Place extends Bench {
  /** Of the projects, removed at the end. */
  readonly directory: string;
  readonly stateDirectory: string;
  readonly workspaces: Workspaces;
}

/** Workspaces, beside git itself. Returns the version of git. */
export async function benchWorkspaces(bench: Bench): Promise<string> {
  const parts = [
    ["worktree", inWorktree],
    ["delay", behindDelay],
    ["first", firstSync],
    ["fork", forks],
  ] as const;
  const wanted = parts.filter(([name]) => bench.wanted(name));
  const version = (await output(["git", "--version"])).trim();
  if (wanted.length === 0) return version;
  const directory = await mkdtemp(join(tmpdir(), "berth-bench-"));
  const stateDirectory = join(directory, "state");
  // Where OpenSSH's masters are kept: those of the person who runs this are left alone.
  process.env.BERTH_HOME = stateDirectory;
  try {
    await using workspaces = await openWorkspaces({ stateDirectory });
    for (const [, part] of wanted) await part({ ...bench, directory, stateDirectory, workspaces });
  } finally {
    await forgetConnections();
    await rm(directory, { recursive: true, force: true });
  }
  return version;
}

async function git(repository: string, ...words: readonly string[]): Promise<string> {
  return await output(["git", "-C", repository, ...words], { env: ENVIRONMENT, deadlineMs: 300_000 });
}

/** A repository with one commit of these files. */
async function project(
  path: string,
  files: Iterable<readonly [string, string | Uint8Array]>,
): Promise<string> {
  await mkdir(path, { recursive: true });
  await git(path, "init", "-q", "-b", "main");
  const made = new Set<string>();
  for (const [name, content] of files) {
    const parent = join(path, name, "..");
    if (!made.has(parent)) await mkdir(parent, { recursive: true });
    made.add(parent);
    await writeFile(join(path, name), content);
  }
  await git(path, "add", "-A");
  await git(path, "commit", "-q", "-m", "files");
  return path;
}

function* smallFiles(): Iterable<readonly [string, string]> {
  for (let file = 0; file < FILES; file++) {
    yield [`src/${Math.floor(file / 100)}/file-${file}.ts`, `export const number = ${file};\n`.repeat(60)];
  }
}

function* largeFiles(): Iterable<readonly [string, Uint8Array]> {
  for (let file = 0; file < MEGABYTES; file++) yield [`data/${file}.bin`, randomBytes(1_000_000)];
}

async function inWorktree({ report, quick, directory, workspaces }: Place): Promise<void> {
  const path = await project(join(directory, "many files"), smallFiles());
  const beside = join(directory, "beside");
  let count = 0;
  const runtime = { type: "worktree" } as const;
  const createOne = async () => {
    count += 1;
    await workspaces.create({ name: `berth-${count}`, project: path, runtime });
  };
  const addOne = async () => {
    count += 1;
    await git(path, "worktree", "add", "-q", "-b", `git-${count}`, join(beside, String(count)));
  };
  // Fifty checkouts of 10,000 files would measure the disk's cache.
  const seen = await inTurns({ berth: createOne, git: addOne }, quick ? 5 : 15, 2);
  report(
    `create in a worktree, ${FILES.toLocaleString("en")} files`,
    "≤ 1.2× git worktree add",
    `${times(seen.berth / seen.git)}: ${ms(seen.berth)}, git worktree add ${ms(seen.git)}`,
    seen.berth <= 1.2 * seen.git,
  );
}

/**
 * A server, an account there, and the way to it, through a network of ours unless `direct`; a connection stands until it is
 * disposed.
 */
async function sshPlace(stateDirectory: string, options: { readonly direct?: boolean } = {}) {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await sshServer({ node: true }));
  const user = stack.use(await sshUser({ startup: "" }));
  const network = stack.use(await networkTo(server, {}));
  stack.defer(forgetConnections);
  const config = server.config(user.name, options.direct ? {} : { port: network.port });
  stack.use(await openRuntime(config, { stateDirectory }));
  const setDelay = (delayMs: number) => {
    for (const direction of ["up", "down"] as const) network.set(direction, { delayMs });
  };
  const owned = stack.move();
  return { server, user, network, config, setDelay, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function behindDelay({ report, quick, directory, stateDirectory, workspaces }: Place): Promise<void> {
  await using place = await sshPlace(stateDirectory);
  const path = await project(join(directory, "shop"), [["readme.md", "a shop\n"]]);
  let count = 0;
  const create = async (delayMs: number, options: Partial<CreateOptions> = {}): Promise<number> => {
    count += 1;
    const name = `ws-${count}`;
    place.setDelay(delayMs);
    try {
      return await timed(() => workspaces.create({ name, project: path, runtime: place.config, ...options }));
    } finally {
      place.setDelay(0);
    }
  };
  const commit = async () => {
    await writeFile(join(path, "readme.md"), `a shop with ${count}\n`);
    await git(path, "commit", "-q", "-a", "-m", "more");
  };
  await create(0);
  // A project without a hook: what that does is its own.
  for (const [work, before, target] of [
    ["the host has the commits", async () => {}, 4],
    ["one new commit", commit, 6],
  ] as const) {
    const near: number[] = [];
    const far: number[] = [];
    for (let turn = 0; turn < (quick ? 3 : 9); turn++) {
      await before();
      near.push(await create(0));
      await before();
      far.push(await create(DELAY_MS));
    }
    const trips = (median(far) - median(near)) / ROUND_TRIP_MS;
    report(
      `create over SSH, ${work}, ${DELAY_MS} ms each way`,
      `≤ ${target} round trips + the checkout`,
      `${trips.toFixed(2)} round trips: ${ms(median(far))}, without delay ${ms(median(near))}`,
      // A round trip is counted whole; what is less than a quarter is the machine.
      trips <= target + 0.25,
    );
  }
}

async function firstSync({ report, quick, directory, stateDirectory, workspaces }: Place): Promise<void> {
  const path = await project(join(directory, "large"), largeFiles());
  // As a project is that has been cloned; else both would mostly compress what can't be compressed.
  await git(path, "repack", "-a", "-d", "-q", "--window=0");
  await using place = await sshPlace(stateDirectory, { direct: true });
  const there = join(place.user.home, "large.git");
  await output(["git", "clone", "-q", "--bare", path, there], { env: ENVIRONMENT, deadlineMs: 300_000 });
  await output(["chown", "-R", place.user.name, there]);
  let count = 0;
  const forget: string[] = [];
  const clear = async () => {
    for (const target of forget.splice(0)) await rm(target, { recursive: true, force: true });
  };
  const ways = {
    berth: async () => {
      count += 1;
      const baseDir = join(place.user.home, `berth-${count}`);
      await workspaces.create({
        name: `large-${count}`,
        project: path,
        runtime: { ...place.config, baseDir },
      });
      forget.push(baseDir);
    },
    clone: async () => {
      count += 1;
      const target = join(directory, `clone-${count}`);
      await clone(place.server, place.user, there, target);
      forget.push(target);
    },
  };
  const seen = { berth: [] as number[], clone: [] as number[] };
  for (let turn = -1; turn < (quick ? 2 : 5); turn++) {
    for (const way of ["berth", "clone"] as const) {
      const took = await timed(ways[way]);
      await clear();
      if (turn >= 0) seen[way].push(took);
    }
  }
  const rates = { berth: median(seen.berth), clone: median(seen.clone) };
  const perSecond = (took: number) => `${Math.round(MEGABYTES / (took / 1000))} MB/s`;
  report(
    `first workspace of a project of ${MEGABYTES} MB over loopback SSH, checkout included`,
    "≥ the rate of git clone ssh://",
    `${times(rates.clone / rates.berth)}: ${perSecond(rates.berth)}, git clone ${perSecond(rates.clone)}`,
    rates.berth <= rates.clone,
  );
}

/** `git clone ssh://` with its checkout. */
async function clone(server: SshServer, user: OrdinaryUser, from: string, to: string): Promise<void> {
  const [ssh, ...words] = server.argv(user.name);
  const options = words.filter((word) => word !== `${user.name}@${server.host}`);
  const command = [ssh, ...options].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  await output(["git", "clone", "-q", `ssh://${user.name}@${server.host}:${server.port}${from}`, to], {
    env: { ...ENVIRONMENT, GIT_SSH_COMMAND: command, GIT_SSH_VARIANT: "ssh" },
    deadlineMs: 300_000,
  });
}

async function forks({ report, directory, stateDirectory, workspaces }: Place): Promise<void> {
  await using place = await sshPlace(stateDirectory);
  const small = await project(join(directory, "forked small"), [["readme.md", "a shop\n"]]);
  const large = await project(join(directory, "forked large"), smallFiles());
  const forked = async (path: string, megabytes: number) => {
    const name = `one-${megabytes}`;
    const origin = await workspaces.create({ name, project: path, runtime: place.config });
    if (megabytes > 0) await makeWork(workspaces, origin, megabytes);
    const before = place.network.passed();
    const took = await timed(() => workspaces.fork(origin.id, { name: `two-${megabytes}` }));
    const after = place.network.passed();
    return { took, bytes: after.up - before.up + (after.down - before.down) };
  };
  const size = 20;
  const nothing = await forked(small, 0);
  const seen = await forked(large, size);
  report(
    `fork over SSH of ${FILES.toLocaleString("en")} files, ${size} MB of commits of its own and ${size} MB of uncommitted work`,
    "no data over the network",
    `${Math.round(seen.bytes / 1024)} KiB both ways, of one file and no work ${Math.round(nothing.bytes / 1024)} KiB; ${ms(seen.took)}`,
    seen.bytes <= nothing.bytes + WORDS_BYTES,
  );
}

/** Megabytes that are committed in the workspace, and as many that are not. */
async function makeWork(workspaces: Workspaces, workspace: Workspace, megabytes: number): Promise<void> {
  await using runtime = await workspaces.open(workspace.id);
  const random = (name: string) => `head -c ${megabytes * 1_000_000} /dev/urandom > ${name}`;
  const identity = "-c user.name=bench -c user.email=dev@example.com";
  const script = `${random("committed")} && git add committed && git ${identity} commit -q -m work && ${random("untracked")}`;
  const exit = await runtime.exec(["sh", "-c", script]);
  if (exit.exitCode !== 0) throw new Error(`work was not made there: exit ${exit.exitCode}`);
}
