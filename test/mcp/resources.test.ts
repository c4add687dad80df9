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

test("a binary file as a resource shows no secret", async () => {
  await using at = await bashPlace({ secrets: ["correct horse battery"] });
  await at.bash("printf 'a\\000correct horse battery' > held; printf 'a\\000b' > plain");
  const conversation = { tools: async () => at.tools };
  const read = async (name: string) =>
    (await readResource(conversation, `berth://files/${name}`, new AbortController().signal)).contents[0];
  assert.deepEqual(await read("held"), {
    uri: "berth://files/held",
    mimeType: "text/plain",
    text: "a\0[secret]",
  });
  assert.deepEqual(await read("plain"), {
    uri: "berth://files/plain",
    mimeType: "application/octet-stream",
    blob: Buffer.from("a\0b").toString("base64"),
  });
});
