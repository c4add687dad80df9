import assert from "node:assert/strict";
import { test } from "node:test";
import { packet } from "./channel.ts";
import { encodeFields, FieldReader, MESSAGE } from "./message.ts";
import { PacketParser } from "./packet-parser.ts";

interface Seen {
  readonly messages: [number, string][];
  readonly data: Map<string, string>;
}

function parse(chunks: readonly Buffer[]): Seen {
  const seen: Seen = { messages: [], data: new Map() };
  const parser = new PacketParser({
    data: (channel, bytes, extended) => {
      const key = `${channel}/${extended ?? "-"}`;
      seen.data.set(key, (seen.data.get(key) ?? "") + bytes.toString("latin1"));
    },
    message: (type, body) => seen.messages.push([type, body.toString("hex")]),
  });
  for (const chunk of chunks) parser.push(chunk);
  return seen;
}

const STREAM = Buffer.concat([
  packet(MESSAGE.channelOpenConfirmation, [1, 2, 3, 4]),
  packet(MESSAGE.channelData, [1, "hello "]),
  packet(MESSAGE.channelExtendedData, [1, 1, "oops"]),
  packet(MESSAGE.channelData, [1, ""]),
  packet(MESSAGE.channelData, [7, "x".repeat(40_000)]),
  packet(MESSAGE.channelData, [1, "world"]),
  packet(MESSAGE.channelRequest, [1, "exit-status", false, 255]),
  packet(MESSAGE.channelClose, [1]),
]);

test("packets come out the same, wherever the stream is cut", () => {
  const whole = parse([STREAM]);
  assert.deepEqual(
    whole.messages.map(([type]) => type),
    [MESSAGE.channelOpenConfirmation, MESSAGE.channelRequest, MESSAGE.channelClose],
  );
  assert.equal(whole.data.get("1/-"), "hello world");
  assert.equal(whole.data.get("1/1"), "oops");
  assert.equal(whole.data.get("7/-"), "x".repeat(40_000));
  assert.deepEqual(parse(Array.from(STREAM, (byte) => Buffer.of(byte))), whole);
  for (let at = 1; at < 120; at++) {
    assert.deepEqual(parse([STREAM.subarray(0, at), STREAM.subarray(at)]), whole, `cut at ${at}`);
  }
});

test("what is no packet is an error", () => {
  const bad = [
    [0, 0, 0, 0, 0, 0],
    [0xff, 0xff, 0xff, 0xff, 0, 94],
    // A data packet that says more, then fewer bytes than are in it.
    [0, 0, 0, 11, 0, 94, 0, 0, 0, 1, 0, 0, 0, 9, 1],
    [0, 0, 0, 12, 0, 94, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2],
  ];
  for (const bytes of bad) assert.throws(() => parse([Buffer.from(bytes)]), RangeError);
});

test("fields are read as they were written, and never beyond the end", () => {
  const fields = new FieldReader(encodeFields([1, true, "täxt", false]));
  assert.deepEqual(
    [fields.uint32(), fields.boolean(), fields.text(), fields.boolean()],
    [1, true, "täxt", false],
  );
  assert.throws(() => fields.uint32(), RangeError);
  assert.throws(() => new FieldReader(Buffer.from([0, 0, 0, 9, 1])).text(), RangeError);
});
