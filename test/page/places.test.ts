import assert from "node:assert/strict";
import { join } from "node:path";
import type { Locator, Page } from "playwright-core";
import { dockerEngine } from "../fixtures/docker.ts";
import { image } from "../fixtures/images.ts";
import { output } from "../fixtures/process.ts";
import { sshUser } from "../fixtures/ssh-user.ts";
import { type SshServer, sshServer } from "../fixtures/sshd.ts";
import type { OrdinaryUser } from "../fixtures/user.ts";
import { accessible, fitsNarrow, inPlace, type PageTest, pageTests, shown } from "./page.ts";
import { screenshot } from "./screenshots.ts";

let server: SshServer | undefined;
let user: OrdinaryUser | undefined;

const pageTest = pageTests(async (stack) => {
  server = stack.use(await sshServer({ node: true }));
  user = stack.use(await sshUser());
  return { env: (await dockerEngine()).cliEnv };
});
/** What a container or an account takes on a busy machine. */
const MADE = { timeout: 90_000 };

/** A field that one types into; with suggestions it is another role. */
function input(form: Locator, name: string): Locator {
  const exactly = { name: new RegExp(`^${name}(?: \\(optional\\))?$`) };
  return form.getByRole("textbox", exactly).or(form.getByRole("combobox", exactly));
}

/** The form for the project, at its kind of place, with a name. */
async function newWorkspace(page: Page, project: string, kind: string, name: string): Promise<Locator> {
  const form = page.getByRole("main");
  await shown(form.getByRole("heading", { level: 1, name: "New workspace" }));
  const known = form.getByRole("combobox", { name: "Project" });
  if ((await known.count()) === 0) await form.getByRole("textbox", { name: "Project" }).fill(project);
  await form.getByRole("textbox", { name: "Name", exact: true }).fill(name);
  await form.getByRole("radio", { name: new RegExp(`^${kind}`) }).check();
  return form;
}

/** Creates it, and ends at its terminals; gives its id. */
async function create(at: PageTest, page: Page, name: string, pictures = false): Promise<string> {
  await page.getByRole("button", { name: `Create ${name}` }).click();
  if (pictures) {
    await shown(page.getByRole("heading", { level: 1, name }));
    await screenshot(page, "creating");
  }
  await page.waitForURL("**/w/*/terminals", MADE);
  await shown(page.getByRole("heading", { level: 1, name }));
  const id = /\/w\/([^/]+)\//.exec(page.url())?.[1] ?? assert.fail(page.url());
  at.made(id);
  return id;
}

async function testConnection(page: Page, result: string): Promise<Locator> {
  const section = page.getByRole("region", { name: "Connection" });
  await section.getByRole("button", { name: /^Test (?:connection|again)$/ }).click();
  await section.getByRole("status").filter({ hasText: result }).waitFor(MADE);
  return section;
}

pageTest("a worktree and the project's own directory are workspaces after a name and a click", async (at) => {
  const one = await at.signedIn("/new");
  const { page } = one;
  await newWorkspace(page, at.project, "Worktree", "no good");
  const name = page.getByRole("textbox", { name: "Name", exact: true });
  assert.equal(await name.getAttribute("aria-invalid"), "true");
  await page.getByRole("button", { name: /^Create / }).click();
  await shown(page.getByText("Something has to be corrected first."));
  await accessible(one);
  await fitsNarrow(page);
  await screenshot(page, "new-workspace");
  await name.fill("fix-login");
  const worktree = await create(at, page, "fix-login");
  assert.equal(await inPlace(at, worktree, "cat notes.txt"), "one\ntwo\nthree\n");
  await page.goto(new URL("/new", at.runner.url).href);
  await newWorkspace(page, at.project, "The project's directory", "as-it-is");
  const local = await create(at, page, "as-it-is");
  assert.equal(await inPlace(at, local, "pwd"), `${at.project}\n`);
});

pageTest(
  "a container: what is wrong is marked at its field, a missing image is told, and the right one works",
  async (at) => {
    const one = await at.signedIn("/new");
    const { page } = one;
    const form = await newWorkspace(page, at.project, "New container", "upgrade-node");
    const memory = input(form, "Memory");
    await memory.fill("much");
    await input(form, "Image").fill("berth-test/no-such-image:1");
    await form.getByRole("combobox", { name: "Pull the image" }).selectOption({ label: "Never" });
    await page.waitForFunction(() => document.querySelector('[aria-invalid="true"]') !== null);
    assert.equal(await memory.getAttribute("aria-invalid"), "true");
    assert.equal(await form.getByRole("button", { name: "Test connection" }).isDisabled(), true);
    await accessible(one);
    await screenshot(page, "new-docker");
    await memory.fill("256 MiB");
    const section = await testConnection(page, "It can't be used as it is.");
    await shown(section.getByRole("link", { name: "docker.image_not_found" }));
    await accessible(one);
    await screenshot(page, "check-failed", { part: section });
    await input(form, "Image").fill(await image("debian"));
    const passed = await testConnection(page, "It can be used.");
    await accessible(one);
    await fitsNarrow(page);
    await screenshot(page, "check-passed", { part: passed });
    const id = await create(at, page, "upgrade-node", true);
    assert.equal(await inPlace(at, id, "cat notes.txt"), "one\ntwo\nthree\n");
    const { docker } = await dockerEngine();
    const { place } = await at.client.get("/v1/workspaces/{workspace}", {
      params: { path: { workspace: id } },
    });
    const { HostConfig } = await docker.getContainer(place?.container ?? "").inspect();
    assert.equal(HostConfig.Memory, 256 * 1024 * 1024);
  },
);

pageTest(
  "an SSH host: a wrong port, an unknown key that is compared and trusted, then a workspace there",
  async (at) => {
    assert.ok(server !== undefined && user !== undefined);
    const one = await at.signedIn("/new");
    const { page } = one;
    const form = await newWorkspace(page, at.project, "SSH host", "load-test");
    const field = (name: string) => input(form, name);
    await field("Host").fill("127.0.0.1");
    await field("User").fill(user.name);
    await field("Port").fill("70000");
    await page.waitForFunction(() => document.querySelector('[aria-invalid="true"]') !== null);
    assert.equal(await field("Port").getAttribute("aria-invalid"), "true");
    await field("Port").fill("1");
    await field("Private key").fill(server.keyPath);
    await form.getByText("More settings").click();
    await field("File of known hosts").fill(join(at.runner.directory, "known_hosts"));
    await field("ssh configuration").fill(server.emptyConfigPath);
    let section = await testConnection(page, "It can't be used as it is.");
    await shown(section.getByRole("link", { name: /^ssh\./ }));
    await field("Port").fill(String(server.port));
    section = await testConnection(page, "It can't be used as it is.");
    const asked = await shown(section.getByText("Is this the key of"));
    assert.ok(await asked.isVisible());
    const [, fingerprint = ""] = (
      await output(["ssh-keygen", "-lf", "-"], { input: `${server.hostPublicKey}\n` })
    ).split(" ");
    await shown(section.getByText(fingerprint, { exact: true }));
    await accessible(one);
    await fitsNarrow(page);
    await screenshot(page, "host-key", { part: section });
    await section.getByRole("button", { name: "This is the host's key: trust it" }).click();
    await section.getByRole("status").filter({ hasText: "It can be used." }).waitFor(MADE);
    const id = await create(at, page, "load-test");
    assert.equal(await inPlace(at, id, "id -un; cat notes.txt"), `${user.name}\none\ntwo\nthree\n`);
    await page.getByRole("tab", { name: "Settings" }).click();
    await testConnection(page, "It can be used.");
    await accessible(one);
    await fitsNarrow(page);
  },
);

pageTest("the list tells each of them by its place, and what goes on there", async (at) => {
  const { items } = await at.client.get("/v1/workspaces", {});
  const idOf = (name: string) => items.find((one) => one.name === name)?.id ?? assert.fail(name);
  await inPlace(at, idOf("upgrade-node"), "printf 'one\\n2\\nthree\\nfour\\n' > notes.txt; rm src/main.go");
  await inPlace(at, idOf("load-test"), "seq 1 40 > load.txt");
  for (const name of ["upgrade-node", "load-test"]) {
    await at.client.post("/v1/workspaces/{workspace}/processes", {
      params: { path: { workspace: idOf(name) } },
      body: { command: ["sleep", "1000"], detached: true },
    });
  }
  const one = await at.signedIn();
  const { page } = one;
  const places = {
    "fix-login": "worktree",
    "as-it-is": "local",
    "upgrade-node": "docker",
    "load-test": "ssh",
  };
  for (const [name, place] of Object.entries(places)) {
    const row = page.getByRole("listitem").filter({ has: page.getByRole("link", { name, exact: true }) });
    await shown(row.getByText(place, { exact: true }));
    await shown(row.getByText("connected", { exact: true }));
  }
  await shown(page.getByText("in 2 files"));
  await accessible(one);
  for (const width of [360, 1280, 2560] as const) await screenshot(page, "workspaces", { width });
});

declare const document: { querySelector(selector: string): object | null };
