import assert from "node:assert/strict";
import { test } from "node:test";
import { isBerthError } from "../contract/errors.ts";
import { connectWire } from "../wire/connection.ts";
import { bridgeStream } from "./bridge.ts";
import { createLocalTransport } from "./local.ts";

test("a program that fails before anybody listens ends nobody, and its last words say why", async () => {
  const program = await createLocalTransport().run(["/bin/sh", "-c", "echo no such socket >&2; exit 3"]);
  const stream = bridgeStream(program, "the place");
  await new Promise((resolve) => stream.once("close", resolve));
  assert.ok(isBerthError(stream.errored, "transport.unavailable"));
  const client = { token: "t", clientId: "c", version: "1.0.0" };
  await assert.rejects(
    connectWire(stream, client),
    (error) => isBerthError(error, "transport.disconnected") && /no such socket/.test(error.message),
  );
});
