import assert from "node:assert/strict";
import { test } from "node:test";
import { readResource } from "../../src/mcp/resources.ts";
import { bashPlace, outputOf } from "../tools/bash-place.ts";

test("a log as a resource shows no secret, however it is coloured, nor the beginning of one that is being written", async () => {
  await using at = await bashPlace({ secrets: ["correct horse battery"] });
  const command = "printf 'correct \\033[1mhorse\\033[0m battery\\nit is correct hor'; exec sleep 123";
  const started = await at.bash(command, { background: true, wait_for: "it is" });
  const uri = `berth://processes/${outputOf(started).process}/log`;
  const conversation = { tools: async () => at.tools };
  const read = async () => (await readResource(conversation, uri, new AbortController().signal)).contents;
  const text = "[secret]\nit is ";
  assert.deepEqual(await read(), [{ uri, mimeType: "text/plain", text }]);
  await at.tools.call("bash_kill", { process: outputOf(started).process });
  assert.deepEqual(await read(), [{ uri, mimeType: "text/plain", text: `${text}correct hor` }]);
});
