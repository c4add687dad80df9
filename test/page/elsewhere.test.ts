import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { waitFor } from "../fixtures/process.ts";
import { pageTests, shown, who } from "./page.ts";

const pageTest = pageTests();

// What the functions below find where they run.
declare const document: {
  readonly cookie: string;
  readonly body: { append(element: object): void };
  createElement(name: "iframe"): { src: string };
};

pageTest(
  "a server on another port of the same host gets the cookie that browsers send it, and can do nothing with it",
  async (at) => {
    const received: IncomingHttpHeaders[] = [];
    const server = createServer(({ headers }, response) => {
      received.push(headers);
      response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>elsewhere</title>");
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      const elsewhere = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const one = await at.signedIn();
      one.mayAsk(elsewhere);
      // What the browser says of each try.
      one.expect(/CORS policy|Failed to load resource|WebSocket connection|frame|Refused/i);
      const { url } = at.runner;
      const name = `berth_${new URL(url).port}`;
      const tab = await one.page.context().newPage();
      await tab.goto(elsewhere);
      const { cookie = "", ...headers } = received[0] ?? {};
      assert.ok(cookie.includes(`${name}=`), "which is why it is worth nothing alone");
      assert.equal(headers["berth-session"], undefined);
      const tried = await tab.evaluate(async (runner: string) => {
        const call = (path: string, init: RequestInit) =>
          fetch(runner + path, { credentials: "include", ...init }).then(
            ({ status, type }) => `${type} ${status}`,
            () => "failed",
          );
        const socket = new WebSocket(
          `${runner.replace("http", "ws")}/v1/processes/x/attach`,
          "berth.attach.v1",
        );
        const opened = await new Promise((resolve) => {
          socket.onopen = () => resolve(true);
          socket.onerror = () => resolve(false);
        });
        return {
          keys: Object.keys(localStorage),
          cookies: document.cookie,
          read: await call("/v1/workspaces", {}),
          withKey: await call("/v1/workspaces", { headers: { "berth-session": "berth_x" } }),
          blind: await call("/v1/sessions", { method: "POST", mode: "no-cors", body: "{}" }),
          opened,
        };
      }, url);
      assert.deepEqual(tried, {
        keys: [],
        cookies: "",
        read: "failed",
        withKey: "failed",
        blind: "failed",
        opened: false,
      });
      await tab.evaluate((runner: string) => {
        const frame = document.createElement("iframe");
        frame.src = runner;
        document.body.append(frame);
      }, url);
      await waitFor("the frame is refused", () =>
        tab.frames().some((frame) => frame.url().startsWith("chrome-error:")),
      );
      const answer = await at.runner.call("/v1/events?type=access.refused");
      const { items } = (await answer.json()) as { readonly items: { readonly data: { reason: string } }[] };
      const reasons = items.map(({ data }) => data.reason);
      assert.ok(reasons.includes("request.origin_refused"), JSON.stringify(reasons));
      await one.page.reload();
      await shown(who(one.page));
    } finally {
      server.closeAllConnections();
      server.close();
    }
  },
);
