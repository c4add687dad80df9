import assert from "node:assert/strict";
import { accessible, fitsNarrow, pageTests, RUNNER_AWAY, shown } from "./page.ts";
import { screenshot } from "./screenshots.ts";

const pageTest = pageTests();

pageTest("a command is run, told how it went, given input and a signal, and its log is kept", async (at) => {
  const { id } = await at.runner.workspace({ name: "run", project: at.project });
  const one = await at.signedIn(`/w/${id}/processes`);
  const { page } = one;
  const run = async (command: string) => {
    await page.getByRole("textbox", { name: "Command", exact: true }).fill(command);
    await page.keyboard.press("Enter");
    return await shown(page.getByRole("article", { name: command }));
  };
  const greeting = await run("echo Grüße 日本; echo wrong >&2; exit 3");
  const output = greeting.getByRole("region", { name: "Output" });
  await shown(output.getByText("Grüße 日本"));
  await shown(output.getByText("wrong"));
  await shown(greeting.getByText(/\b3\b/).first());
  await accessible(one);
  await fitsNarrow(page);
  await screenshot(page, "processes");
  await page.getByText("Options").click();
  await page.getByRole("checkbox", { name: "Takes input" }).check();
  const echo = await run("read line; echo heard $line; sleep 1000");
  await echo.getByRole("textbox", { name: "Input for the process" }).fill("ahoy");
  await page.keyboard.press("Enter");
  await shown(echo.getByText("heard ahoy"));
  await echo.getByRole("button", { name: "Send a signal" }).click();
  await page.getByRole("menuitem", { name: /^TERM/ }).click();
  await shown(echo.getByText(/TERM/).first());
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    echo.getByRole("button", { name: "Download the log" }).click(),
  ]);
  assert.match(download.suggestedFilename(), /\.log$/);
});

pageTest("output goes on where it was when the runner was killed, each line once", async (at) => {
  const { id } = await at.runner.workspace({ name: "lines", project: at.project });
  const one = await at.signedIn(`/w/${id}/processes`);
  const { page } = one;
  one.expect(...RUNNER_AWAY);
  await page
    .getByRole("textbox", { name: "Command", exact: true })
    .fill("for i in $(seq 1 60); do echo tick $i; sleep 0.1; done");
  await page.keyboard.press("Enter");
  const output = page.getByRole("region", { name: "Output" });
  await shown(output.getByText("tick 5", { exact: true }));
  try {
    await at.runner.kill();
  } finally {
    await at.runner.restart();
  }
  await shown(output.getByText("tick 60", { exact: true }));
  const ticks = (await output.innerText()).match(/tick \d+/g) ?? [];
  assert.deepEqual(
    ticks,
    Array.from({ length: 60 }, (_, index) => `tick ${index + 1}`),
  );
});

pageTest("a server in the workspace is opened by a link that works once", async (at) => {
  const { id } = await at.runner.workspace({ name: "serve", project: at.project });
  const port = 20_000 + (process.pid % 20_000);
  await at.client.post("/v1/workspaces/{workspace}/processes", {
    params: { path: { workspace: id } },
    body: {
      command: ["node", "src/server.js"],
      env: { PORT: String(port) },
      name: "harbour",
      detached: true,
    },
  });
  const one = await at.signedIn(`/w/${id}/ports`);
  const { page } = one;
  one.mayAsk(`http://${port}-serve.localhost:${new URL(at.runner.url).port}`);
  const open = await shown(page.getByRole("button", { name: `Open port ${port}` }));
  await accessible(one);
  await fitsNarrow(page);
  const [tab] = await Promise.all([page.context().waitForEvent("page"), open.click()]);
  await shown(tab.getByText("no such ship"));
  await tab.goto(new URL("/aurora", tab.url()).href);
  await shown(tab.getByText("pier 4"));
  await tab.close();
  await shown(page.getByRole("heading", { name: "Previews" }));
  await screenshot(page, "ports");
  one.expect(/status of 404/);
});

pageTest("events are filtered, and a mark says up to where they are as they were written", async (at) => {
  const one = await at.signedIn("/events");
  const { page } = one;
  const timeline = await shown(page.getByRole("region", { name: "Timeline" }));
  await shown(timeline.getByText("process.exited").first());
  await page.getByRole("button", { name: "Verify", exact: true }).click();
  await shown(page.getByRole("status").filter({ hasText: /^\s*Verified/i }));
  await accessible(one);
  await fitsNarrow(page);
  await screenshot(page, "events");
  await page.getByRole("button", { name: "All types" }).click();
  const types = await shown(page.getByRole("dialog", { name: "Types of events" }));
  await accessible(one);
  await types.getByRole("checkbox", { name: "workspace", exact: true }).check();
  await types.getByRole("button", { name: "Done" }).click();
  await timeline.getByText("process.exited").first().waitFor({ state: "detached" });
  await shown(timeline.getByText(/^workspace\./).first());
  await page.reload();
  await shown(page.getByRole("button", { name: "1 type" }));
});

pageTest("a token is made, shown once and revoked; a session is signed out from elsewhere", async (at) => {
  const one = await at.signedIn("/access");
  const { page } = one;
  await page.getByRole("button", { name: "New token" }).click();
  const dialog = await shown(page.getByRole("dialog"));
  await dialog.getByRole("textbox", { name: "Name" }).fill("phone");
  await accessible(one);
  await dialog.getByRole("button", { name: /^(?:Make|Create)/ }).click();
  const secret = await shown(page.getByRole("dialog").getByText(/^berth_\w+/));
  const text = (await secret.innerText()).trim();
  const other = await at.visitor();
  await other.page.goto(at.runner.url);
  await other.page.getByLabel("Or paste a token").fill(text);
  await other.page.getByRole("button", { name: "Sign in" }).click();
  await shown(other.page.getByRole("heading", { level: 1, name: "Workspaces" }));
  other.expect(/status of 401/, /WebSocket connection to .* failed/);
  await page
    .getByRole("dialog")
    .getByRole("button", { name: /Close|Done|kept/ })
    .last()
    .click();
  await shown(page.getByRole("button", { name: "Revoke phone" }));
  await accessible(one);
  await fitsNarrow(page);
  await screenshot(page, "access");
  await page.getByRole("button", { name: "Revoke phone" }).click();
  await page
    .getByRole("dialog")
    .getByRole("button", { name: /^Revoke/ })
    .click();
  await shown(other.page.getByRole("heading", { level: 1, name: "Sign in to Berth" }));
});
