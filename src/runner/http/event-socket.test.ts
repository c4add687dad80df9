import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { WebSocket } from "ws";
import { waitFor } from "../../../test/fixtures/process.ts";
import { EVENTS_PROTOCOL } from "../../api/event-socket-format.ts";
import type { EventJson } from "../../api/json-events.ts";
import { berthError } from "../../contract/errors.ts";
import { testServer } from "./testing.ts";

function event(sequence: number): EventJson {
  return { sequence, time: "2026-01-01T00:00:00.000Z", type: "test", message: `${sequence}` } as EventJson;
}

test("a stream of events goes by WebSocket, with heartbeats and an error in band; the handler hears when the client leaves", async () => {
  let left = 0;
  await using server = await testServer(
    {
      listEvents: ({ query, headers, signal }) => {
        assert.equal(headers.accept, "text/event-stream");
        if (query.after === 7) throw berthError("workspace.unknown", { context: { selector: "x" } });
        signal.addEventListener("abort", () => {
          left += 1;
        });
        return {
          status: 200,
          events: (async function* () {
            yield { id: "1", data: event(1) };
            await new Promise((resolve) => signal.addEventListener("abort", resolve));
            throw signal.reason;
          })(),
        };
      },
    },
    { limits: { heartbeatMs: 20, sockets: 2 } },
  );
  const open = (
    path: string,
    headers: Record<string, string> = { authorization: `Bearer ${server.token}` },
  ) => new WebSocket(`${server.url.replace("http", "ws")}${path}`, EVENTS_PROTOCOL, { headers });
  const status = async (socket: WebSocket): Promise<number> => {
    const [, response] = await once(socket, "unexpected-response");
    response.resume();
    return response.statusCode;
  };
  assert.equal(await status(open("/v1/events", {})), 401);
  assert.equal(await status(open("/v1/events?after=7")), 404);
  assert.equal(await status(open("/v1/tokens")), 500, "what is no stream is answered as any call is");

  let text = "";
  const first = open("/v1/events");
  first.on("message", (data) => {
    text += String(data);
  });
  await waitFor("a heartbeat", () => text.includes(": heartbeat"));
  assert.match(text, /^retry: 1000\n\nid: 1\ndata: \{"sequence":1,/);
  first.close();
  await waitFor("the handler hears it", () => left === 1);

  const [second, third] = [open("/v1/events"), open("/v1/events")];
  await Promise.all([once(second, "open"), once(third, "open")]);
  assert.equal(await status(open("/v1/events")), 429, "they count among the connections");
  let end = "";
  second.on("message", (data) => {
    end += String(data);
  });
  const closed = Promise.all([once(second, "close"), once(third, "close")]);
  server.stopping.abort();
  assert.deepEqual(
    (await closed).map(([code]) => code),
    [1000, 1000],
  );
  assert.match(end, /event: error\ndata: .*runner\.stopping/);
});
