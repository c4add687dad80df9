import assert from "node:assert/strict";
import { test } from "node:test";
import { acceptWire, connectWire } from "../../wire/connection.ts";
import { loopbackPair } from "../../wire/loopback.ts";
import type { WireClient } from "../../wire/types.ts";
import type { DaemonRuntimeOptions } from "./options.ts";
import { createDaemonRuntime } from "./runtime.ts";
import { TestPlace } from "./testing.ts";

/** A daemon from before there were workspaces: the same protocol, fewer words in its HELLO. */
async function dialOldDaemon(): Promise<WireClient> {
  const [near, far] = loopbackPair();
  acceptWire(far, {
    token: "t",
    hello: { protocol: [1, 1], version: "0.0.9", bootId: "old", capabilities: { processTree: "exact" } },
    onRequest: (stream) => {
      stream.respond({ processes: [] });
      stream.end();
    },
    onSession: () => {},
  });
  return connectWire(near, { token: "t", clientId: "c", version: "0" });
}

const base = {
  kind: "local",
  description: "old place",
  isolation: { filesystem: "shared", processes: "shared", network: "shared", kernel: "shared" },
  workdir: "/",
  dial: dialOldDaemon,
} as const satisfies DaemonRuntimeOptions;

const refused = { code: "wire.feature_unknown" };

test("a daemon that would drop the workspace or the directory of logs is refused, and not used without them", async () => {
  await assert.rejects(createDaemonRuntime({ ...base, workspace: "w0123456789" }), {
    ...refused,
    message: /older than this client and does not know workspaces/,
  });
  await assert.rejects(createDaemonRuntime({ ...base, processLogDir: "/logs" }), {
    ...refused,
    message: /does not know processLogDir/,
  });
  const client = await dialOldDaemon();
  await assert.rejects(createDaemonRuntime({ ...base, client, workspace: "w0123456789" }), refused);
  await using runtime = await createDaemonRuntime(base);
  assert.deepEqual(await runtime.processes(), []);
});

test("an older daemon that answers at a reconnect is refused as well", async () => {
  await using place = await TestPlace.open();
  let old = false;
  await using runtime = await place.runtime({
    workspace: "w0123456789",
    dial: (options) => (old ? dialOldDaemon() : place.dial(options)),
  });
  assert.equal((await runtime.exec(["echo", "new"])).stdout, "new\n");
  old = true;
  place.cut();
  await assert.rejects(async () => runtime.exec(["echo", "old"]), refused);
});
