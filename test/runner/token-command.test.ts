import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { run } from "../fixtures/process.ts";
import { testRunner } from "../fixtures/runner.ts";

const BERTH = join(import.meta.dirname, "../fixtures/berth-source.ts");

test("berth token and berth preview, by a runner, without one, and by a token of little scope", async () => {
  await using runner = await testRunner({ inProcess: true });
  const workspace = await runner.workspace({ name: "fix-login" });
  const cwd = runner.project();
  const environment = { ...process.env, BERTH_HOME: runner.stateDirectory, NO_COLOR: "1" };
  const berth = async (args: string[], more: NodeJS.ProcessEnv = {}) => {
    const ran = await run([process.execPath, BERTH, ...args], {
      env: { ...environment, ...more },
      cwd,
      deadlineMs: 60_000,
    });
    return { code: ran.exitCode, stdout: ran.stdout.toString(), stderr: ran.stderr.toString() };
  };
  const made = await berth([
    "token",
    "create",
    "ci",
    "--scope",
    "operate",
    "-w",
    "fix-login",
    "--expires",
    "1h",
  ]);
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stdout, /^berth_[0-9A-Za-z]{57}\n$/);
  const secret = made.stdout.trim();
  assert.ok(!made.stderr.includes(secret));
  const listed = await berth(["token", "list"]);
  assert.match(listed.stdout, new RegExp(`^ci +operate +${workspace.id} +\\d{4}-`, "m"));
  assert.ok(!listed.stdout.includes(secret.slice(14)));
  const elsewhere = { BERTH_RUNNER: runner.url, BERTH_RUNNER_TOKEN: secret };
  const forbidden = await berth(["token", "list"], elsewhere);
  assert.deepEqual([forbidden.code, /auth\.forbidden/.test(forbidden.stderr)], [125, true]);
  const preview = await berth(["preview", "fix-login", "3000", "--path", "/app"], elsewhere);
  assert.match(
    preview.stdout,
    /^http:\/\/3000-fix-login\.localhost:\d+\/\.well-known\/berth\/open\?code=\S+\n$/,
  );
  // What the file and the database say, the runner that runs does.
  assert.equal((await berth(["token", "revoke", "ci", "--no-runner"])).code, 0);
  assert.match((await berth(["preview", "fix-login", "3000"], elsewhere)).stderr, /auth\.invalid/);
  assert.equal(
    (await berth(["token", "revoke", "local"])).stdout,
    "The token of this state directory was made anew.\n",
  );
  assert.match((await berth(["token", "revoke", "ci"])).stderr, /token\.unknown/);
  await runner.stop();
  assert.equal((await berth(["token", "create", "later", "--scope", "read"])).code, 0);
  const json = JSON.parse((await berth(["token", "list", "--json"])).stdout) as { name: string }[];
  assert.deepEqual(
    json.map(({ name }) => name),
    ["local", "later"],
  );
  assert.match((await berth(["preview", "fix-login", "3000"])).stderr, /runner\.unreachable/);
  for (const wrong of [
    ["token", "create", "x\u001b[2J", "--scope", "read"],
    ["token", "create", "x", "--scope", "root"],
    ["token", "create", "x", "--scope", "read", "--expires", "10ms"],
  ]) {
    assert.equal((await berth(wrong)).code, 125, wrong.join(" "));
  }
  await runner.restart();
});
