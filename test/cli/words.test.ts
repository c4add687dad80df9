import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { Command } from "commander";
import { buildProgram } from "../../src/cli/main.ts";
import { BERTH, desk } from "./berth.ts";

test("a wrong word gets a suggestion and changes nothing", async () => {
  await using at = await desk();
  const command = await at.run(["exce", "--", "true"]);
  assert.match(command.stderr, /unknown command 'exce'\n\(Did you mean exec\?\)/);
  assert.equal(command.code, 125);
  const option = await at.run(["exec", "--timeuot", "1s", "--", "true"]);
  assert.match(option.stderr, /unknown option '--timeuot'\n\(Did you mean --timeout\?\)/);
  await writeFile(join(at.directory, "berth.yaml"), "runtimes:\n  devbox: local:/tmp\n");
  const runtime = await at.run(["exec", "-r", "devbx", "--", "true"]);
  assert.match(runtime.stderr, /devbox/);
  assert.equal(runtime.code, 125);
});

test("durations need a unit, signals and ports are checked, before anything happens", async () => {
  await using at = await desk();
  assert.match((await at.run(["exec", "--timeout", "5", "--", "true"])).stderr, /500ms, 1s, 2m/);
  assert.match((await at.run(["kill", "-s", "SEGV", "x"])).stderr, /HUP INT QUIT/);
  assert.match((await at.run(["forward", "99999"])).stderr, /"99999" is not a port/);
  assert.match(
    (await at.run(["cp", "a", "b"])).stderr,
    /one side has to be in the place, the other here \[cli\.usage\]/,
  );
  assert.match(
    (await at.run(["exec", "-r", "local:", "--mount", "/a:/b", "--", "true"])).stderr,
    /only a container made from an image takes mounts/,
  );
  assert.match((await at.run(["exec", "-r", "docker:web", "--", "true"])).stderr, /two slashes are missing/);
});

test("berth.yaml names runtimes; a mistake in it is named with its line", async () => {
  await using at = await desk();
  const file = join(at.directory, "berth.yaml");
  await writeFile(file, "default: here\nruntimes:\n  here:\n    type: local\n    workdir: /usr\n");
  assert.equal((await at.run(["exec", "--", "pwd"])).stdout.toString(), "/usr\n");
  const listed = JSON.parse((await at.run(["runtimes", "--json"])).stdout.toString());
  assert.deepEqual(listed.runtimes, [
    { name: "here", default: true, config: { type: "local", workdir: "/usr" } },
  ]);
  await writeFile(file, "runtimes:\n  here:\n    type: local\n    workdri: /usr\n");
  const wrong = await at.run(["exec", "--", "pwd"]);
  assert.match(wrong.stderr, /berth\.yaml:4/);
  assert.match(wrong.stderr, /workdri/);
});

test("completion: commands, options, values; the scripts are valid for their shells", async () => {
  await using at = await desk();
  const complete = async (...words: string[]) =>
    (await at.run(["__complete", "--", ...words])).stdout.toString().split("\n").filter(Boolean);
  assert.deepEqual(await complete("ex"), ["exec"]);
  assert.ok((await complete("exec", "--ti")).includes("--timeout"));
  await writeFile(join(at.directory, "berth.yaml"), "runtimes:\n  devbox: local:/tmp\n");
  assert.deepEqual(await complete("exec", "-r", "dev"), ["devbox"]);
  assert.deepEqual(await complete("exec", "--", "any"), []);
  const script = execFileSync(process.execPath, [BERTH, "completion", "bash"]);
  execFileSync("bash", ["-n"], { input: script });
});

test("doctor and check say what is there, as text and as JSON", async () => {
  await using at = await desk();
  const doctor = JSON.parse((await at.run(["doctor", "--json"])).stdout.toString());
  assert.equal(doctor.findings[0].name, "berth");
  const check = JSON.parse((await at.run(["check", "--json"])).stdout.toString());
  assert.equal(check.ok, true);
  assert.ok(check.steps.length >= 3);
  const failed = await at.run(["check", "-r", "docker://no-such-container-here"]);
  assert.equal(failed.code, 1);
  assert.match(failed.stdout.toString(), /FAIL {2}open .*\[docker\./);
});

test("files go there and back, into an existing directory as with cp -r", async () => {
  await using at = await desk();
  await writeFile(join(at.directory, "a b.txt"), "content");
  await at.run(["exec", "--", "mkdir", "-p", `${at.directory}/there`]);
  assert.equal((await at.run(["cp", "a b.txt", `:${at.directory}/there`])).code, 0);
  assert.equal((await at.run(["cp", `:${at.directory}/there`, "back"])).code, 0);
  assert.equal((await at.run(["exec", "--", "cat", "back/a b.txt"])).stdout.toString(), "content");
  const missing = await at.run(["cp", ":/no/such/file", "."]);
  assert.match(missing.stderr, /\[ENOENT\]/);
});

test("every word that works in a runtime works in a workspace, by the same option everywhere", async () => {
  const words = (command: Command): Command[] => [command, ...command.commands.flatMap(words)];
  const all = words(await buildProgram()).filter(({ options }) =>
    options.some(({ long }) => long === "--runtime"),
  );
  const making = ["create", "fork"];
  const without = all.filter(({ options }) => !options.some(({ long }) => long === "--workspace"));
  assert.deepEqual(
    without.map((command) => command.name()),
    making,
  );
  assert.ok(all.length - making.length >= 10);
});
