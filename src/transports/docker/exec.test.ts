import assert from "node:assert/strict";
import { test } from "node:test";
import { loopbackPair } from "../../wire/loopback.ts";
import type { DockerEngine, EngineRequest } from "./engine.ts";
import { execInContainer } from "./exec.ts";

test("an engine that breaks the stream while the terminal gets its size ends the command, and no process", async () => {
  const [socket, far] = loopbackPair();
  far.on("error", () => {});
  const engine = {
    json: async ({ path }: EngineRequest) => {
      if (!path.endsWith("/resize")) return { Id: "exec" };
      const closed = new Promise((resolve) => socket.once("close", resolve));
      socket.destroy(new Error("read ECONNRESET"));
      await closed;
      return undefined;
    },
    hijack: async () => socket,
  } as Partial<DockerEngine> as DockerEngine;
  const target = { id: "container", name: "container" };
  const command = await execInContainer(engine, target, ["sh"], { tty: { columns: 80, rows: 24 } });
  await assert.rejects(command.exit, /ECONNRESET/);
});
