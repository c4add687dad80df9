import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { requireOrSkip } from "../fixtures/install.ts";
import { waitFor } from "../fixtures/process.ts";
import { testRunner } from "../fixtures/runner.ts";
import { sshBench } from "../ssh/support.ts";
import { PLACES } from "./places.ts";
import { ask, commit, done, git, refused, sharedRunner, tokenFor } from "./work-desk.ts";

const shared = sharedRunner();

const COMMIT = "git -c user.name=dev -c user.email=dev@example.com commit -q";

for (const kind of PLACES) {
  test(`${kind.title}: the whole life of a workspace over the API`, async (t) => {
    await using stack = new AsyncDisposableStack();
    const made = await requireOrSkip(t, () => kind.make(stack));
    if (made === undefined) return;
    const { runner, runtime } = made;
    const project = runner.project();
    commit(project, { "a.txt": "a\n" });
    const at = (path: string) => `/v1/workspaces/fix${path}`;
    const verb = (name: string, body?: object) => ask(runner, "POST", at(`/${name}?wait_ms=60000`), body);
    const run = async (script: string, name = "fix") => {
      const answer = await ask(runner, "POST", `/v1/workspaces/${name}/exec`, { command: script });
      assert.deepEqual(
        [answer.status, answer.body.exit?.exit_code ?? answer.body.exit_code],
        [200, 0],
        JSON.stringify(answer.body),
      );
      return answer.body.stdout;
    };
    stack.defer(async () => {
      for (const name of ["fix", "fixed", "copy"]) {
        await ask(runner, "DELETE", `/v1/workspaces/${name}?wait_ms=60000&force=true`).catch(() => undefined);
      }
    });

    const created = await done(
      ask(runner, "POST", "/v1/workspaces?wait_ms=60000", {
        name: "fix",
        project,
        ...(runtime === undefined ? {} : { runtime: { ...runtime, env: { SECRET: "sesame" } } }),
      }),
    );
    const { id } = created.result.workspace;
    assert.equal(created.workspace, id);
    assert.equal((await ask(runner, "GET", at(""))).body.id, id);
    const bySlash = `/v1/workspaces/${encodeURIComponent("project/fix")}`;
    assert.equal((await ask(runner, "GET", bySlash)).body.id, id);
    const [project1] = (await ask(runner, "GET", "/v1/projects")).body.items;
    const byProject = await ask(runner, "GET", `/v1/workspaces?project=${project1.id}`);
    assert.deepEqual(
      byProject.body.items.map((one: { id: string }) => one.id),
      [id],
    );
    assert.deepEqual(
      (await ask(runner, "GET", "/v1/workspaces?project=%2F")).body.error?.code,
      "workspace.not_a_project",
    );

    // Its configuration: values are told to nobody, and stay when they come back masked.
    if (runtime !== undefined) {
      const { env } = (await ask(runner, "GET", at("/config"))).body;
      assert.notEqual(env.SECRET, "sesame");
      const patched = await ask(runner, "PATCH", at("/config"), { env: { ...env, MORE: "1" } });
      assert.equal(patched.status, 200, JSON.stringify(patched.body));
      assert.equal(await run('printf "%s %s" "$SECRET" "$MORE"'), "sesame 1");
    } else {
      assert.equal((await ask(runner, "PATCH", at("/config"), { env: { MORE: "1" } })).status, 200);
      assert.equal(await run('printf "%s" "$MORE"'), "1");
      await ask(runner, "PATCH", at("/config"), { env: null });
      assert.equal(await run('printf "%s" "$MORE"'), "");
    }
    await refused(ask(runner, "PATCH", at("/config"), { type: "local" }), 409, "workspace.config_immutable");
    await refused(ask(runner, "PATCH", at("/config"), { nonsense: 1 }), 400, "config.invalid");

    // Work in it, and the way home.
    await run(`echo b > b.txt; git add b.txt; ${COMMIT} -m b; echo c > c.txt`);
    const status = (await ask(runner, "GET", at("/status"))).body;
    assert.deepEqual([status.branch, status.untracked, status.ahead], ["fix", ["c.txt"], 1]);
    const diff = (await ask(runner, "GET", at("/diff?format=name-status"))).body;
    assert.deepEqual(diff.trim().split("\n").sort(), ["A\tb.txt", "A\tc.txt"]);
    assert.equal((await ask(runner, "GET", at("/diff?format=name-status&path=c.txt"))).body, "A\tc.txt\n");
    await refused(ask(runner, "GET", at("/diff?base=nowhere")), 400, "workspace.start_unknown");
    const { files, added } = (await ask(runner, "GET", at("/changes"))).body;
    const listed = files.map((file: { status: string; path: string }) => `${file.status} ${file.path}`);
    assert.deepEqual([listed, added], [["added b.txt", "untracked c.txt"], 2]);
    assert.equal((await ask(runner, "GET", at("/changes?base=head"))).body.files.length, 1);
    await refused(ask(runner, "GET", at("/changes?base=nowhere")), 400, "workspace.start_unknown");
    const pulled = (await done(verb("pull"))).result.transfer;
    assert.equal(git(project, "rev-parse", "refs/heads/fix"), pulled.to);
    assert.deepEqual((await done(verb("apply", { dry_run: true }))).result.files, ["c.txt"]);
    assert.equal(existsSync(join(project, "c.txt")), false);
    await done(verb("apply", {}));
    assert.equal(existsSync(join(project, "c.txt")), true);

    const forked = await done(verb("fork", { name: "copy" }));
    assert.equal(forked.result.workspace.forked_from, id);
    assert.equal(await run("cat c.txt", "copy"), "c\n");
    assert.equal((await done(verb("init"))).result.init.exit, null);
    const renamed = await done(verb("rename", { name: "fixed" }));
    assert.deepEqual([renamed.result.workspace.id, renamed.result.workspace.name], [id, "fixed"]);
    assert.equal(await run("cat c.txt", "fixed"), "c\n");
    await refused(ask(runner, "GET", at("")), 404, "workspace.unknown");

    const check = await ask(runner, "POST", "/v1/workspaces/fixed/check");
    assert.deepEqual([check.status, check.body.ok], [200, true], JSON.stringify(check.body));
    if (kind.title === "docker") {
      const stop = await done(ask(runner, "POST", "/v1/workspaces/fixed/stop?wait_ms=60000"));
      assert.equal(stop.result.workspace.state, "stopped");
      assert.equal((await ask(runner, "GET", "/v1/workspaces/fixed")).body.state, "stopped");
      const start = await done(ask(runner, "POST", "/v1/workspaces/fixed/start?wait_ms=60000"));
      assert.equal(start.result.workspace.state, "ready");
      assert.equal(await run("cat c.txt", "fixed"), "c\n");
    }
    for (const name of ["copy", "fixed"]) {
      await done(ask(runner, "DELETE", `/v1/workspaces/${name}?wait_ms=60000&force=true`));
    }
    assert.deepEqual((await ask(runner, "GET", "/v1/workspaces")).body.items, []);
    const { items } = (await ask(runner, "GET", `/v1/events?workspace=${id}&limit=1000`)).body;
    const types = new Set(items.map(({ type }: { type: string }) => type));
    for (const type of [
      "workspace.created",
      "place.connected",
      "workspace.configured",
      "workspace.deleted",
    ]) {
      assert.ok(types.has(type), `${type} is no event: ${[...types]}`);
    }
    assert.ok(!JSON.stringify(items).includes("sesame"));
  });
}

test("a host that is away is told at once, holds up nobody, and is found again", async (t) => {
  await using stack = new AsyncDisposableStack();
  const host = await requireOrSkip(t, async () => stack.use(await sshBench()));
  if (host === undefined) return;
  const { stateDirectory, server } = host;
  const runner = stack.use(await testRunner({ inProcess: true, stateDirectory }));
  const { id } = await runner.workspace({ name: "far", runtime: host.config() });
  await runner.workspace({ name: "near" });
  const stat = (name: string) => ask(runner, "GET", `/v1/workspaces/${name}/files/stat?path=.`);
  assert.equal((await stat("far")).status, 200);
  await server.stop();
  await server.dropSessions();
  const failed = await waitFor("a refusal during the backoff", async () => {
    const { body } = await stat("far");
    return typeof body.error?.context?.retryInMs === "number" && body.error;
  });
  assert.equal(failed.retryable, true);
  assert.match(failed.hint, /next attempt/);
  assert.equal((await stat("near")).status, 200);
  await server.start();
  // Who does not want to wait for the next attempt asks for a check.
  await waitFor("a check that succeeds", async () => {
    const { body } = await ask(runner, "POST", "/v1/workspaces/far/check");
    return body.ok === true;
  });
  assert.equal((await stat("far")).status, 200);
  const types = await waitFor("the events of the place", async () => {
    const { items } = (await ask(runner, "GET", `/v1/events?type=place&workspace=${id}`)).body;
    const told = items.map(({ type }: { type: string }) => type.slice("place.".length));
    return told.at(-1) === "connected" && told.length >= 4 && told;
  });
  assert.deepEqual(types, ["connected", "lost", "down", "connected"]);
});

test("what the command line does to a workspace that is open here is known at once", async () => {
  const runner = shared();
  const one = await runner.workspace({ name: "one" });
  const two = await runner.workspace({ name: "two" });
  const greeting = async () =>
    (await ask(runner, "POST", "/v1/workspaces/one/exec", { command: "echo $GREETING" })).body.stdout;
  assert.equal(await greeting(), "\n");
  await runner.workspaces.setConfig(one.id, { env: { GREETING: "hello" } });
  assert.equal(await greeting(), "hello\n");
  await runner.workspaces.rename(one.id, "uno");
  const moved = await ask(runner, "POST", "/v1/workspaces/uno/exec", { command: "basename $PWD" });
  assert.equal(moved.body.stdout, "uno\n");
  assert.equal((await ask(runner, "GET", `/v1/workspaces/${two.id}/files/stat?path=.`)).status, 200);
  // Deleted by the command line while the runner has it open.
  await runner.workspaces.delete(two.id, { force: true });
  await refused(ask(runner, "GET", `/v1/workspaces/${two.id}/files/stat?path=.`), 404, "workspace.unknown");
});

test("runtimes are listed and checked, projects trusted by who may", async () => {
  const runner = shared();
  const { items } = (await ask(runner, "GET", "/v1/runtimes")).body;
  assert.deepEqual(items.map(({ type }: { type: string }) => type).slice(0, 2), ["local", "worktree"]);
  const check = (runtime: unknown, more: object = {}) =>
    ask(runner, "POST", "/v1/runtimes/check", { runtime, ...more });
  assert.equal((await check("local:")).body.ok, true);
  const failed = (await check({ type: "ssh", host: "127.0.0.1", port: 1 })).body;
  assert.equal(failed.ok, false);
  const step = failed.steps.at(-1);
  assert.deepEqual([step.ok, typeof step.code, step.hint === ""], [false, "string", false]);
  assert.equal((await check({ type: "nonsense" })).body.ok, false);
  // Names are those of the project that is named.
  const project = runner.project();
  writeFileSync(join(project, "berth.yaml"), "runtimes:\n  here:\n    type: local\n");
  assert.equal((await check("here")).body.ok, false);
  assert.equal((await check("here", { project })).body.ok, true);

  const path = `/v1/projects/${encodeURIComponent(project)}/trust`;
  const operate = await tokenFor(runner, "ci", "operate");
  await refused(ask(runner, "PUT", path, { trusted: true }, { token: operate }), 403, "auth.forbidden");
  const trusted = (await ask(runner, "PUT", path, { trusted: true })).body;
  assert.equal(trusted.trusted, true);
  assert.equal(
    (await ask(runner, "PUT", `/v1/projects/${trusted.id}/trust`, { trusted: false })).body.trusted,
    false,
  );
  await refused(
    ask(runner, "PUT", "/v1/projects/nobody/trust", { trusted: true }),
    400,
    "workspace.not_a_project",
  );
  assert.equal((await ask(runner, "GET", "/v1/projects?limit=1")).body.items.length, 1);
  await refused(ask(runner, "GET", "/v1/projects?cursor=x"), 400, "request.invalid");
});

test("an overview tells when something last happened, and a limited token of its own workspaces alone", async () => {
  const runner = shared();
  const [own, other] = [await runner.workspace({ name: "own" }), await runner.workspace({ name: "other" })];
  const overview = async (token?: string) =>
    (await ask(runner, "GET", "/v1/overview", undefined, token === undefined ? {} : { token })).body;
  const places = new Map<string, { last_event_at: string }>();
  for (const place of (await overview()).places) places.set(place.workspace, place);
  for (const { id } of [own, other]) {
    const path = `/v1/events?workspace=${id}&order=newest&limit=1`;
    const [last] = (await ask(runner, "GET", path)).body.items;
    assert.equal(places.get(id)?.last_event_at, last.time);
  }
  const seen = await overview(await tokenFor(runner, "limited", "read", [own.id]));
  assert.deepEqual(
    seen.places.map(({ workspace }: { workspace: string }) => workspace),
    [own.id],
  );
  assert.deepEqual(seen.workspaces, { [seen.places[0].workspace_state]: 1 });
  assert.ok(!JSON.stringify(seen).includes(other.id));
});
