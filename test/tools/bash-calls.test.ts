import assert from "node:assert/strict";
import { test } from "node:test";
import * as z from "zod";
import { berthError } from "../../src/contract/errors.ts";
import type { Command, ExecOptions } from "../../src/contract/process.ts";
import type { Runtime } from "../../src/contract/runtime.ts";
import { createTools } from "../../src/tools/create.ts";
import type { ToolCall } from "../../src/tools/hooks.ts";
import type { ToolResult } from "../../src/tools/tool.ts";
import { bashPlace, outputOf, textOf } from "./bash-place.ts";

test("input is checked, with every field that is wrong, and nothing is done", async () => {
  await using at = await bashPlace();
  const wrong = await at.bash("touch made", { timeout_ms: 1e9, cmd: "x" });
  assert.equal(wrong.error?.code, "tool.input_invalid");
  assert.match(
    textOf(wrong),
    /does not fit bash: timeout_ms: .*600000; Unrecognized key: "cmd" \(tool\.input_invalid\)/,
  );
  for (const input of [undefined, null, "text", [], {}, { command: "" }, { command: 7 }]) {
    assert.equal((await at.tools.call("bash", input)).error?.code, "tool.input_invalid");
  }
  assert.equal(await at.runtime.fs.exists("made"), false);
  const nulls = await at.tools.call("bash", {
    command: "echo ok",
    cwd: null,
    timeout_ms: null,
    background: null,
  });
  assert.equal(outputOf(nulls).output, "ok");
  const unknown = await at.tools.call("shell", {});
  assert.equal(unknown.error?.code, "tool.unknown");
});

test("every result fits the schema that it is announced with, and both are objects in JSON Schema", async () => {
  await using at = await bashPlace();
  const { process } = outputOf(await at.bash("cat", { background: true }));
  const calls: readonly (readonly [string, unknown])[] = [
    ["bash", { command: "echo a; exit 3" }],
    ["bash", { command: "cat", background: true, wait_for: "x", timeout_ms: 20 }],
    ["bash_output", {}],
    ["bash_output", { process, wait: "output", timeout_ms: 20 }],
    ["bash_input", { process, text: "a\n" }],
    ["bash_input", { process, text: "a\n", wait: "output" }],
    ["bash_kill", { process }],
  ];
  for (const [name, input] of calls) {
    const tool = at.tools.get(name)!;
    const result = await tool.call(input);
    assert.deepEqual(z.strictObject(shapeOf(tool.output)).parse(result.output), result.output, name);
  }
  for (const tool of at.tools.list) {
    for (const schema of [tool.input, tool.output]) {
      assert.equal((z.toJSONSchema(schema) as { type?: string }).type, "object", tool.name);
    }
  }
});

function shapeOf(schema: z.ZodType): z.ZodRawShape {
  assert.ok(schema instanceof z.ZodObject);
  return schema.shape;
}

test("a hook approves, refuses with a reason, or rewrites, which is checked again", async () => {
  const seen: ToolCall[] = [];
  await using at = await bashPlace({
    hooks: {
      before: async (call) => {
        seen.push(call);
        const { command } = call.input as { command: string };
        if (command.startsWith("rm")) return { refuse: "nothing is removed here" };
        if (command === "rewrite") return { input: { command: "echo rewritten" } };
        if (command === "spoil") return { input: { command: "" } };
        if (command === "throw") throw new Error("of the hook");
        return undefined;
      },
    },
  });
  assert.equal(outputOf(await at.bash("echo approved")).output, "approved");
  assert.equal(outputOf(await at.bash("rewrite")).output, "rewritten");
  await at.bash("touch precious");
  const refused = await at.bash("rm precious");
  assert.equal(refused.error?.code, "tool.refused");
  assert.match(textOf(refused), /^the call was refused: nothing is removed here \(tool\.refused\)/);
  assert.equal(await at.runtime.fs.exists("precious"), true);
  assert.equal((await at.bash("spoil")).error?.code, "tool.input_invalid");
  assert.equal((await at.bash("throw")).error?.code, "tool.hook_failed");
  const named = await at.tools.call("bash", { command: "true" }, { callId: "mine" });
  assert.equal(named.isError, false);
  assert.deepEqual(seen.at(-1), {
    id: "mine",
    tool: "bash",
    readOnly: false,
    input: { command: "true" },
  });
  assert.equal(new Set(seen.map(({ id }) => id)).size, seen.length);
});

test("a hook sees each result with how long it took, and may hand out another", async () => {
  const seen: [ToolCall, ToolResult, number][] = [];
  await using at = await bashPlace({
    secrets: ["hunter2-hunter2"],
    hooks: {
      after: (call, result, durationMs) => {
        seen.push([call, result, durationMs]);
        const { command } = call.input as { command: string };
        if (command === "throw") throw new Error("of the hook");
        if (command !== "echo other") return undefined;
        return {
          isError: false,
          output: { a: "hunter2-hunter2" },
          content: [{ type: "text", text: "hunter2-hunter2!" }],
        };
      },
    },
  });
  await at.bash("echo hunter2-hunter2; sleep 0.05; exit 2");
  const [call, result, durationMs] = seen[0]!;
  assert.equal(call.tool, "bash");
  assert.match(textOf(result), /^\[secret\]\n\[exit code 2/);
  assert.ok(durationMs >= 50);
  const other = await at.bash("echo other");
  assert.equal(textOf(other), "[secret]!");
  assert.deepEqual(other.output, { a: "[secret]" });
  assert.equal((await at.bash("throw")).error?.code, "tool.hook_failed");
  await at.bash("");
  assert.equal(seen.length, 3);
});

test("what watches output and throws ends the command, and is told as the program's defect", async () => {
  await using at = await bashPlace();
  const result = await at.tools.call(
    "bash",
    { command: "echo a; sleep 99" },
    {
      onOutput: () => {
        throw new Error("of the listener");
      },
    },
  );
  assert.equal(result.error?.code, "tool.hook_failed");
});

const SECRET = "correct horse battery";

test("secrets are masked in results, in errors, and in output that is watched, however it is cut", async () => {
  const limits = { maxBytes: 300, maxLineBytes: 120, maxLines: 12 };
  await using at = await bashPlace({ secrets: [SECRET], limits });
  const parts = /correct|horse|battery/;
  const commands = [
    `echo "key: ${SECRET}"`,
    `for part in correct horse battery; do printf '%s' "$part"; [ $part = battery ] || printf ' '; sleep 0.02; done`,
    `printf '%s\\n' ${Buffer.from(SECRET).toString("base64")}`,
    `printf 'corr\\033[1mect horse battery\\033[0m\\n'`,
    `yes '${SECRET} ' | head -n 900`,
    ...Array.from(
      { length: 12 },
      (_, index) => `printf '%${index * 7}s' ''; yes '${SECRET}' | head -n 900 | tr -d '\\n'`,
    ),
  ];
  for (const command of commands) {
    let live = "";
    for (const options of [{}, { onOutput: (text: string) => (live += text) }]) {
      const result = await at.tools.call("bash", { command }, options);
      const all = textOf(result) + JSON.stringify(result.output);
      assert.ok(!parts.test(all), `${command}: ${all}`);
      assert.match(all, /\[secret\]/);
    }
    // Escape sequences stay in what is watched, and what they divide is not found.
    if (!command.includes("\\033")) assert.ok(!parts.test(live.slice(0, -SECRET.length)), live.slice(-200));
  }
  const failed = await at.bash("true", { cwd: SECRET });
  assert.equal(failed.isError, true);
  assert.ok(!parts.test(JSON.stringify(failed)), JSON.stringify(failed));
});

test("output may be told as it is; what Berth says is masked all the same", async () => {
  await using at = await bashPlace({ secrets: [SECRET], maskOutput: false });
  assert.equal(outputOf(await at.bash(`echo "${SECRET}"`)).output, SECRET);
  const failed = await at.bash("true", { cwd: SECRET });
  assert.ok(!JSON.stringify(failed).includes("horse"), JSON.stringify(failed));
});

test("which tools there are: all, those that are asked for, those that change nothing", async () => {
  await using at = await bashPlace();
  assert.deepEqual(
    at.tools.list.slice(0, 4).map(({ name }) => name),
    ["bash", "bash_output", "bash_input", "bash_kill"],
  );
  await using some = await createTools(at.runtime, { tools: ["bash_output", "bash"] });
  assert.deepEqual(
    some.list.map(({ name }) => name),
    ["bash_output", "bash"],
  );
  await using looking = await createTools(at.runtime, { readOnly: true });
  assert.ok(looking.list.length > 0);
  assert.ok(looking.list.every(({ readOnly, name }) => readOnly && !name.startsWith("bash")));
  await assert.rejects(createTools(at.runtime, { readOnly: true, tools: ["bash"] }), {
    code: "runtime.capability_unsupported",
  });
  await assert.rejects(createTools(at.runtime, { root: "relative" }), { code: "config.invalid" });
  await assert.rejects(createTools(at.runtime, { limits: { maxBytes: 0 } }), { code: "config.invalid" });
});

test("where there is no daemon, commands have no background, and the model is told", async () => {
  await using at = await bashPlace();
  const without = { ...at.runtime.capabilities, daemon: false, spawn: false, resume: false, tty: false };
  const runtime: Runtime = Object.create(at.runtime, {
    capabilities: { value: without },
    exec: { value: at.runtime.exec.bind(at.runtime) },
    description: { value: "bare place" },
    workdir: { value: at.runtime.workdir },
  });
  await using tools = await createTools(runtime);
  assert.deepEqual(
    tools.list.filter(({ name }) => name.startsWith("bash")).map(({ name }) => name),
    ["bash"],
  );
  assert.match(tools.get("bash")!.description, /Background commands are not available here/);
  const refused = await tools.call("bash", { command: "sleep 1", background: true });
  assert.equal(refused.error?.code, "tool.input_invalid");
  const long = await tools.call("bash", { command: "seq 100000" });
  assert.match(textOf(long), /nothing keeps the rest here: write it to a file, or ask for less …/);
  await assert.rejects(createTools(runtime, { tools: ["bash_kill"] }), {
    code: "runtime.capability_unsupported",
  });
});

test("a daemon that is older and keeps no output in files runs commands all the same", async () => {
  await using at = await bashPlace();
  const asked: boolean[] = [];
  const runtime: Runtime = Object.create(at.runtime, {
    capabilities: { value: at.runtime.capabilities },
    description: { value: "older place" },
    workdir: { value: at.runtime.workdir },
    exec: {
      value: (command: Command, options: ExecOptions) => {
        asked.push(options.keepOutput !== undefined);
        return options.keepOutput === undefined
          ? at.runtime.exec(command, options)
          : Promise.reject(berthError("wire.feature_unknown", { context: { feature: "keepOutput" } }));
      },
    },
  });
  await using tools = await createTools(runtime);
  assert.equal(outputOf(await tools.call("bash", { command: "echo a; exit 3" })).exit_code, 3);
  const long = await tools.call("bash", { command: "seq 100000" });
  assert.match(textOf(long), /nothing keeps the rest here/);
  assert.deepEqual(asked, [false, true, false, false]);
});

test("however many whole outputs there are, the file tools go on, and read each of them alone", async () => {
  await using at = await bashPlace({ limits: { maxLines: 3 } });
  await at.bash("echo in the root > file");
  const run = (number: number) => at.bash(`seq ${number} ${number + 9}`).then(outputOf);
  const outputs = await Promise.all(Array.from({ length: 80 }, (_, number) => run(number)));
  assert.match(await at.text("file_read", { path: "file" }), /in the root/);
  assert.equal(await at.text("grep", { pattern: "root" }), "file:1:in the root");
  const path = outputs[17]?.output_file ?? "";
  assert.match(await at.text("file_read", { path, offset: 4, limit: 1 }), /^ {5}4\t20\n/);
  assert.match(await at.text("grep", { pattern: "2[0]", path }), /output\.log:4:20/);
});
