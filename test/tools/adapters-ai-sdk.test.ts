import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { convertToModelMessages, generateText, isStepCount, streamText } from "ai";
import { MockLanguageModelV4, simulateReadableStream } from "ai/test";
import { type AiToolOutput, aiTools } from "../../src/tools/ai-sdk.ts";
import { fileTools } from "../fixtures/file-tools.ts";
import { waitFor } from "../fixtures/process.ts";

const USAGE = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};
const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

type Streamed = Awaited<ReturnType<MockLanguageModelV4["doStream"]>>["stream"];
type StreamPart = Streamed extends ReadableStream<infer Part> ? Part : never;
type Call = readonly [id: string, name: string, input: unknown];

/** A model that makes these calls, a step each, and then says that it is done. */
function model(...steps: readonly (readonly Call[])[]): MockLanguageModelV4 {
  let step = 0;
  const next = () => {
    const calls = steps[step++] ?? [];
    const content =
      calls.length === 0
        ? [{ type: "text" as const, text: "done" }]
        : calls.map(([toolCallId, toolName, input]) => ({
            type: "tool-call" as const,
            toolCallId,
            toolName,
            input: JSON.stringify(input),
          }));
    const unified = calls.length === 0 ? ("stop" as const) : ("tool-calls" as const);
    return { content, finishReason: { unified, raw: undefined }, usage: USAGE, warnings: [] };
  };
  return new MockLanguageModelV4({
    doGenerate: async () => next(),
    doStream: async () => {
      const { content, finishReason, usage } = next();
      const parts = content.flatMap((part): StreamPart[] =>
        part.type === "tool-call"
          ? [part]
          : [
              { type: "text-start", id: "t" },
              { type: "text-delta", id: "t", delta: part.text },
              { type: "text-end", id: "t" },
            ],
      );
      const start: StreamPart = { type: "stream-start", warnings: [] };
      const finish: StreamPart = { type: "finish", finishReason, usage };
      return { stream: simulateReadableStream({ chunks: [start, ...parts, finish] }) };
    },
  });
}

/** What the model's last request tells of a call. */
function told(mock: MockLanguageModelV4, id: string) {
  const calls = [...mock.doGenerateCalls, ...mock.doStreamCalls];
  const parts = (calls.at(-1)?.prompt ?? []).flatMap(({ role, content }) => (role === "tool" ? content : []));
  const part = parts.find((one) => one.type === "tool-result" && one.toolCallId === id);
  assert.ok(part?.type === "tool-result");
  return part.output;
}

function text(output: ReturnType<typeof told>): string {
  return output.type === "text" || output.type === "error-text" ? output.value : "";
}

test("ai: a model calls the tools, and is told of exit codes, errors, unfit input and images", async () => {
  await using hands = await fileTools();
  await writeFile(join(hands.root, "dot.png"), PNG);
  const mock = model(
    [
      ["c1", "bash", { command: "echo out; exit 7", cwd: null }],
      ["c2", "file_read", { path: "dot.png" }],
    ],
    [
      ["c3", "file_edit", { path: "nowhere", edits: [{ old_text: "a", new_text: "b" }] }],
      ["c4", "bash", { comand: "true" }],
    ],
    // As it was asked for: the second sees what the first has done.
    [
      ["c5", "bash", { command: "sleep 0.1; echo made >made.txt" }],
      ["c6", "bash", { command: "cat made.txt" }],
    ],
  );
  const result = await generateText({
    model: mock,
    tools: aiTools(hands.tools),
    prompt: "mend it",
    stopWhen: isStepCount(10),
    toolCallConcurrency: 1,
  });
  assert.equal(result.text, "done");
  assert.match(text(told(mock, "c1")), /^out\n\[exit code 7, /);
  assert.equal(told(mock, "c1").type, "text", "an exit code is a result");
  const image = told(mock, "c2");
  assert.ok(image.type === "content");
  assert.match(image.value[0]?.type === "text" ? image.value[0].text : "", /image\/png, 70 bytes/);
  const file = image.value[1];
  assert.ok(file?.type === "file");
  assert.equal(file.mediaType, "image/png");
  assert.deepEqual(file.data, { type: "data", data: PNG.toString("base64") });
  assert.equal(told(mock, "c3").type, "error-text");
  assert.match(text(told(mock, "c3")), /nowhere.*\(ENOENT\)/);
  // Berth's own words, not those of the SDK, which lists what its schema says.
  assert.match(text(told(mock, "c4")), /^the input does not fit bash: .*comand/);
  assert.match(text(told(mock, "c6")), /^made\n/);
  // The schemas go to the model as they are.
  const sent = mock.doGenerateCalls[0]?.tools?.find(({ name }) => name === "bash");
  assert.ok(sent?.type === "function");
  assert.deepEqual(sent.inputSchema.required, ["command"]);
  assert.match(sent.description ?? "", /^Runs a command in /);
});

test("ai: results are JSON that fits the output schema, so that a kept conversation goes on", async () => {
  await using hands = await fileTools();
  await writeFile(join(hands.root, "dot.png"), PNG);
  const tools = aiTools(hands.tools);
  const { steps } = await generateText({
    model: model([["c1", "file_read", { path: "dot.png" }]]),
    tools,
    prompt: "look",
    stopWhen: isStepCount(3),
  });
  const output = steps[0]?.toolResults[0]?.output as AiToolOutput;
  const kept = JSON.parse(JSON.stringify(output));
  assert.deepEqual(kept, output);
  const { outputSchema } = tools.file_read ?? {};
  assert.ok(
    outputSchema !== undefined && "parse" in outputSchema && typeof outputSchema.parse === "function",
  );
  assert.deepEqual(outputSchema.parse(kept), output);
  const part = { type: "tool-file_read", toolCallId: "c1", state: "output-available" } as const;
  const messages = await convertToModelMessages(
    [{ role: "assistant", parts: [{ ...part, input: { path: "dot.png" }, output: kept }] }],
    { tools },
  );
  assert.match(JSON.stringify(messages), new RegExp(PNG.toString("base64").replace(/[+/]/g, "\\$&")));
});

test("ai: what a command writes comes while it runs, and a signal ends it", async () => {
  await using hands = await fileTools();
  const go = join(hands.root, "go");
  const controller = new AbortController();
  const mock = model(
    [["c1", "bash", { command: "echo started; until [ -e go ]; do sleep 0.02; done; echo over; exit 3" }]],
    [["c2", "bash", { command: "touch running; echo endless; exec sleep 300" }]],
  );
  const result = streamText({
    model: mock,
    tools: aiTools(hands.tools),
    prompt: "run it",
    stopWhen: isStepCount(5),
    abortSignal: controller.signal,
  });
  const outputs: AiToolOutput[] = [];
  let isAborted = false;
  for await (const part of result.fullStream) {
    if (part.type === "abort") isAborted = true;
    if (part.type !== "tool-result") continue;
    const output = part.output as AiToolOutput;
    if (part.toolCallId === "c1") outputs.push(output);
    if (part.toolCallId === "c1" && part.preliminary === true && output.running === true)
      await writeFile(go, "");
    if (part.toolCallId === "c2") controller.abort();
  }
  assert.deepEqual(outputs[0], {
    isError: false,
    content: [{ type: "text", text: "started\n" }],
    running: true,
  });
  const last = outputs.at(-1);
  assert.equal(last?.running, undefined);
  assert.match(
    last?.content[0]?.type === "text" ? last.content[0].text : "",
    /^started\nover\n\[exit code 3, /,
  );
  assert.equal((last?.output as { exit_code: number } | undefined)?.exit_code, 3);
  assert.equal(isAborted, true);
  assert.ok(existsSync(join(hands.root, "running")));
  const { runtime } = hands.tools.context;
  await waitFor("the end of the command", async () =>
    (await runtime.processes()).every(({ state }) => state !== "running"),
  );
});

test("ai: live results have as much of the output as a result may have, its end; without live there are none", async () => {
  await using hands = await fileTools({ limits: { maxBytes: 100 } });
  const outputs = async (live: boolean): Promise<AiToolOutput[]> => {
    const { bash } = aiTools(hands.tools, { live });
    const command = "i=0; while [ $i -lt 200 ]; do echo line $i; i=$((i+1)); done; touch written; sleep 0.3";
    const options = { toolCallId: "c1", messages: [], context: {} };
    const result = bash?.execute?.({ command }, options);
    if (result === undefined || !isIterable(result)) return [(await result) as AiToolOutput];
    const all: AiToolOutput[] = [];
    for await (const one of result) all.push(one);
    return all;
  };
  const live = await outputs(true);
  assert.ok(live.length >= 2);
  for (const { content, running } of live.slice(0, -1)) {
    assert.equal(running, true);
    assert.ok(content[0]?.type === "text" && content[0].text.length <= 100);
  }
  const [only, ...more] = await outputs(false);
  assert.deepEqual(more, []);
  assert.match(only?.content[0]?.type === "text" ? only.content[0].text : "", /bytes left out/);
});

function isIterable(result: unknown): result is AsyncIterable<AiToolOutput> {
  return Symbol.asyncIterator in Object(result);
}
