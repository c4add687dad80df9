import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { accessible, fitsNarrow, inPlace, pageTests, shown } from "./page.ts";
import { screenshot } from "./screenshots.ts";

const pageTest = pageTests();

pageTest(
  "settings: a value is kept, replaced or removed without being shown; wrong names are marked",
  async (at) => {
    const { id } = await at.runner.workspace({
      name: "with-env",
      project: at.project,
      runtime: { type: "worktree", env: { KEPT: "first-secret", OLD: "second-secret" } },
    });
    const one = await at.signedIn(`/w/${id}/settings`);
    const { page } = one;
    await shown(page.getByRole("group", { name: "KEPT" }).getByText("value not shown"));
    assert.equal((await page.content()).includes("first-secret"), false);
    await page.getByRole("group", { name: "OLD" }).getByRole("button", { name: "Remove OLD" }).click();
    await page.getByRole("button", { name: "Add a variable" }).click();
    await page.keyboard.type("1ST");
    const name = page.getByRole("group", { name: "1ST" }).getByRole("textbox", { name: "Name" });
    await shown(page.getByText("has to be letters, digits and _, not starting with a digit"));
    const save = page.getByRole("button", { name: "Save" });
    assert.equal(await save.isDisabled(), true);
    await accessible(one);
    await name.fill("FRESH");
    await page.getByRole("group", { name: "FRESH" }).getByRole("textbox", { name: "Value" }).fill("third");
    await screenshot(page, "settings");
    await fitsNarrow(page);
    await save.click();
    await shown(page.getByText("The settings are saved"));
    assert.equal(await inPlace(at, id, 'echo "$KEPT $OLD $FRESH"'), "first-secret  third\n");
  },
);

pageTest(
  "settings that are not saved are not left by accident; what others change meanwhile is told",
  async (at) => {
    const { id } = await at.runner.workspace({ name: "guarded", project: at.project });
    const one = await at.signedIn();
    const { page } = one;
    await page.getByRole("link", { name: "guarded", exact: true }).click();
    await page.getByRole("tab", { name: "Settings" }).click();
    await page.getByRole("combobox", { name: "Daemon" }).selectOption("never");
    const dialog = page.getByRole("dialog", { name: "Leave without saving?" });
    await page.getByRole("link", { name: "Berth: workspaces" }).click();
    await shown(dialog);
    await accessible(one);
    await dialog.getByRole("button", { name: "Stay here" }).click();
    await page.goBack();
    await shown(dialog);
    await dialog.getByRole("button", { name: "Stay here" }).click();
    assert.equal(new URL(page.url()).pathname, `/w/${id}/settings`);
    await at.client.patch("/v1/workspaces/{workspace}/config", {
      params: { path: { workspace: id } },
      body: { processLogDir: "/tmp/logs" },
    });
    await shown(page.getByText("processLogDir changed elsewhere meanwhile"));
    await page.getByRole("button", { name: "Discard" }).click();
    const logs = page.getByRole("textbox", { name: "Directory of kept output" });
    assert.equal(await logs.inputValue(), "/tmp/logs");
    await page.getByRole("link", { name: "Berth: workspaces" }).click();
    await shown(page.getByRole("heading", { level: 1, name: "Workspaces" }));
  },
);

pageTest(
  "a set-up is run again, told as it prints, cancelled and tried again from the operations",
  async (at) => {
    const project = at.runner.project("with-hook");
    const hook = join(project, ".berth", "init");
    mkdirSync(join(project, ".berth"));
    writeFileSync(hook, "#!/bin/sh\necho begun\nwhile [ ! -e go ]; do sleep 0.1; done\necho over\n");
    chmodSync(hook, 0o755);
    const git = ["-c", "user.name=dev", "-c", "user.email=dev@example.com"];
    execFileSync("git", ["add", "."], { cwd: project });
    execFileSync("git", [...git, "commit", "--quiet", "-m", "hook"], { cwd: project });
    const params = { path: { project } };
    await at.client.put("/v1/projects/{project}/trust", { params, body: { trusted: true } });
    const { id, place } = await at.runner.workspace({ name: "hooked", project, skipInit: true });
    const one = await at.signedIn(`/w/${id}/settings`);
    const { page } = one;
    await page.getByRole("button", { name: "Run the set-up again" }).click();
    const operations = await shown(page.getByRole("region", { name: "Operations", exact: true }));
    await shown(operations.getByText("begun"));
    await accessible(one);
    await operations.getByRole("button", { name: /^Cancel/ }).click();
    await shown(operations.getByText("Set-up of hooked was cancelled"));
    await shown(page.getByText("set-up unfinished"));
    // The run that was cut is what a second one goes on with: it tells how that ended.
    await operations.getByRole("button", { name: "Try again" }).click();
    await shown(operations.getByRole("article", { name: "Set-up of hooked failed" }));
    await operations.getByRole("button", { name: "Try again" }).click();
    await shown(operations.getByRole("article", { name: "Setting up hooked" }));
    // Commands wait for the set-up: not by the runner.
    writeFileSync(join(place?.path ?? assert.fail("it has no place"), "go"), "");
    await shown(operations.getByText("Set up hooked"));
    await operations.getByRole("button", { name: "Dismiss all ended" }).click();
    await operations.waitFor({ state: "detached" });
  },
);
