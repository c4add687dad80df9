import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { mock, test } from "node:test";
import { releaseMemory } from "../berthd/release-memory.ts";
import { connectionOf } from "./connection.ts";
import { followServerEvents } from "./server-events.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A server that sends the event of the next number to whoever comes, and is silent then. */
async function silentServer() {
  const cursors: unknown[] = [];
  const server = createServer(({ headers }: IncomingMessage, response: ServerResponse) => {
    cursors.push(headers["last-event-id"]);
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(`id: ${cursors.length}\ndata: ${cursors.length}\n\n`);
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    cursors,
    [Symbol.dispose]: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** What nobody has is gone behind it. */
async function collect(): Promise<void> {
  for (let time = 0; time < 3; time++) {
    await turn();
    releaseMemory();
  }
}

test("a connection that says nothing is made again behind the last event, and the signal ends the one that is read", async () => {
  using server = await silentServer();
  const stop = new AbortController();
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const events = followServerEvents(connectionOf({ url: server.url }), "v1/events", {
      start: async () => "0",
      signal: stop.signal,
    });
    assert.equal((await events.next()).value?.data, 1);
    let second: unknown;
    events.next().then(
      ({ value }) => {
        second = value?.data;
      },
      (error: unknown) => {
        second = error;
      },
    );
    await collect();
    for (let turns = 0; turns < 2_000 && second === undefined; turns++) {
      mock.timers.tick(100);
      await turn();
    }
    assert.equal(second, 2);
    assert.deepEqual(server.cursors, ["0", "1"]);
    let ended: unknown;
    events.next().catch((error: unknown) => {
      ended = error;
    });
    await collect();
    stop.abort();
    for (let turns = 0; turns < 100 && ended === undefined; turns++) await turn();
    assert.equal((ended as { code?: string } | undefined)?.code, "operation.aborted");
  } finally {
    mock.timers.reset();
    stop.abort();
  }
});
