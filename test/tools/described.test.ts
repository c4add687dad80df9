import assert from "node:assert/strict";
import { test } from "node:test";
import * as z from "zod";
import type { Runtime } from "../../src/contract/runtime.ts";
import { inputSchema } from "../../src/tools/adapt.ts";
import { createTools } from "../../src/tools/create.ts";
import { TOOL_NAMES, type ToolOptions, type Tools } from "../../src/tools/tool.ts";
import { bashPlace } from "./bash-place.ts";

/** Letters of English text, names and JSON that make a token, about. */
const BYTES_PER_TOKEN = 4;
/** docs/tools.md tells it. */
const MAX_TOKENS = 3_500;

/** With a daemon, without one on this machine, without one elsewhere, and where nothing may be changed. */
async function eachPlace(look: (tools: Tools, where: string) => void): Promise<void> {
  await using at = await bashPlace();
  const withTools = async (where: string, runtime: Runtime, options: ToolOptions = {}) => {
    await using tools = await createTools(runtime, options);
    look(tools, where);
  };
  const like = (lacking: object): Runtime =>
    Object.create(at.runtime, {
      capabilities: { value: { ...at.runtime.capabilities, ...lacking } },
      description: { value: "container web-1" },
      workdir: { value: at.runtime.workdir },
      exec: { value: at.runtime.exec.bind(at.runtime) },
    });
  await withTools("daemon", at.runtime);
  await withTools("this process", like({ daemon: false, tty: false }));
  await withTools("bare", like({ daemon: false, spawn: false, resume: false, tty: false }));
  await withTools("read-only", at.runtime, { readOnly: true, extraRoots: ["/opt/shared"] });
}

test("what a model is told of all tools is short", async () => {
  const sizes: Record<string, number> = {};
  await eachPlace(({ list }, where) => {
    const told = list.map((tool) => tool.name + tool.description + JSON.stringify(inputSchema(tool)));
    sizes[where] = Math.round(Buffer.byteLength(told.join("")) / BYTES_PER_TOKEN);
    assert.ok(sizes[where] <= MAX_TOKENS, `${where}: ${sizes[where]} tokens`);
  });
  assert.equal(Object.keys(sizes).length, 4);
});

test("everything that tools take and give has a name in snake_case", async () => {
  await eachPlace(({ list }, where) => {
    for (const tool of list) {
      for (const schema of [inputSchema(tool), z.toJSONSchema(tool.output, { io: "output" })]) {
        const names = fieldNames(schema);
        assert.ok(names.length > 0);
        for (const name of names)
          assert.match(name, /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/, `${where}: ${tool.name}`);
      }
    }
  });
});

test("a model is told only of tools and fields that there are, and where paths begin", async () => {
  await eachPlace(({ list, context }, where) => {
    const offered = new Set<string>(list.map(({ name }) => name));
    // Those whose names are no common words.
    const missing = TOOL_NAMES.filter((name) => name.includes("_") && !offered.has(name));
    for (const tool of list) {
      const told = tool.description + JSON.stringify(inputSchema(tool));
      for (const name of missing) assert.ok(!told.includes(name), `${where}: ${tool.name} speaks of ${name}`);
      const fields = fieldNames(inputSchema(tool));
      for (const [, field = ""] of tool.description.matchAll(/\b([a-z_]+): true\b/g)) {
        assert.ok(fields.includes(field), `${where}: ${tool.name} speaks of ${field}`);
      }
      if (!tool.name.startsWith("bash_")) assert.ok(tool.description.includes(context.root), tool.name);
      const extra = context.options.extraRoots?.[0];
      if (extra !== undefined) assert.ok(tool.description.includes(`Also allowed: ${extra}.`));
    }
  });
});

function fieldNames(schema: unknown): string[] {
  if (typeof schema !== "object" || schema === null) return [];
  if (Array.isArray(schema)) return schema.flatMap(fieldNames);
  return Object.entries(schema).flatMap(([key, value]) =>
    key === "properties" && typeof value === "object" && value !== null
      ? Object.entries(value).flatMap(([name, field]) => [name, ...fieldNames(field)])
      : fieldNames(value),
  );
}
