import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Page } from "playwright-core";
import { waitFor } from "../fixtures/process.ts";
import { accessible, fitsNarrow, inPlace, type PageTest, pageTests, shown } from "./page.ts";
import { screenshot } from "./screenshots.ts";

const pageTest = pageTests();

let made: Promise<string> | undefined;

/** One workspace for all of them. */
function workspace(at: PageTest): Promise<string> {
  made ??= at.runner.workspace({ name: "fix-login", project: at.project }).then(({ id }) => id);
  return made;
}

async function write(at: PageTest, id: string, path: string): Promise<void> {
  const query = new URLSearchParams({ path });
  const answer = await at.runner.call(`/v1/workspaces/${id}/files/content?${query}`, {
    method: "PUT",
    headers: { "content-type": "application/octet-stream" },
    body: "ahoy\n",
  });
  assert.equal(answer.status, 200);
}

/** Lines of the timeline whose head has the words. */
const lines = (page: Page, words: RegExp) =>
  page
    .getByRole("region", { name: "Timeline" })
    .getByRole("button", { name: words })
    .and(page.locator("[aria-expanded]"));

pageTest("the timeline goes on as things happen; many of one kind are one line that opens", async (at) => {
  const id = await workspace(at);
  const one = await at.signedIn(`/w/${id}/events`);
  const { page } = one;
  await shown(lines(page, /workspace\.created/));
  for (let n = 1; n <= 6; n++) await write(at, id, `cargo/${n}.txt`);
  const burst = await shown(lines(page, /file\.written.*6 times/));
  await burst.click();
  assert.equal(
    await page
      .getByRole("listitem")
      .filter({ hasText: /cargo\/\d\.txt/ })
      .count(),
    6,
  );
  await burst.click();
  await inPlace(at, id, "exit 0");
  await shown(lines(page, /process\.executed/));
  await page.getByRole("checkbox", { name: "Live" }).uncheck();
  await inPlace(at, id, "exit 0");
  await page.getByRole("button", { name: /^\d+ new$/ }).click();
  await waitFor("both commands", async () => (await lines(page, /process\.executed/).count()) === 2);
  await accessible(one);
  await fitsNarrow(page);
});

pageTest("filters are kept in the address; a cause leads to everything with it", async (at) => {
  const id = await workspace(at);
  await inPlace(at, id, "exit 0");
  const one = await at.signedIn("/events");
  const { page } = one;
  await page.getByRole("combobox", { name: "Workspace" }).selectOption({ label: "harbour/fix-login" });
  await page.getByRole("button", { name: "All types" }).click();
  const dialog = await shown(page.getByRole("dialog", { name: "Types of events" }));
  await dialog.getByRole("checkbox", { name: /^process\.executed/ }).check();
  await dialog.getByRole("checkbox", { name: "place", exact: true }).check();
  await accessible(one);
  await dialog.getByRole("button", { name: "Done" }).click();
  await shown(lines(page, /process\.executed/).first());
  await lines(page, /process\.started/)
    .first()
    .waitFor({ state: "detached" });
  assert.equal(new URL(page.url()).searchParams.get("type"), "process.executed,place");
  await page.reload();
  await lines(page, /place\.connected/).click();
  await shown(page.getByText("the runner has connected to the place of a workspace"));
  await page.getByRole("button", { name: "All with this cause" }).click();
  await shown(page.getByRole("button", { name: /^cause req_.*take this filter away/ }));
  const cause = new URL(page.url()).searchParams.get("cause");
  const { items } = (await (await at.runner.call("/v1/events?limit=1000")).json()) as {
    readonly items: readonly { readonly cause?: string; readonly type: string }[];
  };
  const caused = items.filter((event) => event.cause === cause);
  await waitFor("all with the cause", async () => (await lines(page, /./).count()) === caused.length);
  await page.getByRole("button", { name: /take this filter away/ }).click();
  await page.getByRole("searchbox", { name: "Words in events" }).fill("no event has such words");
  await shown(page.getByText("No event fits"));
});

pageTest("an event is copied as it is stored, and the log is saved as text", async (at) => {
  const id = await workspace(at);
  const permissions = ["clipboard-read", "clipboard-write"];
  const { page } = await at.signedIn(`/w/${id}/events?type=workspace.created`, { permissions });
  await lines(page, /workspace\.created/).click();
  await page.getByRole("button", { name: "Copy as JSON" }).click();
  await shown(page.getByText(/^Copied record/));
  const copied = JSON.parse(await page.evaluate<string>("navigator.clipboard.readText()")) as {
    readonly type: string;
    readonly hash: string;
  };
  assert.equal(copied.type, "workspace.created");
  assert.match(copied.hash, /^[0-9a-f]{64}$/);
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export" }).click();
  const saved = await readFile(await (await download).path(), "utf8");
  assert.match(saved, /^\{"format":"berth\.events\.v1"/);
  assert.ok(saved.includes(copied.hash));
});

pageTest("older events are read as one scrolls down; so many are held, and drawn", async (at) => {
  const id = await workspace(at);
  for (let n = 0; n < 90; n++) await write(at, id, `log/${n % 2 === 0 ? "even" : "odd"}-${n}.txt`);
  for (let n = 0; n < 90; n++) await inPlace(at, id, "exit 0");
  const { page } = await at.signedIn(`/w/${id}/events`);
  await shown(lines(page, /process\.executed/).first());
  assert.equal(await lines(page, /workspace\.created/).count(), 0, "a page is not all of it");
  await page.getByRole("region", { name: "Timeline" }).hover();
  await waitFor("the beginning", async () => {
    await page.mouse.wheel(0, 4000);
    return (await lines(page, /workspace\.created/).count()) === 1;
  });
});

// Last, as it breaks the log of the runner.
pageTest(
  "it is said up to where the log is verified, what came since, and what was tampered with",
  async (at) => {
    const id = await workspace(at);
    const one = await at.signedIn(`/w/${id}/events`);
    const { page } = one;
    await shown(page.getByText("Not verified in this visit"));
    const verify = page.getByRole("button", { name: "Verify" });
    await verify.click();
    const said = page.getByText(/Verified up to record [\d,]+ at \d\d:\d\d, (?:not )?signed/);
    await waitFor("above and in the timeline", async () => (await said.count()) === 2);
    await inPlace(at, id, "exit 0");
    await shown(page.getByText(/newer records? (?:is|are) not verified yet/));
    await shown(lines(page, /^not verified yet.*process\.executed/).first());
    assert.ok((await lines(page, /^verified/).count()) > 0);
    await accessible(one);
    for (const width of [360, 1280, 2560] as const) await screenshot(page, "events", { width, height: 560 });

    const database = new DatabaseSync(join(at.runner.stateDirectory, "berth.db"));
    database.exec("PRAGMA busy_timeout = 10000");
    const { sequence } = database
      .prepare("select sequence from event_log where type = 'workspace.created' and workspace = ?")
      .get(id) as { readonly sequence: number };
    database
      .prepare("update event_log set record = replace(record, 'fix-login', 'fix-logon') where sequence = ?")
      .run(sequence);
    database.close();
    await page.goto(new URL(`/w/${id}/events?type=workspace`, at.runner.url).href);
    await verify.click();
    const broken = page.getByText(new RegExp(`Broken at record ${sequence}: `));
    await waitFor("above and in the timeline", async () => (await broken.count()) === 2);
    await shown(lines(page, /^broken.*workspace\.created/));
    await shown(lines(page, /^not verified: behind a broken record.*workspace\.ready/));
    await accessible(one);
  },
);
