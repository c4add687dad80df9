import assert from "node:assert/strict";
import { test } from "node:test";
import { eventFromJson, eventToJson } from "./json-events.ts";

test("an event is the same on the other side of the API", () => {
  const event = {
    sequence: 7,
    time: "2026-01-01T00:00:00.000Z",
    type: "process.exited",
    message: "a process has ended",
    runtime: "this machine",
    workspace: "w0000000001",
    processId: "0123456789ab",
    cause: "req_1",
    source: "boot:3",
    actor: "runner",
    data: { exitCode: 0 },
  };
  assert.deepEqual(eventFromJson(eventToJson({ event, hash: "0".repeat(64) })), event);
});
