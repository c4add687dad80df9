import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { flowOf } from "./flow.ts";
import {
  DEAD_AFTER_MS,
  FRAME,
  HANDSHAKE_TIMEOUT_MS,
  INITIAL_WINDOW_BYTES,
  MAX_FRAME_BYTES,
  MAX_JSON_CONTROL_BYTES,
  MAX_OPEN_STREAMS,
  MAX_PING_BYTES,
  MAX_SOCKET_QUEUE_BYTES,
  MAX_WINDOW_BYTES,
  PING_IDLE_MS,
  PROTOCOL_MAX,
  PROTOCOL_MIN,
} from "./frame.ts";
import { encodeFrame } from "./frame-codec.ts";
import { MAX_JSON_DEPTH } from "./json.ts";
import { helloSchema, type Method, methods } from "./messages.ts";
import { MAX_OUTPUT_RUNS } from "./output-frame.ts";
import { framesOf } from "./testing.ts";

const page = readFileSync(new URL("../../docs/protocol.md", import.meta.url), "utf8");
const sections = new Map(
  page
    .split(/^#### /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf("\n")), section.split(/^##/m)[0]!] as const),
);
const SHARED = ["user", "contained", "timeoutMs"];

test("every frame type is on the page with its number", () => {
  for (const [name, number] of Object.entries(FRAME)) {
    assert.match(page, new RegExp(`^\\| ${number} \\| ${name} \\|`, "m"));
  }
});

for (const method of Object.keys(methods) as Method[]) {
  test(`${method} is on the page with its parameters and its flow`, () => {
    const section = sections.get(`\`${method}\``);
    assert.ok(section !== undefined, "no section");
    for (const [name, schema] of Object.entries(methods[method].shape)) {
      const shared = method.startsWith("fs.") && SHARED.includes(name);
      if (shared || (method === "port.accept" && name !== "connection")) continue;
      const written = schema.safeParse(undefined).success ? `\`${name}\`?` : `\`${name}\``;
      assert.ok(section.includes(written), `${written} is missing`);
    }
    // Those that say "as" another have the other's flow.
    if (section.includes("**Frames** as")) return;
    const withInput = { stdin: "pipe", attach: {} };
    const flow = flowOf(method, withInput);
    const frames = section.slice(section.indexOf("**Frames**"));
    assert.equal(frames.includes("→ DATA"), flow.input, "input");
    const behindAnswer = frames.slice(frames.indexOf("← RESPONSE"));
    assert.equal(!/← (DATA|END|EVENT)/.test(behindAnswer), flow.lastIsResponse, "RESPONSE is last");
  });
}

test("no section is about a method that does not exist", () => {
  for (const name of sections.keys()) {
    if (name.startsWith("`")) assert.ok(Object.hasOwn(methods, name.slice(1, -1)), name);
  }
});

test("every field of HELLO is on the page", () => {
  for (const field of Object.keys(helloSchema.shape))
    assert.match(page, new RegExp(`^\\| \`${field}\` \\|`, "m"));
});

test("the limits on the page are those of the code", () => {
  const texts: [number, number, string][] = [
    [MAX_FRAME_BYTES, 1_048_576, "1,048,576"],
    [MAX_JSON_CONTROL_BYTES + 5, 65_541, "65,541 bytes"],
    [INITIAL_WINDOW_BYTES, 262_144, "262,144 bytes"],
    [MAX_WINDOW_BYTES, 8_388_608, "8,388,608 bytes"],
    [MAX_SOCKET_QUEUE_BYTES, 65_536, "65,536 bytes"],
    [MAX_OPEN_STREAMS, 10_000, "| 10,000 |"],
    [MAX_JSON_DEPTH, 64, "nesting of JSON | 64"],
    [MAX_OUTPUT_RUNS, 800, "runs in an output frame | 800"],
    [MAX_PING_BYTES, 64, "payload of PING | 64 bytes"],
    [HANDSHAKE_TIMEOUT_MS, 12_000, "time for the handshake | 12 s"],
    [PING_IDLE_MS, 5_000, "| 5 s, 12 s |"],
    [DEAD_AFTER_MS, 12_000, "| 5 s, 12 s |"],
  ];
  for (const [actual, expected, text] of texts) {
    assert.equal(actual, expected, text);
    assert.ok(page.includes(text), text);
  }
  assert.ok(page.includes(`\`[${PROTOCOL_MIN}, ${PROTOCOL_MAX}]\``));
});

test("the bytes of the example are those of the code", () => {
  const lines = [...page.matchAll(/^ {4}((?:[0-9a-f]{2} +){9})(\{.*\})$/gm)];
  assert.equal(lines.length, 2);
  const bytes = lines.map(([, header, json]) =>
    Buffer.concat([Buffer.from(header!.replaceAll(" ", ""), "hex"), Buffer.from(json!)]),
  );
  const frames = framesOf(bytes);
  assert.deepEqual(
    frames.map(({ type, stream }) => [type, stream]),
    [
      [FRAME.REQUEST, 1],
      [FRAME.RESPONSE, 1],
    ],
  );
  assert.deepEqual(
    frames.map(({ type, stream, payload }) => encodeFrame(type, stream, payload)),
    bytes,
  );
});
