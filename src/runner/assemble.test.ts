import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { scratchDirectory } from "../../test/fixtures/disk.ts";
import { ROUTES } from "../api/routes.ts";
import { privateDirectory } from "../runtimes/state-directory.ts";
import { ensureLocalToken } from "./access/local-token.ts";
import { assemble } from "./assemble.ts";

test("every route of the table is answered by a handler of its own", async () => {
  await using scratch = await scratchDirectory();
  const stateDirectory = await privateDirectory(join(scratch.path, "state"));
  const token = ensureLocalToken(stateDirectory);
  await using runner = await assemble(
    { stateDirectory, host: "127.0.0.1", port: 0 },
    { logTo: { write: () => {} }, logFormat: "json", logLevel: "silent" },
  );
  const url = await runner.server.listen();
  const answers = await Promise.all(
    ROUTES.filter((route) => !("upgrade" in route)).map(async ({ operationId, method, path }) => {
      const response = await fetch(url + path.replaceAll(/\{\w+\}/g, "none"), {
        method,
        headers: { authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(30_000),
      });
      const { status } = response;
      await response.body?.cancel();
      return { operationId, status };
    }),
  );
  // What is asked for does not exist, or the request lacks its body; but somebody has looked at it.
  assert.deepEqual(
    answers.filter(({ status }) => status >= 500),
    [],
  );
});
