import assert from "node:assert/strict";
import { get } from "node:http";
import { accessible, fitsNarrow, type PageTest, pageTests, shown } from "./page.ts";
import { screenshot } from "./screenshots.ts";

const pageTest = pageTests();

/** Listens at a free port of the place, and says where. */
const SERVER = `require("node:http").createServer((request, response) => {
  response.setHeader("content-type", "text/html");
  response.end("<title>harbour</title><h1>aurora lies at pier 4</h1>");
}).listen(0, "127.0.0.1", function () { console.log("http://localhost:" + this.address().port + "/"); });`;

async function server(
  at: PageTest,
  workspace: string,
): Promise<{ readonly id: string; readonly port: number }> {
  const { id } = await at.client.post("/v1/workspaces/{workspace}/processes", {
    params: { path: { workspace } },
    body: { command: [process.execPath, "-e", SERVER], name: "web", detached: true },
  });
  await at.client.post("/v1/processes/{id}/ready", {
    params: { path: { id } },
    body: { output: "localhost:\\d+", timeout_ms: 60_000 },
  });
  const { chunks } = await at.client.get("/v1/processes/{id}/output", { params: { path: { id } } });
  const text = chunks.map((chunk) => (chunk.type === "data" ? chunk.data : "")).join("");
  return { id, port: Number(/:(\d+)\//.exec(text)?.[1]) };
}

function textAt(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port, agent: false }, async (response) => {
      let text = "";
      for await (const chunk of response) text += String(chunk);
      resolve(text);
    }).on("error", reject);
  });
}

pageTest(
  "a server that is started is seen, opened in a tab of its own, forwarded, and closed",
  async (at) => {
    const { id } = await at.runner.workspace({ name: "fix-login", project: at.project });
    const one = await at.signedIn(`/w/${id}/ports`);
    const { page } = one;
    await shown(page.getByText(/^A preview opens a port/));
    // Nothing of this workspace's own listens yet.
    await shown(page.getByText(/^(?:Of other programs|Nothing listens here)/));
    const { port, id: process } = await server(at, id);
    const row = page.getByRole("listitem").filter({ hasText: `127.0.0.1:${port}` });
    await shown(row.getByText("new", { exact: true }));
    await shown(row.getByText("node", { exact: true }));
    assert.match(
      (await row.getByRole("link", { name: "its process" }).getAttribute("href")) ?? "",
      new RegExp(process),
    );

    const host = `${port}-fix-login.localhost`;
    one.mayAsk(`http://${host}:${new URL(at.runner.url).port}`);
    const opened = page.context().waitForEvent("page");
    await row.getByRole("button", { name: `Open port ${port}` }).click();
    const tab = await opened;
    await shown(tab.getByRole("heading", { name: "aurora lies at pier 4" }));
    assert.equal(new URL(tab.url()).hostname, host);
    assert.equal(await tab.evaluate("window.opener"), null, "it can't get at the page");
    const previews = page.getByRole("region", { name: "Previews" });
    await shown(previews.getByText(new RegExp(`^http://${host}`)));

    await row.getByRole("button", { name: `Forward port ${port}` }).click();
    const forwards = page.getByRole("region", { name: "Forwards" });
    const way = await shown(
      forwards.getByText(new RegExp(`^127\\.0\\.0\\.1:\\d+ → 127\\.0\\.0\\.1:${port}$`)),
    );
    const local = Number(/:(\d+) →/.exec((await way.textContent()) ?? "")?.[1]);
    assert.match(await textAt(local), /aurora/);
    await page.getByRole("button", { name: "Look again" }).click();
    await shown(forwards.getByText("0 open, 1 in all"));
    await accessible(one);
    await fitsNarrow(page);
    await screenshot(page, "ports");

    await forwards.getByRole("button", { name: `Close the forward of port ${port}` }).click();
    await shown(forwards.getByText(/^A forward is a port/));
    await assert.rejects(textAt(local));
    await previews.getByRole("button", { name: `End the preview of port ${port}` }).click();
    await shown(previews.getByText(/^A preview opens a port/));
  },
);

pageTest(
  "a port that is known is forwarded by its number; what is none is marked, what is taken is told",
  async (at) => {
    const { id } = await at.runner.workspace({ name: "by-number", project: at.project });
    const { port } = await server(at, id);
    const one = await at.signedIn(`/w/${id}/ports`);
    const { page } = one;
    const remote = page.getByRole("textbox", { name: "Port of the place" });
    await remote.fill("70000");
    await shown(page.getByText("A port is a number from 1 to 65535."));
    assert.equal(await remote.getAttribute("aria-invalid"), "true");
    assert.ok(await page.getByRole("button", { name: "Forward", exact: true }).isDisabled());
    await remote.fill(String(port));
    await page.getByRole("textbox", { name: /^Local port/ }).fill(new URL(at.runner.url).port);
    one.expect(/status of 409/);
    await page.getByRole("button", { name: "Forward", exact: true }).click();
    await shown(page.getByRole("link", { name: "port.in_use" }));
    await accessible(one);
    await page.getByRole("textbox", { name: /^Local port/ }).fill("");
    await page.getByRole("button", { name: "Forward", exact: true }).click();
    await shown(page.getByRole("region", { name: "Forwards" }).getByText(new RegExp(`:${port}$`)));
  },
);

pageTest("a process that prints where it listens is offered to be opened", async (at) => {
  const { id } = await at.runner.workspace({ name: "prints", project: at.project });
  const { port, id: process } = await server(at, id);
  const { page } = await at.signedIn(`/w/${id}/processes?process=${process}`);
  await shown(page.getByText(`It says that it listens on port ${port}.`));
  await shown(page.getByRole("button", { name: `Open preview of port ${port}` }));
  await page.getByRole("button", { name: `Not now: port ${port}` }).click();
  assert.equal(await page.getByText(/^It says that it listens/).count(), 0);
});
