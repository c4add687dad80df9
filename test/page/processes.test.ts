import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Page } from "playwright-core";
import { daemonPids } from "../conformance/place.ts";
import { waitFor } from "../fixtures/process.ts";
import { accessible, fitsNarrow, type PageTest, pageTests, RUNNER_AWAY, shown } from "./page.ts";
import { screenshot } from "./screenshots.ts";

const pageTest = pageTests();
const TESTS = [
  "printf '\\033[1m> harbour@1.4.0 test\\033[0m\\n\\n'",
  "for name in aurora kestrel; do printf '\\033[32m✓\\033[0m %s lies where it should \\033[2m(3 ms)\\033[0m\\n' $name; done",
  "for part in 10 40 100; do printf '\\rcovered %d %%' $part; done; echo",
  "printf '\\033[33mwarning\\033[0m: the tide table is of last year\\n' >&2",
  "printf '\\033[41m FAIL \\033[0m \\033[31mno berth for the ferry\\033[0m\\n'",
].join("; ");

let made: Promise<string> | undefined;

/** One workspace for all of them. */
function workspace(at: PageTest): Promise<string> {
  made ??= at.runner.workspace({ name: "fix-login", project: at.project }).then(({ id }) => id);
  return made;
}

interface Started {
  readonly name?: string;
  readonly stdin?: "pipe";
  readonly detached?: boolean;
  readonly overflow?: "drop";
}

async function start(at: PageTest, workspace: string, command: string, more: Started = {}): Promise<string> {
  const started = await at.client.post("/v1/workspaces/{workspace}/processes", {
    params: { path: { workspace } },
    body: { command, ...more },
  });
  return started.id;
}

const output = (page: Page) => page.getByRole("region", { name: "Output", exact: true });
const line = (page: Page, text: string) => output(page).locator("[data-line]").filter({ hasText: text });

pageTest("a line that is run prints as it goes; its end says what it was", async (at) => {
  const id = await workspace(at);
  await start(at, id, "sleep 1000", { name: "server", detached: true });
  const one = await at.signedIn(`/w/${id}/processes`);
  const { page } = one;
  await page.getByRole("link", { name: /^server/ }).waitFor();
  await page.getByRole("heading", { level: 1 }).click();
  await page.keyboard.press("r");
  await page.keyboard.type(`${TESTS}; exit 3`);
  await page.keyboard.press("Enter");
  await shown(line(page, "no berth for the ferry"));
  const detail = page.getByRole("article");
  await shown(detail.getByText("exit 3", { exact: true }));
  assert.equal(await line(page, "covered").textContent(), "covered 100 %", "as a terminal would show it");
  assert.match((await line(page, "tide table").textContent()) ?? "", /^Estderr: warning/);
  await page.getByRole("searchbox", { name: "Find in the output" }).fill("LIES");
  await shown(page.getByText("1 of 2", { exact: true }));
  await page.keyboard.press("Enter");
  await shown(page.getByText("2 of 2", { exact: true }));
  await page.keyboard.press("Escape");
  assert.match(page.url(), /process=/);
  await page.reload();
  await shown(line(page, "no berth for the ferry"));
  await shown(detail.getByText("token:local"));
  await accessible(one);
  await fitsNarrow(page);
  for (const width of [360, 1280, 2560] as const) await screenshot(page, "processes", { width });

  await page.getByRole("combobox", { name: "State" }).selectOption("failed");
  await page.getByRole("link", { name: /^server/ }).waitFor({ state: "detached" });
  await page.getByRole("searchbox", { name: "Filter processes" }).fill("no such words");
  await shown(page.getByText("No process fits the filter"));
});

pageTest("input goes to a process by one writer at a time; whose place it is can be taken", async (at) => {
  const id = await workspace(at);
  const reader = await start(at, id, 'while read line; do echo "got $line"; done; echo over', {
    name: "reader",
    stdin: "pipe",
  });
  const one = await at.signedIn(`/w/${id}/processes?process=${reader}`);
  const { page } = one;
  const input = page.getByRole("textbox", { name: "Input for the process" });
  await input.fill("one");
  await page.keyboard.press("Enter");
  await shown(line(page, "got one"));

  using other = await at.client.attach(reader, { role: "writer", takeover: true });
  await shown(line(page, "Somebody else writes to it now"));
  // The console tells of each WebSocket that is refused.
  one.expect(/WebSocket/);
  await input.fill("two");
  await page.keyboard.press("Enter");
  const dialog = await shown(page.getByRole("dialog", { name: "Somebody else writes to it" }));
  await accessible(one);
  await dialog.getByRole("button", { name: "Take over" }).click();
  await shown(page.getByRole("button", { name: "End of input" }));
  await input.press("Enter");
  await shown(line(page, "got two"));
  assert.equal(await line(page, "got one").count(), 1, "nothing is shown twice");
  other.close();
  await page.getByRole("button", { name: "End of input" }).click();
  await shown(line(page, "over"));
  await shown(page.getByRole("article").getByText("succeeded"));
});

pageTest(
  "what is started without input says so; a tree is ended when that is confirmed, and deleted",
  async (at) => {
    const id = await workspace(at);
    const deaf = await start(at, id, "sleep 1000 & sleep 1000", { name: "deaf" });
    const { page } = await at.signedIn(`/w/${id}/processes?process=${deaf}`);
    await page.getByRole("textbox", { name: "Input for the process" }).fill("hello");
    await page.keyboard.press("Enter");
    await shown(page.getByText(/reads no input/));
    await page.getByRole("button", { name: "Detach" }).click();
    await shown(page.getByText("until it ends (detached)"));
    await page.getByRole("button", { name: "Send a signal" }).click();
    await page.getByRole("menuitem", { name: /^STOP/ }).click();
    await shown(page.getByText("STOP was sent"));
    await page.getByRole("button", { name: "End", exact: true }).click();
    await page.getByRole("button", { name: "End it" }).click();
    await shown(page.getByRole("article").getByText(/^SIG(?:TERM|KILL)$/));
    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await shown(page.getByText("No process is selected"));
    await page.getByRole("link", { name: /^deaf/ }).waitFor({ state: "detached" });
  },
);

pageTest(
  "of 30 MB of output the page holds a part; the log has all of it, from its first byte",
  async (at) => {
    const id = await workspace(at);
    const script =
      "yes 'a line of a hundred letters, more or less, of which there are very many in this log of it all' | head -c 30000000; echo; echo the end; read wait";
    const flood = await start(at, id, script, { name: "flood", stdin: "pipe", overflow: "drop" });
    const one = await at.signedIn(`/w/${id}/processes?process=${flood}`);
    const { page } = one;
    await shown(line(page, "the end"));
    await shown(page.getByText(/lines are not shown any more/));
    const drawn = await page.locator("[data-line]").count();
    assert.ok(drawn < 1000, `${drawn} lines are drawn`);
    assert.ok((await one.heapBytes()) < 64 * 1024 * 1024);

    // Who scrolls up stays there, and is told of what comes.
    await output(page).hover();
    await page.mouse.wheel(0, -2000);
    await page.getByRole("checkbox", { name: "Follow" }).and(page.locator(":not(:checked)")).waitFor();
    await at.runner.call(`/v1/processes/${flood}/stdin?eof=true`, {
      method: "POST",
      headers: { "content-type": "application/octet-stream" },
      body: "\n",
    });
    await shown(page.getByRole("article").getByText(/succeeded|exit \d/));

    await page.getByRole("button", { name: "Show from the beginning" }).click();
    await shown(page.getByText(/^Bytes 0 to 262,144 of 30,000,0/));
    await page.getByRole("button", { name: "Next", exact: true }).click();
    await shown(page.getByText(/^Bytes 262,144 to 524,288 of/));
    await accessible(one);
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download the log" }).click();
    const saved = await readFile(await (await download).path());
    const log = await at.runner.call(`/v1/processes/${flood}/log`);
    const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
    assert.equal((await download).suggestedFilename(), "flood.log");
    assert.equal(digest(saved), digest(new Uint8Array(await log.arrayBuffer())));
  },
);

pageTest(
  "over a restart of the runner output goes on with each line once, and the list with it",
  async (at) => {
    const id = await workspace(at);
    const script = "i=0; while [ $i -lt 1000 ]; do i=$((i+1)); echo tick-$i-; sleep 0.05; done";
    const clock = await start(at, id, script, { name: "clock", detached: true });
    const one = await at.signedIn(`/w/${id}/processes?process=${clock}`);
    const { page } = one;
    await shown(line(page, "tick-20-"));
    one.expect(...RUNNER_AWAY);
    await at.runner.restart();
    const last = async () => Number(/tick-(\d+)-\s*$/.exec((await output(page).innerText()).trim())?.[1]);
    const before = await waitFor("a line", async () => (await last()) || undefined);
    await waitFor("forty lines more", async () => (await last()) > before + 40);
    const ticks = [...(await output(page).innerText()).matchAll(/tick-(\d+)-/g)].map((match) =>
      Number(match[1]),
    );
    assert.deepEqual(
      ticks,
      ticks.map((_, at) => (ticks[0] ?? 0) + at),
    );
    await at.client.post("/v1/processes/{id}/kill", { params: { path: { id: clock } }, body: {} });
    await shown(page.getByRole("article").getByText(/^SIG(?:TERM|KILL)$/));
  },
);

pageTest("of a process that was lost with its daemon the log is shown, and what to do", async (at) => {
  const id = await workspace(at);
  const victim = await start(at, id, "echo the last words; sleep 1000", { name: "victim", detached: true });
  const one = await at.signedIn(`/w/${id}/processes?process=${victim}`);
  const { page } = one;
  await shown(line(page, "the last words"));
  for (const pid of daemonPids(at.runner.stateDirectory)) process.kill(pid, "SIGKILL");
  await shown(page.getByText(/^The daemon that ran it ended/));
  await page.reload();
  await shown(line(page, "the last words"));
  assert.equal(await page.getByRole("alert").count(), 0);
  await accessible(one);
});

pageTest("who may only look is offered nothing to do", async (at) => {
  const id = await workspace(at);
  const process = await start(at, id, "echo seen; sleep 1000", { name: "watched", detached: true });
  const { secret } = await at.client.post("/v1/tokens", { body: { name: "looks", scope: "read" } });
  const one = await at.signedIn(`/w/${id}/processes?process=${process}`, { token: secret });
  const { page } = one;
  await shown(line(page, "seen"));
  for (const name of ["Run", "End", "Detach", "Send"])
    assert.equal(await page.getByRole("button", { name, exact: true }).count(), 0, name);
  await accessible(one);
});
