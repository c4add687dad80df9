import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import Ajv2020 from "ajv/dist/2020.js";
import OpenAI from "openai";
import type { ChatCompletionMessageParam } from "openai/resources/chat/completions";
import type { ResponseInputItem } from "openai/resources/responses/responses";
import { anthropicTools, runAnthropicCalls } from "../../src/tools/anthropic.ts";
import { chatTools, responsesTools, runChatCalls, runResponsesCalls } from "../../src/tools/openai.ts";
import { type FileTools, fileTools } from "../fixtures/file-tools.ts";
import {
  type Body,
  type FakeApi,
  type FakeCall,
  fakeChatApi,
  fakeMessagesApi,
  fakeResponsesApi,
} from "../fixtures/model-apis.ts";

/** The smallest PNG: one pixel. */
const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);
const PROMPT = "mend it";

/** A vendor's API: how the calls of a conversation go through it, and how its requests tell what came of them. */
interface Vendor {
  readonly name: string;
  api(answers: readonly (readonly FakeCall[] | string)[]): FakeApi;
  /** The loop that a harness has: asks, runs the calls, and asks again, until the model has nothing to run. */
  converse(api: FakeApi, hands: FileTools): Promise<string>;
  /** What the last request tells of the result of a call. */
  told(request: Body, id: string): { readonly text: string; readonly images: readonly string[] };
  failed(request: Body, id: string): boolean;
}

const RESPONSES: Vendor = {
  name: "openai, Responses",
  api: fakeResponsesApi,
  async converse(api, { tools }) {
    const client = new OpenAI({ apiKey: "none", fetch: api.fetch, maxRetries: 0 });
    const input: ResponseInputItem[] = [{ role: "user", content: PROMPT }];
    for (;;) {
      const response = await client.responses
        .stream({ model: "fake", input, tools: responsesTools(tools) })
        .finalResponse();
      const outputs = await runResponsesCalls(tools, response.output);
      if (outputs.length === 0) return response.output_text;
      input.push(...(response.output as ResponseInputItem[]), ...outputs);
    }
  },
  told(request, id) {
    const { output } = request.input.find(
      (item: Body) => item.type === "function_call_output" && item.call_id === id,
    );
    if (typeof output === "string") return { text: output, images: [] };
    const of = (type: string) => output.filter((part: Body) => part.type === type);
    return {
      text: of("input_text")
        .map(({ text }: Body) => text)
        .join("\n"),
      images: of("input_image").map(({ image_url }: Body) => image_url),
    };
  },
  failed(request, id) {
    return this.told(request, id).text.startsWith("Error: ");
  },
};

const CHAT: Vendor = {
  name: "openai, Chat Completions",
  api: fakeChatApi,
  async converse(api, { tools }) {
    const client = new OpenAI({ apiKey: "none", fetch: api.fetch, maxRetries: 0 });
    const messages: ChatCompletionMessageParam[] = [{ role: "user", content: PROMPT }];
    for (;;) {
      const completion = await client.chat.completions
        .stream({ model: "fake", messages, tools: chatTools(tools) })
        .finalChatCompletion();
      const message = completion.choices[0]?.message;
      assert.ok(message !== undefined);
      if ((message.tool_calls ?? []).length === 0) return message.content ?? "";
      messages.push(message, ...(await runChatCalls(tools, message.tool_calls)));
    }
  },
  told({ messages }, id) {
    const index = messages.findIndex((message: Body) => message.tool_call_id === id);
    const next = messages.slice(index).find((message: Body) => message.role === "user");
    const images = next === undefined ? [] : next.content.filter(({ type }: Body) => type === "image_url");
    return { text: messages[index].content, images: images.map(({ image_url }: Body) => image_url.url) };
  },
  failed(request, id) {
    return this.told(request, id).text.startsWith("Error: ");
  },
};

const ANTHROPIC: Vendor = {
  name: "anthropic",
  api: fakeMessagesApi,
  async converse(api, { tools }) {
    const client = new Anthropic({ apiKey: "none", fetch: api.fetch, maxRetries: 0 });
    const messages: Anthropic.MessageParam[] = [{ role: "user", content: PROMPT }];
    for (;;) {
      const message = await client.messages
        .stream({ model: "fake", max_tokens: 1_000, messages, tools: anthropicTools(tools) })
        .finalMessage();
      if (message.stop_reason !== "tool_use") {
        return message.content.map((block) => (block.type === "text" ? block.text : "")).join("");
      }
      messages.push({ role: "assistant", content: message.content });
      messages.push({ role: "user", content: await runAnthropicCalls(tools, message.content) });
    }
  },
  told(request, id) {
    const { content } = resultBlock(request, id);
    const of = (type: string) => content.filter((part: Body) => part.type === type);
    return {
      text: of("text")
        .map(({ text }: Body) => text)
        .join("\n"),
      images: of("image").map(
        ({ source }: Body) => `data:${source.media_type};${source.type},${source.data}`,
      ),
    };
  },
  failed: (request, id) => resultBlock(request, id).is_error,
};

function resultBlock({ messages }: Body, id: string): Body {
  return messages
    .flatMap(({ content }: Body) => (typeof content === "string" ? [] : content))
    .find(({ tool_use_id }: Body) => tool_use_id === id);
}

for (const vendor of [RESPONSES, CHAT, ANTHROPIC]) {
  test(`${vendor.name}: the vendor's client takes the tools, and what came of calls reaches the next request`, async () => {
    await using hands = await fileTools();
    await writeFile(join(hands.root, "a.txt"), "one\n");
    await writeFile(join(hands.root, "dot.png"), PNG);
    const api = vendor.api([
      [
        {
          id: "c1",
          name: "bash",
          input: { command: "echo out; echo err >&2; exit 7", timeout_ms: null, cwd: null },
        },
        { id: "c2", name: "file_read", input: { path: "dot.png", offset: null, limit: null, files: null } },
      ],
      [
        {
          id: "c3",
          name: "file_edit",
          input: { path: "nowhere", edits: [{ old_text: "a", new_text: "b" }] },
        },
        { id: "c4", name: "no_such_tool", input: {} },
        // Null where a field is not meant, also inside of others.
        {
          id: "c5",
          name: "file_edit",
          input: {
            path: "a.txt",
            edits: [{ old_text: "one", new_text: "two", replace_all: null, insert_line: null }],
          },
        },
        // In the order asked for: it sees the edit before it.
        { id: "c6", name: "bash", input: { command: "cat a.txt" } },
      ],
      "done",
    ]);
    assert.equal(await vendor.converse(api, hands), "done");
    const last = api.requests.at(-1);
    assert.equal(api.requests.length, 3);
    assert.match(vendor.told(last, "c1").text, /^out\nerr\n\[exit code 7, /);
    assert.equal(vendor.failed(last, "c1"), false, "an exit code is a result");
    assert.match(vendor.told(last, "c2").text, /image\/png, 70 bytes/);
    assert.deepEqual(vendor.told(last, "c2").images, [`data:image/png;base64,${PNG.toString("base64")}`]);
    assert.match(vendor.told(last, "c3").text, /nowhere/);
    assert.equal(vendor.failed(last, "c3"), true);
    assert.match(vendor.told(last, "c4").text, /there is no tool no_such_tool \(tool\.unknown\)/);
    assert.equal(vendor.failed(last, "c4"), true);
    assert.match(vendor.told(last, "c5").text, /\+two/);
    assert.equal(vendor.failed(last, "c5"), false);
    assert.match(vendor.told(last, "c6").text, /^two\n/);
    assert.equal(await readFile(join(hands.root, "a.txt"), "utf8"), "two\n");
  });
}

test("openai: arguments that are no JSON, or were cut off, are told to the model and nothing is done", async () => {
  await using hands = await fileTools();
  const call = (id: string, text: string) =>
    ({ type: "function_call", call_id: id, name: "bash", arguments: text }) as const;
  const outputs = await runResponsesCalls(hands.tools, [
    call("c1", '{"command":"touch made'),
    call("c2", '"touch made"'),
    call("c3", ""),
  ]);
  assert.deepEqual(
    outputs.map(({ call_id }) => call_id),
    ["c1", "c2", "c3"],
  );
  const texts = outputs.map(({ output }) => String(output));
  assert.match(texts[0] ?? "", /^Error: the input of bash is not JSON: .*\(tool\.input_invalid\)/);
  assert.match(texts[1] ?? "", /^Error: the input does not fit bash/);
  assert.match(texts[2] ?? "", /^Error: the input does not fit bash: command/);
  assert.equal(existsSync(join(hands.root, "made")), false);
});

test("schemas for vendors: what fits them fits the tool, strict ones are closed and complete, plain ones leave out", async () => {
  await using hands = await fileTools();
  const ajv = new Ajv2020.default({ strict: false });
  const strict = new Map(responsesTools(hands.tools).map((tool) => [tool.name, tool]));
  const plain = new Map(responsesTools(hands.tools, { strict: false }).map((tool) => [tool.name, tool]));
  const own = new Map(anthropicTools(hands.tools).map((tool) => [tool.name, tool]));
  assert.deepEqual(
    [...strict.keys()],
    hands.tools.list.map(({ name }) => name),
  );
  for (const tool of hands.tools.list) {
    assert.equal(strict.get(tool.name)?.strict, true);
    assert.equal(plain.get(tool.name)?.strict, false);
    assert.deepEqual(plain.get(tool.name)?.parameters, own.get(tool.name)?.input_schema);
    // Every schema is one that validators take.
    ajv.compile(strict.get(tool.name)?.parameters ?? {});
    ajv.compile(own.get(tool.name)?.input_schema ?? {});
  }
  const fits = (name: string, input: unknown) => ajv.compile(strict.get(name)?.parameters ?? {})(input);
  const edit = { old_text: "a", new_text: "b", replace_all: null, insert_line: null };
  assert.equal(fits("file_edit", { path: "a", edits: [edit] }), true);
  assert.equal(fits("file_edit", { path: "a", edits: [{ old_text: "a", new_text: "b" }] }), false);
  assert.equal(fits("file_edit", { path: null, edits: [edit] }), false, "what is required is not null");
  const wait = { process: null, wait_for: null, wait: null, timeout_ms: null, from: null };
  assert.equal(fits("bash_output", wait), true);
  assert.equal(fits("bash_output", { ...wait, wait: "exit" }), true);
  assert.equal(fits("bash_output", { ...wait, wait: "soon" }), false);
});

test("calls of one message: reads run at once, what changes something waits for its turn, and all end with the signal", async () => {
  await using hands = await fileTools();
  await writeFile(join(hands.root, "a.txt"), "a\n");
  await writeFile(join(hands.root, "b.txt"), "b\n");
  const block = (id: string, name: string, input: unknown) =>
    ({ type: "tool_use", id, name, input, caller: { type: "direct" } }) as const;
  hands.requests();
  await runAnthropicCalls(hands.tools, [
    block("r1", "grep", { pattern: "a" }),
    block("r2", "file_read", { path: "b.txt" }),
    block("r3", "list", {}),
  ]);
  assert.ok(hands.together >= 2, "reads are asked for at once");

  const seen: string[] = [];
  const controller = new AbortController();
  const results = await runAnthropicCalls(
    hands.tools,
    [
      block("c1", "bash", { command: "echo first; sleep 300" }),
      block("c2", "file_write", { path: "late.txt", content: "" }),
    ],
    {
      signal: controller.signal,
      onOutput: (text, { id, name }) => {
        seen.push(`${id} ${name} ${text}`);
        controller.abort();
      },
    },
  );
  assert.deepEqual(seen, ["c1 bash first\n"]);
  assert.deepEqual(
    results.map(({ tool_use_id, is_error }) => [tool_use_id, is_error]),
    [
      ["c1", true],
      ["c2", true],
    ],
  );
  assert.match(JSON.stringify(results[0]?.content), /operation\.aborted/);
  assert.equal(existsSync(join(hands.root, "late.txt")), false);
});
