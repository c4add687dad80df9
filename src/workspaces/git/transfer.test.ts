import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { berthError, isBerthError } from "../../contract/errors.ts";
import { openRuntime } from "../../runtimes/open.ts";
import { type BaseLook, lookAtBase } from "./base.ts";
import type { GitPlace } from "./git-place.ts";
import { localGitPlace, runtimeGitPlace } from "./places.ts";
import { Scratch, TestRepository } from "./repository.testing.ts";
import { listTags } from "./tags.ts";
import { type TransferOptions, type TransferResult, transfer } from "./transfer.ts";

process.env.GIT_CONFIG_GLOBAL = "/dev/null";
process.env.GIT_CONFIG_SYSTEM = "/dev/null";
const local = localGitPlace();

interface Sent extends TransferResult {
  readonly look: BaseLook;
  readonly base: TestRepository;
}

/** Looks and sends, as whoever makes a workspace does. */
async function send(
  project: TestRepository,
  base: string,
  refs: Readonly<Record<string, string>>,
  options: Partial<TransferOptions> & { place?: GitPlace; format?: "sha1" | "sha256"; noTags?: boolean } = {},
): Promise<Sent> {
  const place = options.place ?? local;
  const gitDir = project.git("rev-parse", "--path-format=absolute", "--git-common-dir");
  const tags = options.noTags ? undefined : await listTags(local, gitDir);
  const asked = Object.entries(refs).map(([name, commit]) => ({ name, commit }));
  const look = await lookAtBase(place, {
    base,
    wanted: asked.map(({ commit }) => commit),
    refs: asked.map(({ name }) => name),
    tags,
    objectFormat: options.format,
    create: true,
  });
  const { place: _place, format: _format, noTags: _noTags, ...rest } = options;
  const from = { git: local, gitDir };
  const to = { git: place, gitDir: look.gitDir };
  const sent = await transfer({ from, to, look, refs: asked, tags, ...rest });
  return { ...sent, look, base: new TestRepository(look.gitDir) };
}

function objectsOf(repository: TestRepository, ...tips: string[]): string[] {
  return repository
    .git("rev-list", "--objects", "--no-object-names", ...tips)
    .split("\n")
    .sort();
}

/** Nothing of a transfer is left but what git itself keeps. */
function tidy(base: TestRepository): void {
  assert.equal(
    base.git("fsck", "--connectivity-only", "--no-dangling", "--no-progress").replace(/^notice.*/, ""),
    "",
  );
  const left = readdirSync(join(base.path, "objects"), { recursive: true }) as string[];
  assert.deepEqual(
    left.filter((name) => /tmp_/.test(name)),
    [],
  );
}

async function refusalOf(
  promise: Promise<unknown>,
): Promise<{ code: string; message: string; hint: string }> {
  const error = await promise.then(
    () => assert.fail("it was not refused"),
    (thrown: unknown) => thrown,
  );
  assert.ok(isBerthError(error), String(error));
  return error;
}

const MAIN = "refs/remotes/origin/main";

test("everything arrives, then only what is new, then nothing is even said", async () => {
  using scratch = new Scratch();
  await using runtime = await openRuntime({ type: "local", daemon: "never" });
  for (const [number, place] of [local, runtimeGitPlace(runtime)].entries()) {
    const project = scratch.repository(`project ${number}`);
    const noise = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * at * 31) % 251));
    const first = project.commit("second", { "a/big.bin": noise, "a/ünï 'q'.txt": "x" });
    const base = join(scratch.path, `place "${number}"`, "base.git");
    const progress: number[] = [];
    const sent = await send(project, base, { [MAIN]: first }, { place, onProgress: (n) => progress.push(n) });
    assert.deepEqual(objectsOf(sent.base, MAIN), objectsOf(project, first));
    assert.equal(sent.base.git("rev-parse", MAIN), first);
    assert.equal(progress.at(-1), sent.bytes);
    assert.deepEqual(
      progress,
      progress.toSorted((a, b) => a - b),
    );
    tidy(sent.base);

    const second = project.commit("third", { "b.txt": "new\n" });
    const more = await send(project, base, { [MAIN]: second }, { place });
    assert.ok(more.bytes > 0 && more.bytes < 1_000, `${more.bytes} bytes for one small commit`);
    assert.deepEqual(objectsOf(sent.base, MAIN), objectsOf(project, second));

    const calls: string[] = [];
    const watched: GitPlace = {
      ...place,
      run: (argv, options) => {
        calls.push(argv.at(-1) ?? "");
        return place.run(argv, options);
      },
    };
    const none = await send(project, base, { [MAIN]: second }, { place: watched });
    assert.deepEqual([none.bytes, none.refs, calls.length], [0, 0, 1]);
    // Only a ref: no pack.
    const moved = await send(project, base, { [MAIN]: first, "refs/berth/start/x": second }, { place });
    assert.deepEqual([moved.bytes, moved.refs, sent.base.git("rev-parse", MAIN)], [0, 2, first]);
    tidy(sent.base);
  }
});

test("tags go along with the commits that they stand for, also later ones, and replace none", async () => {
  using scratch = new Scratch();
  const project = scratch.repository("project");
  const first = project.git("rev-parse", "HEAD");
  project.git("tag", "light");
  project.git("tag", "--annotate", "--message=m", "v1.0");
  project.git("tag", "tree", `${first}^{tree}`);
  project.git("checkout", "--quiet", "-b", "other");
  const second = project.commit("on another branch");
  project.git("tag", "--annotate", "--message=m", "elsewhere");
  const base = join(scratch.path, "base.git");
  const tagsThere = (sent: Sent) => sent.base.git("tag", "--list").split("\n");
  let sent = await send(project, base, { [MAIN]: first });
  assert.deepEqual(tagsThere(sent), ["light", "v1.0"]);
  sent = await send(project, base, { [MAIN]: first });
  assert.deepEqual([sent.bytes, sent.refs, sent.look.tags], [0, 0, undefined]);
  // A new one on what is there already.
  project.git("tag", "--annotate", "--message=m", "v1.1", first);
  sent = await send(project, base, { [MAIN]: first });
  assert.deepEqual([tagsThere(sent), sent.refs], [["light", "v1.0", "v1.1"], 1]);
  // New commits bring theirs, and what somebody there called by a name stays.
  sent.base.git("tag", "v2", first);
  project.git("tag", "v2", second);
  sent = await send(project, base, { [MAIN]: first, "refs/berth/start/x": second });
  assert.deepEqual(tagsThere(sent), ["elsewhere", "light", "v1.0", "v1.1", "v2"]);
  assert.equal(sent.base.git("rev-parse", "v2"), first);
  // The same tags as last time, new commits: none is sent twice.
  const third = project.commit("more");
  sent = await send(project, base, { "refs/berth/start/x": third });
  assert.equal(sent.refs, 1);
  tidy(sent.base);
});

test("branch names that shells and file systems would trip over", async () => {
  using scratch = new Scratch();
  const project = scratch.repository("project");
  const commit = project.git("rev-parse", "HEAD");
  const names = [
    "a/b/c",
    "ünï/çødé-日本",
    "$(touch-pwned)",
    "it's",
    '"q"',
    "-dash",
    "a;b&c|d",
    "`x`",
    "Case",
    "case",
  ];
  const refs = Object.fromEntries(names.map((name) => [`refs/berth/x/${name}`, commit]));
  const sent = await send(project, join(scratch.path, "base.git"), refs);
  const there = sent.base.git("for-each-ref", "--format=%(refname)", "refs/berth").split("\n");
  assert.deepEqual(new Set(there), new Set(Object.keys(refs)));
  for (const bad of ["refs/heads/a b", "refs/heads/x\ny", "heads/x", "refs/heads/a..b", "refs/heads/-\0"]) {
    const refused = await refusalOf(send(project, sent.base.path, { [bad]: commit }));
    assert.equal(refused.code, "workspace.branch_invalid", bad);
  }
});

test("refs are set together or not at all", async () => {
  using scratch = new Scratch();
  const project = scratch.repository("project");
  const commit = project.git("rev-parse", "HEAD");
  const base = join(scratch.path, "base.git");
  const sent = await send(project, base, { "refs/berth/x/a": commit });
  const next = project.commit("next");
  const refused = await refusalOf(
    send(project, base, { "refs/berth/x/b": next, "refs/berth/x/a/below": next }),
  );
  assert.equal(refused.code, "workspace.git_failed");
  assert.equal(sent.base.git("for-each-ref", "--format=%(refname)"), "refs/berth/x/a");
  tidy(sent.base);
});

test("many at once into one base", async () => {
  using scratch = new Scratch();
  const project = scratch.repository("project");
  const base = join(scratch.path, "base.git");
  const commits = Array.from({ length: 8 }, (_, at) => project.commit(`c${at}`, { [`f${at}`]: `${at}` }));
  await Promise.all(
    commits.map((commit, at) =>
      send(project, base, { [`refs/berth/start/w${at}`]: commit, [`refs/berth/x/${at}`]: commit }),
    ),
  );
  const there = new TestRepository(base);
  for (const [at, commit] of commits.entries())
    assert.equal(there.git("rev-parse", `refs/berth/start/w${at}`), commit);
  tidy(there);
});

test("thousands of refs", async () => {
  using scratch = new Scratch();
  const project = scratch.repository("project");
  const commit = project.git("rev-parse", "HEAD");
  const count = process.env.BERTH_LONG === "1" ? 10_000 : 2_000;
  const packed = Array.from(
    { length: count },
    (_, at) => `${commit} refs/tags/t${String(at).padStart(5, "0")}\n`,
  );
  writeFileSync(
    join(project.path, ".git/packed-refs"),
    `# pack-refs with: peeled fully-peeled sorted \n${packed.join("")}`,
  );
  const base = join(scratch.path, "base.git");
  const sent = await send(project, base, { [MAIN]: commit });
  assert.equal(sent.refs, count + 1);
  assert.equal(sent.base.git("tag", "--list").split("\n").length, count);
  const again = await send(project, base, { [MAIN]: commit });
  assert.deepEqual([again.refs, again.look.tags], [0, undefined]);
});

test("an empty repository gets its first commit later", async () => {
  using scratch = new Scratch();
  const project = scratch.repository("project", { empty: true });
  const base = join(scratch.path, "base.git");
  const none = await send(project, base, {});
  assert.deepEqual([none.bytes, none.refs], [0, 0]);
  const sent = await send(project, base, { [MAIN]: project.commit("first", { a: "a" }) });
  assert.equal(sent.refs, 1);
  tidy(sent.base);
});

test("SHA-256", async () => {
  using scratch = new Scratch();
  const project = scratch.repository("project", { empty: true });
  rmSync(join(project.path, ".git"), { recursive: true });
  project.git("init", "--quiet", "--object-format=sha256", "--initial-branch=main");
  const base = join(scratch.path, "base.git");
  await send(project, base, { [MAIN]: project.commit("first", { a: "a" }) }, { format: "sha256" });
  const commit = project.commit("second", { b: "b" });
  const sent = await send(project, base, { [MAIN]: commit }, { format: "sha256" });
  assert.deepEqual(objectsOf(sent.base, MAIN), objectsOf(project, commit));
  tidy(sent.base);
});

test("objects of alternates go along, replacements and grafts do not count", async () => {
  using scratch = new Scratch();
  const source = scratch.repository("source");
  const first = source.git("rev-parse", "HEAD");
  source.git("clone", "--quiet", "--shared", ".", "../project");
  const project = new TestRepository(join(scratch.path, "project"));
  const second = project.commit("second", { b: "b" });
  const other = project.git("commit-tree", "-m", "replaced", `${second}^{tree}`);
  project.git("replace", second, other);
  mkdirSync(join(project.path, ".git/info"), { recursive: true });
  writeFileSync(join(project.path, ".git/info/grafts"), `${second}\n`);
  const sent = await send(project, join(scratch.path, "base.git"), { [MAIN]: second });
  assert.equal(sent.base.git("rev-parse", `${MAIN}~1`), first);
  rmSync(source.path, { recursive: true });
  tidy(sent.base);
});

test("a shallow clone's boundary goes along, and goes when the project has been deepened", async () => {
  using scratch = new Scratch();
  const source = scratch.repository("source");
  for (let number = 0; number < 5; number += 1) source.commit(`c${number}`, { [`f${number}`]: `${number}` });
  source.git("tag", "old", "HEAD~3");
  source.git("clone", "--quiet", "--depth=2", "--no-local", ".", "../project");
  const project = new TestRepository(join(scratch.path, "project"));
  const base = join(scratch.path, "base.git");
  const boundary = project.git("rev-parse", "HEAD~1");
  let sent = await send(project, base, { [MAIN]: project.git("rev-parse", "HEAD") });
  const shallow = join(base, "shallow");
  assert.equal(readFileSync(shallow, "utf8"), `${boundary}\n`);
  assert.equal(sent.base.git("rev-list", "--count", MAIN), "2");
  tidy(sent.base);

  const next = project.commit("next", { n: "n" });
  sent = await send(project, base, { [MAIN]: next });
  assert.ok(sent.bytes < 1_000);
  assert.equal(sent.base.git("rev-list", "--count", MAIN), "3");

  // Home: the boundary is the same, nothing changes.
  const there = sent.base.git("commit-tree", "-p", next, "-m", "work", `${next}^{tree}`);
  sent.base.git("update-ref", "refs/heads/work", there);
  const homeGitDir = join(project.path, ".git");
  const look = await lookAtBase(local, { base: homeGitDir, wanted: [there], create: false });
  await transfer({
    from: { git: local, gitDir: base },
    to: { git: local, gitDir: homeGitDir },
    look,
    refs: [{ name: "refs/berth/home/work", commit: there }],
    untrusted: true,
  });
  assert.equal(readFileSync(join(homeGitDir, "shallow"), "utf8"), `${boundary}\n`);
  assert.equal(project.git("rev-list", "--count", "refs/berth/home/work"), "4");

  project.git("fetch", "--quiet", "--unshallow");
  const last = project.commit("last", { l: "l" });
  sent = await send(project, base, { [MAIN]: last });
  assert.equal(existsSync(shallow), false);
  assert.deepEqual(objectsOf(sent.base, MAIN), objectsOf(project, last));
  assert.equal(sent.base.git("tag", "--list"), "old");
  tidy(sent.base);
});

test("shallow clones that send at once keep each its boundary", async () => {
  using scratch = new Scratch();
  const source = scratch.repository("source");
  const commits = Array.from({ length: 5 }, (_, at) => source.commit(`c${at}`, { [`f${at}`]: `${at}` }));
  const base = join(scratch.path, "base.git");
  await lookAtBase(local, { base, wanted: [], create: true });
  await Promise.all(
    commits.slice(1).map(async (commit, at) => {
      source.git("branch", `b${at}`, commit);
      source.git("clone", "--quiet", "--depth=1", "--no-local", "--branch", `b${at}`, ".", `../clone-${at}`);
      const clone = new TestRepository(join(scratch.path, `clone-${at}`));
      await send(clone, base, { [`refs/berth/start/${at}`]: commit });
    }),
  );
  const there = new TestRepository(base);
  tidy(there);
  for (const [at, commit] of commits.slice(1).entries()) {
    assert.equal(there.git("rev-parse", `refs/berth/start/${at}`), commit);
    assert.equal(there.git("show", `${commit}:f${at + 1}`), `${at + 1}`);
  }
});

test("a lock of git's that stays is named, and nothing is changed", async () => {
  using scratch = new Scratch();
  const project = scratch.repository("project");
  const base = join(scratch.path, "base.git");
  const sent = await send(project, base, { [MAIN]: project.git("rev-parse", "HEAD") });
  const before = sent.base.git("for-each-ref");
  const lock = join(sent.base.path, "refs/remotes/origin/main.lock");
  writeFileSync(lock, "");
  const abort = AbortSignal.timeout(20_000);
  const refused = await refusalOf(send(project, base, { [MAIN]: project.commit("next") }, { signal: abort }));
  assert.equal(refused.code, "workspace.locked");
  assert.match(refused.message, /refs\/remotes\/origin\/main\.lock/);
  assert.equal(sent.base.git("for-each-ref"), before);
  tidy(sent.base);
});

test("a whole base stays whole when a shallow clone sends to it", async () => {
  using scratch = new Scratch();
  const source = scratch.repository("source");
  for (let number = 0; number < 5; number += 1) source.commit(`c${number}`, { [`f${number}`]: `${number}` });
  const base = join(scratch.path, "base.git");
  await send(source, base, { [MAIN]: source.git("rev-parse", "HEAD~1") });
  source.git("clone", "--quiet", "--depth=2", "--no-local", ".", "../project");
  const project = new TestRepository(join(scratch.path, "project"));
  const sent = await send(project, base, { [MAIN]: project.commit("next") });
  assert.equal(existsSync(join(base, "shallow")), false);
  assert.equal(sent.base.git("rev-list", "--count", MAIN), "7");
  tidy(sent.base);
});

test("a partial clone sends what it has, and is refused when objects are missing, without fetching them", async () => {
  using scratch = new Scratch();
  const source = scratch.repository("source");
  const tip = source.commit("second", { "old.txt": "old\n" });
  const last = source.commit("third", { "old.txt": "new\n" });
  source.git("config", "uploadpack.allowFilter", "true");
  source.git("clone", "--quiet", "--filter=blob:none", "--no-local", ".", "../project");
  const project = new TestRepository(join(scratch.path, "project"));
  const before = project.git("count-objects", "-v");
  const base = join(scratch.path, "base.git");
  const refused = await refusalOf(send(project, base, { [MAIN]: last }));
  assert.equal(refused.code, "workspace.partial_clone");
  assert.equal(project.git("count-objects", "-v"), before);
  tidy(new TestRepository(base));

  await send(source, base, { [MAIN]: tip });
  const sent = await send(project, base, { [MAIN]: last });
  assert.deepEqual(objectsOf(sent.base, MAIN), objectsOf(source, last));

  // The remedy that the refusal names.
  assert.match(refused.hint, /^git fetch --refetch --no-filter /);
  project.git("fetch", "--quiet", "--refetch", "--no-filter");
  const all = await send(project, join(scratch.path, "other.git"), { [MAIN]: last });
  assert.deepEqual(objectsOf(all.base, MAIN), objectsOf(source, last));
});

test("a cut leaves the receiver as it was, and the next attempt completes", async () => {
  using scratch = new Scratch();
  const project = scratch.repository("project");
  const files = Array.from({ length: 40 }, (_, at) => [`f${at}`, randomBytes(1_000)]);
  const commit = project.commit("second", Object.fromEntries(files) as Record<string, Buffer>);
  // Cut by the sender's way, at several points; the third attempt of each transfer gets through.
  const cutAt = async (cutAfter: number) => {
    let cuts = 0;
    const flaky: GitPlace = {
      ...local,
      async *stream(argv, options) {
        let passed = 0;
        for await (const chunk of local.stream(argv, options)) {
          if (cuts < 2 && passed + chunk.length > cutAfter) {
            yield chunk.subarray(0, cutAfter - passed);
            cuts += 1;
            throw berthError("transport.disconnected", {});
          }
          passed += chunk.length;
          yield chunk;
        }
      },
    };
    const base = join(scratch.path, `base-${cutAfter}.git`);
    const look = await lookAtBase(local, { base, wanted: [commit], create: true });
    const sent = await transfer({
      from: { git: flaky, gitDir: join(project.path, ".git") },
      to: { git: local, gitDir: look.gitDir },
      look,
      refs: [{ name: MAIN, commit }],
    });
    assert.equal(cuts, 2);
    assert.equal(sent.refs, 1);
    const there = new TestRepository(base);
    assert.deepEqual(objectsOf(there, MAIN), objectsOf(project, commit));
    tidy(there);
  };
  await Promise.all([0, 5, 20, 700, 3_000, 20_000].map(cutAt));
  // The receiver's way is lost behind its work: the next attempt finds that all is done.
  let lost = 0;
  const deaf: GitPlace = {
    ...local,
    async run(argv, options) {
      const result = await local.run(argv, options);
      if (lost++ === 0) throw berthError("transport.disconnected", {});
      return result;
    },
  };
  const base = join(scratch.path, "deaf.git");
  const look = await lookAtBase(local, { base, wanted: [commit], refs: [MAIN], create: true });
  const done = await transfer({
    from: { git: local, gitDir: join(project.path, ".git") },
    to: { git: deaf, gitDir: look.gitDir },
    look,
    refs: [{ name: MAIN, commit }],
  });
  assert.deepEqual([done.bytes, lost], [0, 2]);
  tidy(new TestRepository(base));
});

test("an abort ends both sides at once and is not repeated", async () => {
  using scratch = new Scratch();
  const project = scratch.repository("project");
  const commit = project.commit("second", { big: Buffer.alloc(3_000_000, "x") });
  const base = join(scratch.path, "base.git");
  const abort = new AbortController();
  const attempts: number[] = [];
  const stuck: GitPlace = {
    ...local,
    async *stream(argv, options) {
      attempts.push(1);
      yield* local.stream(
        ["/bin/sh", "-c", "printf '\\nPACK\\0\\0\\0\\2\\0\\0\\0\\9'; exec sleep 60", ...argv.slice(3)],
        options,
      );
    },
  };
  const look = await lookAtBase(local, { base, wanted: [commit], create: true });
  const sending = transfer({
    from: { git: stuck, gitDir: join(project.path, ".git") },
    to: { git: local, gitDir: look.gitDir },
    look,
    refs: [{ name: MAIN, commit }],
    onProgress: () => abort.abort(),
    signal: abort.signal,
  });
  assert.equal((await refusalOf(sending)).code, "operation.aborted");
  assert.equal(attempts.length, 1);
});

test("what a killed transfer left is swept by the next, what another one is doing stays", async () => {
  using scratch = new Scratch();
  const project = scratch.repository("project");
  const base = join(scratch.path, "base.git");
  const sent = await send(project, base, { [MAIN]: project.git("rev-parse", "HEAD") });
  const objects = join(sent.base.path, "objects");
  const leave = (name: string, daysOld: number) => {
    const path = join(objects, name);
    mkdirSync(join(path, "pack"), { recursive: true });
    writeFileSync(join(path, "pack", "tmp_pack_x"), "half");
    const then = new Date(Date.now() - daysOld * 86_400_000);
    for (const at of ["pack/tmp_pack_x", "pack", ""]) utimesSync(join(path, at), then, then);
  };
  // More than the kernel gives out.
  const dead = 4_194_305;
  const namespace = readlinkSync("/proc/self/ns/pid").replace(/\D/g, "");
  const here = `${hostname().replace(/[^a-z0-9]/gi, "")}${namespace}`;
  leave(`tmp_objdir-berth-${dead}-${here}-a`, 0);
  leave(`tmp_objdir-berth-${dead}-elsewhere-b`, 3);
  const kept = [
    `tmp_objdir-berth-${dead}-elsewhere-c`,
    `tmp_objdir-berth-${process.pid}-${here}-d`,
    "tmp_objdir-incoming-e",
    "tmp_objdir-berth-words-f",
  ];
  for (const name of kept) leave(name, name.endsWith("e") ? 3 : 0);
  await send(project, base, { [MAIN]: project.commit("next") });
  const left = readdirSync(objects).filter((name) => name.startsWith("tmp_"));
  assert.deepEqual(new Set(left), new Set(kept));
});

test("what comes from a hostile place does no harm here", async () => {
  using scratch = new Scratch();
  const home = scratch.repository("home");
  const first = home.git("rev-parse", "HEAD");
  const place = new TestRepository(join(scratch.path, "place"));
  home.git("clone", "--quiet", ".", "../place");
  const homeGitDir = join(home.path, ".git");
  const bring = async (commit: string, from: GitPlace = local) => {
    const look = await lookAtBase(local, { base: homeGitDir, wanted: [commit], create: false });
    return transfer({
      from: { git: from, gitDir: join(place.path, ".git") },
      to: { git: local, gitDir: homeGitDir },
      look,
      refs: [{ name: "refs/berth/home/x", commit }],
      untrusted: true,
    });
  };
  const blob = place.git("hash-object", "-w", "README.md");
  const raw = (mode: string, name: string, object: string) =>
    Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(object, "hex")]);
  const gitmodules = (text: string) => {
    writeFileSync(join(scratch.path, "gm"), text);
    return place.git("hash-object", "-w", join(scratch.path, "gm"));
  };
  const trees = [
    raw("100644", ".git", blob),
    raw("100644", "..", blob),
    raw("100644", "a/b", blob),
    raw("100644", ".gitmodules", gitmodules('[submodule "../../x"]\n\tpath = x\n\turl = y\n')),
    raw("100644", ".gitmodules", gitmodules('[submodule "x"]\n\tpath = x\n\turl = -u./y\n')),
    raw("120000", ".gitmodules", blob),
  ];
  for (const entries of trees) {
    writeFileSync(join(scratch.path, "entries"), entries);
    const tree = place.git("hash-object", "-t", "tree", "-w", "--literally", join(scratch.path, "entries"));
    const commit = place.git("commit-tree", "-p", first, "-m", "x", tree);
    const refused = await refusalOf(bring(commit));
    assert.equal(refused.code, "workspace.git_failed", entries.toString("latin1"));
    assert.match(refused.message, /harm/);
    assert.throws(() => home.git("cat-file", "-e", commit));
  }

  const work = place.commit("work", { "w.txt": "w" });
  const answers: Record<string, string> = {
    nothing: "",
    words: "shallow --upload-pack=x\n\nPACK\0\0\0\u0002\0\0\0\u0001rest",
    "no pack": "\nPUCK00000000",
    "cut pack": "\nPACK\0\0\0\u0002\0\0\0\u0005garbage",
    "another pack": "\nPACK\0\0\0\u0002\0\0\0\0",
    "endless words": `shallow ${"1".repeat(5_000_000)}`,
  };
  for (const [name, answer] of Object.entries(answers)) {
    const lying: GitPlace = {
      ...local,
      async *stream() {
        yield Buffer.from(answer, "latin1");
      },
    };
    assert.equal((await refusalOf(bring(work, lying))).code, "workspace.git_failed", name);
    assert.throws(() => home.git("cat-file", "-e", work), name);
  }
  // A boundary that would hide the project's own history.
  const digging: GitPlace = {
    ...local,
    async *stream(argv, options) {
      yield Buffer.from(`shallow ${first}\n`);
      yield* local.stream(argv, options);
    },
  };
  await bring(work, digging);
  assert.equal(existsSync(join(homeGitDir, "shallow")), false);
  tidy(new TestRepository(homeGitDir));
});

test("old defects of a history are no harm", async () => {
  using scratch = new Scratch();
  const home = scratch.repository("home");
  home.git("clone", "--quiet", ".", "../place");
  const place = new TestRepository(join(scratch.path, "place"));
  const tree = place.git("rev-parse", "HEAD^{tree}");
  writeFileSync(
    join(scratch.path, "commit"),
    `tree ${tree}\nauthor dev <a@b> 0000000 +051800\ncommitter dev <a@b> 1 +0000\n\nold\n`,
  );
  const commit = place.git("hash-object", "-t", "commit", "-w", "--literally", join(scratch.path, "commit"));
  place.git("update-ref", "refs/heads/old", commit);
  const look = await lookAtBase(local, { base: join(home.path, ".git"), wanted: [commit], create: false });
  await transfer({
    from: { git: local, gitDir: join(place.path, ".git") },
    to: { git: local, gitDir: look.gitDir },
    look,
    refs: [{ name: "refs/berth/home/x", commit }],
    untrusted: true,
  });
  assert.equal(home.git("rev-parse", "refs/berth/home/x"), commit);
});
