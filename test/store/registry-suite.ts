import assert from "node:assert/strict";
import { cp, mkdir, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { WORKSPACE_ID } from "../../src/contract/config-fields.ts";
import { isBerthError } from "../../src/contract/errors.ts";
import type { InitResult, StoredRuntimeConfig, Workspace } from "../../src/contract/workspace.ts";
import { type OpenRegistryOptions, openRegistry } from "../../src/workspaces/registry/open.ts";
import type { Registry, Reservation } from "../../src/workspaces/registry/registry.ts";
import { scratchDirectory } from "../fixtures/disk.ts";

/** Gives each test a database of its own; undefined: the test is skipped. */
export type Database = (t: {
  name: string;
  skip(reason?: string): void;
}) => Promise<OpenRegistryOptions | undefined>;

interface Bench extends AsyncDisposable {
  readonly directory: string;
  readonly registry: Registry;
  /** A second one of the same state directory and database, as another program has. */
  readonly other: Registry;
  /** Makes a directory that stands for a repository. */
  repository(name: string): Promise<{ gitDir: string; path: string; name: string }>;
}

async function bench(options: OpenRegistryOptions): Promise<Bench> {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(await scratchDirectory()).path;
  const state = join(directory, "state");
  const registry = stack.use(await openRegistry(state, options));
  const other = stack.use(await openRegistry(state, options));
  const owned = stack.move();
  return {
    directory,
    registry,
    other,
    async repository(name) {
      const path = join(directory, name);
      await mkdir(join(path, ".git"), { recursive: true });
      return { gitDir: join(path, ".git"), path, name };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const RUNTIME: StoredRuntimeConfig = { type: "worktree" };

async function reserve(
  registry: Registry,
  wanted: Partial<Reservation> & Pick<Reservation, "name" | "projectId">,
) {
  const id = wanted.id ?? registry.newWorkspaceId();
  await using operation = await registry.operation(id, "create");
  const rest = {
    branch: wanted.name,
    startCommit: null,
    runtime: RUNTIME,
    ownsCheckout: true,
    ownsBranch: true,
  };
  return await registry.reserve({ ...rest, ...wanted, id }, operation);
}

/** What the registry promises, whatever the database. */
export function registrySuite(engine: string, database: Database): void {
  const suite = (name: string, body: (bench: Bench) => Promise<void>) =>
    test(`${engine}: ${name}`, async (t) => {
      const options = await database(t);
      if (options === undefined) return;
      await using made = await bench(options);
      await body(made);
    });

  suite("a project is its common directory, the same for everybody", async ({
    registry,
    other,
    repository,
  }) => {
    const found = await repository("shop");
    const [one, two] = await Promise.all([registry.ensureProject(found), other.ensureProject(found)]);
    assert.equal(one.id, two.id);
    assert.match(one.id, /^[0-9a-f]{12}$/);
    const { path, gitDir } = found;
    assert.deepEqual(await registry.project(one.id), {
      id: one.id,
      name: "shop",
      path,
      gitDir,
      trusted: false,
    });
    assert.equal((await registry.ensureProject(await repository("other"))).id === one.id, false);
    assert.deepEqual(
      (await registry.projects()).map(({ name }) => name),
      ["other", "shop"],
    );
    assert.equal(await registry.project("000000000000"), undefined);
  });

  suite("a repository that is moved is the same project, with its trust", async (made) => {
    const { registry, directory, repository } = made;
    const found = await repository("shop");
    const before = await registry.ensureProject(found);
    await registry.setTrusted(before.id, true);
    const workspace = await reserve(registry, { name: "fix", projectId: before.id });
    const path = join(directory, "elsewhere", "store");
    await mkdir(join(directory, "elsewhere"));
    await rename(found.path, path);
    const gitDir = join(path, ".git");
    const moved = await registry.ensureProject({ gitDir, path, name: "store" });
    // The name stays: directories in the places are called after it.
    assert.deepEqual(moved, {
      id: before.id,
      name: "shop",
      path,
      gitDir,
      trusted: true,
      movedFrom: found.gitDir,
    });
    assert.equal((await registry.get(workspace.id))?.project.path, path);
    assert.equal((await registry.ensureProject({ gitDir, path, name: "store" })).movedFrom, undefined);
    const next = await registry.ensureProject(await repository("shop"));
    assert.notEqual(next.id, before.id, "what is made where it was is another project");
    assert.equal(next.trusted, false);
  });

  suite("a copy of a repository, and another way to it, is another project", async (made) => {
    const { registry, directory, repository } = made;
    const found = await repository("shop");
    const { id } = await registry.ensureProject(found);
    await registry.setTrusted(id, true);
    const copy = join(directory, "copy");
    await cp(found.path, copy, { recursive: true, preserveTimestamps: true });
    const link = join(directory, "link");
    await symlink(found.path, link);
    for (const path of [copy, link]) {
      const second = await registry.ensureProject({ gitDir: join(path, ".git"), path, name: "copy" });
      assert.notEqual(second.id, id);
      assert.equal(second.trusted, false);
      assert.equal(second.movedFrom, undefined);
    }
    await rm(found.path, { recursive: true });
    const again = await registry.ensureProject(await repository("shop"));
    assert.equal(again.id, id, "a repository that is cloned again to the same place is the same project");
  });

  suite("trust is given and taken", async ({ registry, other, repository }) => {
    const { id } = await registry.ensureProject(await repository("shop"));
    assert.equal((await registry.setTrusted(id, true)).trusted, true);
    assert.equal((await other.project(id))?.trusted, true);
    assert.equal((await other.setTrusted(id, false)).trusted, false);
    await assert.rejects(registry.setTrusted("000000000000", true), /no project 000000000000/);
  });

  suite("a workspace is what was reserved, and what was changed of it since", async (made) => {
    const { registry, other, repository } = made;
    const project = await registry.ensureProject(await repository("shop"));
    const id = registry.newWorkspaceId();
    assert.match(id, WORKSPACE_ID);
    const wanted = {
      id,
      name: "fix-Login",
      projectId: project.id,
      branch: "ann/fix-$(login)-ü",
      forkedFrom: "w0",
    };
    const reserved = await reserve(registry, { ...wanted, startCommit: "a".repeat(40), ownsBranch: false });
    const { createdAt, updatedAt, operation, ...rest } = reserved;
    assert.equal(operation?.kind, "create");
    assert.equal(createdAt, updatedAt);
    assert.equal(new Date(createdAt).toISOString(), createdAt);
    const { gitDir: _, ...shown } = project;
    assert.deepEqual(rest, {
      id,
      name: "fix-Login",
      project: shown,
      branch: "ann/fix-$(login)-ü",
      startCommit: "a".repeat(40),
      state: "creating",
      runtime: RUNTIME,
      place: undefined,
      ownsCheckout: true,
      ownsBranch: false,
      init: undefined,
      forkedFrom: "w0",
    });
    const place = { path: "/srv/berth/shop/fix", base: null, container: "c" };
    const init: InitResult = {
      startedAt: createdAt,
      endedAt: createdAt,
      exit: { exitCode: 1, signal: null, timedOut: false, durationMs: 5 },
      output: "no\0 such \ud800",
    };
    const changed = await other.update(id, { state: "init_failed", place, ownsBranch: true });
    assert.deepEqual([changed.place, changed.state, changed.ownsBranch], [place, "init_failed", true]);
    assert.equal(changed.branch, wanted.branch);
    await other.update(id, { init, startCommit: null, place: undefined });
    const seen = await registry.get(id);
    assert.deepEqual([seen?.init, seen?.startCommit, seen?.place], [init, null, undefined]);
    await assert.rejects(registry.update("w0000000000", {}), (error) =>
      isBerthError(error, "workspace.unknown"),
    );
  });

  suite("a name is taken in its project, whatever its case, and free elsewhere and afterwards", async (made) => {
    const { registry, other, repository } = made;
    const shop = await registry.ensureProject(await repository("shop"));
    const blog = await registry.ensureProject(await repository("blog"));
    const first = await reserve(registry, { name: "fix", projectId: shop.id });
    const taken = (error: unknown) => isBerthError(error, "workspace.name_taken");
    await assert.rejects(reserve(other, { name: "FIX", projectId: shop.id }), taken);
    await reserve(other, { name: "fix", projectId: blog.id });
    const second = await reserve(other, { name: "fix-2", projectId: shop.id });
    await assert.rejects(other.update(second.id, { name: "Fix", state: "ready" }), taken);
    assert.equal((await other.get(second.id))?.state, "creating", "nothing of a refused change is done");
    assert.equal((await registry.update(first.id, { name: "Fix" })).name, "Fix");
    await registry.remove(first.id);
    assert.equal((await other.update(second.id, { name: "fix" })).name, "fix");
  });

  suite("of ten who want a name at once one gets it", async ({ registry, other, repository }) => {
    const { id: projectId } = await registry.ensureProject(await repository("shop"));
    const attempts = await Promise.allSettled(
      Array.from({ length: 10 }, (_, at) =>
        reserve(at % 2 === 0 ? registry : other, { name: at < 5 ? "fix" : "FIX", projectId }),
      ),
    );
    const refused = attempts.filter((attempt) => attempt.status === "rejected");
    assert.equal(refused.length, 9);
    for (const { reason } of refused) assert.ok(isBerthError(reason, "workspace.name_taken"), String(reason));
    assert.equal((await registry.list()).length, 1);
  });

  suite("a selector is a name here, PROJECT/NAME, a name that only one project has, or an id", async (made) => {
    const { registry, repository } = made;
    const shop = await registry.ensureProject(await repository("shop"));
    const blog = await registry.ensureProject(await repository("blog"));
    const fix = await reserve(registry, { name: "fix-login", projectId: shop.id });
    const same = await reserve(registry, { name: "Fix-Login", projectId: blog.id });
    const only = await reserve(registry, { name: "only", projectId: blog.id });
    // Its name is the id of another one: what stands here is nearer.
    const tricky = await reserve(registry, { name: only.id, projectId: shop.id });
    const find = async (selector: string, projectId?: string) =>
      (await registry.find(selector, { projectId })).id;
    assert.equal(await find("FIX-login", shop.id), fix.id);
    assert.equal(await find("fix-login", blog.id), same.id);
    assert.equal(await find("Blog/fix-login", shop.id), same.id);
    assert.equal(await find("only", shop.id), only.id);
    assert.equal(await find("only"), only.id);
    assert.equal(await find(fix.id), fix.id);
    assert.equal(await find(only.id), tricky.id);
    await assert.rejects(registry.find("fix-login"), (error) => {
      assert.ok(isBerthError(error, "workspace.ambiguous"));
      assert.match(
        error.message,
        new RegExp(`blog/Fix-Login \\(${same.id}\\) or shop/fix-login \\(${fix.id}\\)`),
      );
      assert.equal((error.context.candidates as string[]).length, 2);
      return true;
    });
    await assert.rejects(registry.find("fix-logni", { projectId: shop.id }), (error) => {
      assert.ok(isBerthError(error, "workspace.unknown"));
      assert.match(error.hint, /Did you mean (shop\/)?[Ff]ix-[Ll]ogin\?/);
      return true;
    });
    await assert.rejects(registry.find("nothing-like-it"), (error) =>
      isBerthError(error, "workspace.unknown"),
    );
    assert.deepEqual(
      (await registry.list()).map((workspace) => `${workspace.project.name}/${workspace.name}`),
      ["blog/Fix-Login", "blog/only", "shop/fix-login", `shop/${only.id}`],
    );
    assert.deepEqual(
      (await registry.list({ projectId: blog.id })).map(({ id }) => id),
      [same.id, only.id],
    );
  });

  suite("a configuration of a type that nobody knows yet is kept as it is", async ({
    registry,
    other,
    repository,
  }) => {
    const { id: projectId } = await registry.ensureProject(await repository("shop"));
    const runtime = JSON.parse(
      '{"type":"moonbase","__proto__":{"a":1},"z":[1.5,null,{"deep":["\\u0000é"]}],"a":"","2":true,"1":false}',
    ) as StoredRuntimeConfig;
    const { id } = await reserve(registry, { name: "far", projectId, runtime });
    await other.update(id, { state: "ready", branch: "other" });
    const kept = (await other.get(id)) as Workspace;
    assert.equal(JSON.stringify(kept.runtime), JSON.stringify(runtime));
    assert.deepEqual(kept.runtime, runtime);
  });

  suite("one works on a workspace at a time, and who asks is told who", async ({
    registry,
    other,
    repository,
  }) => {
    const { id: projectId } = await registry.ensureProject(await repository("shop"));
    const { id } = await reserve(registry, { name: "fix", projectId });
    const operation = await registry.operation(id, "init");
    assert.equal(operation.interrupted, undefined);
    const busy = (error: unknown) => {
      assert.ok(isBerthError(error, "workspace.busy"), String(error));
      assert.equal(error.message, `another Berth (process ${process.pid}) is working on fix now: init`);
      assert.deepEqual([error.context.pid, error.context.operation], [process.pid, "init"]);
      return true;
    };
    await assert.rejects(other.operation(id, "delete"), busy);
    await assert.rejects(registry.operation(id, "delete"), busy, "the same program, too");
    await assert.rejects(other.operation(id, "delete", { waitMs: 30 }), busy);
    const { startedAt } = operation;
    const seen = { kind: "init", startedAt, pid: process.pid, alive: true };
    assert.deepEqual((await other.get(id))?.operation, seen);
    assert.equal(await other.whenFree(id, { timeoutMs: 30 }), false);
    const told: unknown[] = [];
    const waiting = other.operation(id, "delete", { waitMs: 20_000, onWait: (holder) => told.push(holder) });
    const free = other.whenFree(id);
    await new Promise<void>((resolve) => {
      const look = () => (told.length > 0 ? resolve() : setTimeout(look, 5));
      look();
    });
    assert.deepEqual(told, [seen]);
    await operation[Symbol.asyncDispose]();
    const next = await waiting;
    assert.deepEqual([next.kind, next.interrupted], ["delete", undefined]);
    await operation[Symbol.asyncDispose]();
    assert.equal(
      (await registry.get(id))?.operation?.kind,
      "delete",
      "ending one twice does not end the next",
    );
    await next[Symbol.asyncDispose]();
    assert.equal(await free, true);
    assert.equal((await registry.get(id))?.operation, undefined);
  });

  suite("waiting for a workspace or a lock ends with the caller's signal", async ({ registry, other }) => {
    const id = registry.newWorkspaceId();
    await using _operation = await registry.operation(id, "create");
    await using _lock = await registry.lock("base of shop in box");
    for (const wait of [
      (signal: AbortSignal) => other.operation(id, "create", { signal, waitMs: 60_000 }),
      (signal: AbortSignal) => other.lock("base of shop in box", { signal, waitMs: 60_000 }),
      (signal: AbortSignal) => other.whenFree(id, { signal }),
    ]) {
      const controller = new AbortController();
      const waiting = wait(controller.signal);
      controller.abort();
      await assert.rejects(waiting, (error) => isBerthError(error, "operation.aborted"));
    }
  });

  suite("a lock of any name excludes that name only", async ({ registry, other }) => {
    const name = "base of ../../etc/passwd\n$(x) ü";
    const lock = await registry.lock(name);
    await assert.rejects(other.lock(name), (error) => isBerthError(error, "workspace.busy"));
    await using _another = await other.lock(`${name}2`);
    const waiting = other.lock(name, { waitMs: 20_000 });
    await lock[Symbol.asyncDispose]();
    await (await waiting)[Symbol.asyncDispose]();
  });

  suite("the journal knows what was to be made and what was made, beyond the workspace's end", async (made) => {
    const { registry, other, repository } = made;
    const { id: projectId } = await registry.ensureProject(await repository("shop"));
    const { id } = await reserve(registry, { name: "fix", projectId });
    const journal = registry.journal(id);
    const [branch, container] = await journal.plan(
      { kind: "branch", name: "fix" },
      { kind: "container", name: "berth-shop-fix", labels: { "berth.workspace": id } },
    );
    assert.ok(branch !== undefined && container !== undefined);
    await journal.done(branch);
    await other.journal("w0000000000").forget(container);
    assert.deepEqual(await other.journal(id).entries(), [
      { ...branch, state: "done" },
      { ...container, state: "planned" },
    ]);
    assert.deepEqual(container.item, {
      kind: "container",
      name: "berth-shop-fix",
      labels: { "berth.workspace": id },
    });
    await registry.remove(id);
    await journal.forget(branch);
    assert.deepEqual(await other.journaled(), [id]);
    await journal.forget(container);
    await journal.forget();
    await journal.done();
    assert.deepEqual(await journal.plan(), []);
    assert.deepEqual(await other.journaled(), []);
  });

  suite("history is told in order, and after the workspace is gone", async ({
    registry,
    other,
    repository,
  }) => {
    const { id: projectId } = await registry.ensureProject(await repository("shop"));
    const { id } = await reserve(registry, { name: "fix", projectId });
    await registry.record(id, {
      type: "workspace.created",
      message: "made",
      data: { bytes: 5, list: ["ü"] },
    });
    for (let count = 0; count < 5; count++) {
      await (count % 2 === 0 ? registry : other).record(id, {
        type: "workspace.tick",
        message: String(count),
      });
    }
    await registry.record("w0000000000", { type: "workspace.other", message: "of another one" });
    await registry.remove(id);
    await registry.sweep();
    const history = await other.history(id);
    assert.deepEqual(
      history.map(({ message }) => message),
      ["made", "0", "1", "2", "3", "4"],
    );
    const { at, ...event } = history[0] ?? assert.fail();
    assert.equal(new Date(at).toISOString(), at);
    assert.deepEqual(event, {
      workspaceId: id,
      type: "workspace.created",
      message: "made",
      data: { bytes: 5, list: ["ü"] },
    });
  });
}
