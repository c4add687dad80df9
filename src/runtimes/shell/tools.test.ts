import assert from "node:assert/strict";
import { after, test } from "node:test";
import { PLACES, placeMissing, removeApplets, testPlace } from "./testing.ts";
import { parseProbe } from "./tools.ts";

after(removeApplets);

test("what start-up files print is left out, and what is missing is the least that works", () => {
  const tools = parseProbe("Welcome to host = 7!\nos=Linux\nstat=gnu\nlauncher=rocket\ntar=gnu\n");
  assert.equal(tools.os, "Linux");
  assert.equal(tools.stat, "gnu");
  assert.equal(tools.launcher, "none");
  assert.equal(tools.tar, "gnu");
  assert.equal(tools.home, "/");
  assert.equal(parseProbe("").stat, "ls");
});

for (const name of PLACES) {
  test(`${name}: check says what is there and asks the place twice`, {
    skip: placeMissing(name),
  }, async () => {
    await using place = await testPlace(name);
    const seen: string[] = [];
    const report = await place.runtime.check({ onStep: (step) => seen.push(step.name) });
    assert.equal(report.ok, true);
    assert.deepEqual(seen, ["shell", "workdir", ...(name === "sftp" ? ["files"] : [])]);
    assert.match(report.steps[0]!.detail, /on Linux .* no daemon/);
    assert.equal(/tar/.test(report.steps[0]!.hint ?? ""), name === "bare");
    assert.equal(place.runs.length, 2);
  });
}

test("check names the step that fails, and what to do", async () => {
  await using place = await testPlace("dash", { workdir: "/no/such/directory" });
  const report = await place.runtime.check();
  assert.equal(report.ok, false);
  assert.equal(report.steps.at(-1)!.code, "process.cwd_not_found");
  await using broken = await testPlace("dash", { shell: "/bin/false" });
  const failed = await broken.runtime.check();
  assert.equal(failed.steps[0]!.code, "provision.probe_failed");
  assert.match(failed.steps[0]!.hint ?? "", /\/bin\/sh/);
});
