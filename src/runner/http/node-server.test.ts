import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { connect as connectTls } from "node:tls";
import { certificate } from "../../../test/fixtures/certificate.ts";
import { scratchDirectory } from "../../../test/fixtures/disk.ts";
import { waitFor } from "../../../test/fixtures/process.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { closeSockets, listenOn, makeServer } from "./node-server.ts";

for (const way of ["http", "https"] as const) {
  test(`${way}: closing waits for what is being answered, and not for connections that ask nothing`, async () => {
    await using scratch = await scratchDirectory();
    const { certPath, keyPath } = certificate(scratch.path);
    const pair = { key: readFileSync(keyPath, "utf8"), cert: readFileSync(certPath, "utf8") };
    const tls = way === "https" ? pair : undefined;
    const answers: ServerResponse[] = [];
    const server = makeServer({ tls }, DEFAULT_LIMITS, (_, response) => void answers.push(response));
    const sockets: Socket[] = [];
    try {
      const { port } = new URL(await listenOn(server, { host: "127.0.0.1", port: 0, tls }));
      const dial = async () => {
        const to = { host: "127.0.0.1", port: Number(port) };
        const socket = tls === undefined ? connect(to) : connectTls({ ...to, ca: tls.cert, servername: "" });
        sockets.push(socket);
        await once(socket, tls === undefined ? "connect" : "secureConnect");
        return socket;
      };
      const asking = await dial();
      asking.write("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
      let text = "";
      asking.on("data", (bytes: Buffer) => {
        text += bytes;
      });
      await waitFor("a call", () => answers.length === 1);
      const silent = await dial();
      let closed = false;
      void closeSockets(server, Number.POSITIVE_INFINITY).then(() => {
        closed = true;
      });
      await waitFor("the silent one has ended", () => silent.closed || silent.resume().readableEnded);
      assert.equal(closed, false);
      answers[0]?.end("whole");
      await waitFor("the server has closed", () => closed);
      assert.match(text, /^HTTP\/1\.1 200 [\s\S]*whole/);
    } finally {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
    }
  });
}
