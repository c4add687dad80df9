import assert from "node:assert/strict";
import { test } from "node:test";
import { isBerthError } from "../../src/contract/errors.ts";
import { createTools } from "../../src/tools/create.ts";
import type { ToolHooks } from "../../src/tools/hooks.ts";
import type { ToolOptions } from "../../src/tools/tool.ts";
import { bashPlace, outputOf, textOf } from "./bash-place.ts";

/** What programs without types give. */
const hooksOf = (hooks: unknown) => ({ hooks: hooks as ToolHooks });

test("hooks of programs without types: null is nothing, and what is no decision decides nothing", async () => {
  await using at = await bashPlace(hooksOf({ before: () => null, after: () => null }));
  assert.equal(outputOf(await at.bash("echo ran")).output, "ran");
  for (const said of [true, {}, { refuse: undefined }, { refuse: undefined, input: { command: "true" } }]) {
    await using other = await bashPlace(hooksOf({ before: () => said }));
    const result = await other.bash("touch done");
    assert.equal(result.error?.code, "tool.hook_failed", JSON.stringify(said));
    assert.equal(await other.runtime.fs.exists("done"), false);
  }
});

test("no hook holds back the end of a call or of the tools", async () => {
  const never = () => new Promise<never>(() => {});
  for (const hooks of [{ before: never }, { after: never }]) {
    await using at = await bashPlace();
    const tools = await createTools(at.runtime, { hooks });
    const stop = new AbortController();
    const aborted = tools.call("bash", { command: "sleep 120" }, { signal: stop.signal });
    const closed = tools.call("bash", { command: "sleep 121" });
    stop.abort();
    const { error } = await aborted;
    assert.equal(error?.code, "before" in hooks ? "operation.aborted" : "tool.hook_failed");
    await tools.close();
    assert.equal((await closed).error?.code, "before" in hooks ? "runtime.closed" : "tool.hook_failed");
  }
});

test("a hook behind an aborted call is still told of it", async () => {
  const told: (string | undefined)[] = [];
  await using at = await bashPlace(
    hooksOf({
      after: (_call: unknown, { error }: { error?: { code: string } }) => void told.push(error?.code),
    }),
  );
  const result = await at.tools.call("bash", { command: "sleep 122" }, { signal: AbortSignal.timeout(50) });
  assert.equal(result.isError, true);
  assert.equal(told.length, 1);
});

test("input that is in itself, or without end deep, is told as input that does not fit", async () => {
  await using at = await bashPlace();
  const loop: Record<string, unknown> = { command: "true" };
  loop.self = loop;
  let deep: unknown = {};
  for (let level = 0; level < 50_000; level++) deep = { deep };
  for (const input of [loop, { command: "true", deep }]) {
    const result = await at.tools.call("bash", input);
    assert.equal(result.error?.code, "tool.input_invalid", textOf(result).slice(0, 300));
  }
});

test("options that no call could be made with are refused when the tools are made", async () => {
  await using at = await bashPlace();
  const wrong: readonly ToolOptions[] = [
    { bash: { leaseMs: 0 } },
    { bash: { leaseMs: Number.NaN } },
    { extraRoots: Array.from({ length: 64 }, (_, number) => `/${number}`) },
  ];
  for (const options of wrong) {
    await assert.rejects(createTools(at.runtime, options), (error) => isBerthError(error, "config.invalid"));
  }
  await at.bash("echo in the root > file");
  const extraRoots = Array.from({ length: 63 }, (_, number) => `/${number}`);
  await using tools = await createTools(at.runtime, {
    extraRoots: [...extraRoots, ...extraRoots],
    tools: ["file_read", "file_read"],
  });
  assert.deepEqual(
    tools.list.map(({ name }) => name),
    ["file_read"],
  );
  assert.match(textOf(await tools.call("file_read", { path: "file" })), /in the root/);
});

test("a path without end is a name that is too long, for every tool", async () => {
  await using at = await bashPlace();
  const path = "name/".repeat(5_000);
  const calls: readonly (readonly [string, unknown])[] = [
    ["bash", { command: "true", cwd: path }],
    ["file_read", { path }],
    ["file_write", { path, content: "" }],
    ["file_edit", { path, edits: [{ insert_line: 0, new_text: "x" }] }],
    ["apply_patch", { patch: `*** Begin Patch\n*** Add File: ${path}x\n+x\n*** End Patch` }],
    ["list", { path }],
    ["glob", { path, pattern: "*" }],
    ["grep", { path, pattern: "x" }],
  ];
  for (const [name, input] of calls) {
    const result = await at.tools.call(name, input);
    assert.equal(result.error?.code, "ENAMETOOLONG", name);
    assert.ok(textOf(result).length < 1_000, name);
  }
});

test("a patch that adds a file which was read says what else to do", async () => {
  await using at = await bashPlace();
  await at.bash("echo one > known");
  await at.text("file_read", { path: "known" });
  const patch = "*** Begin Patch\n*** Add File: known\n+two\n*** End Patch";
  const said = await at.text("apply_patch", { patch });
  assert.match(
    said,
    /^line 2 of the patch: known is there already; nothing was changed \(EEXIST\)\n.*Update File/,
  );
});
