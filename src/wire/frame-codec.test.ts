import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isBerthError } from "../contract/errors.ts";
import { FRAME, type FrameType, MAX_DATA_BYTES, MAX_FRAME_BYTES } from "./frame.ts";
import { encodeFrame, FrameParser, MAX_DATA_PAYLOAD_BYTES } from "./frame-codec.ts";

type Frame = { type: FrameType; stream: number; payload: Buffer };

function collect(inParts = false): { frames: Frame[]; parser: FrameParser } {
  const frames: Frame[] = [];
  const parser = new FrameParser(
    (type, stream, payload) => frames.push({ type, stream, payload }),
    MAX_FRAME_BYTES,
    inParts
      ? (stream, parts, bytes) => {
          assert.ok(parts.length <= 80, `${parts.length} parts`);
          const payload = Buffer.concat(parts);
          assert.equal(payload.length, bytes);
          frames.push({ type: FRAME.DATA, stream, payload });
        }
      : undefined,
  );
  return { frames, parser };
}

const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));

const validFrame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({
    type: fc.constantFrom<FrameType>(FRAME.HELLO, FRAME.REQUEST, FRAME.RESPONSE, FRAME.EVENT, FRAME.DATA),
    stream: fc.nat(0xffff_ffff),
    payload: fc.oneof(
      { weight: 5, arbitrary: bytes(300) },
      fc.nat(MAX_DATA_BYTES).map((size) => Buffer.alloc(size, size)),
    ),
  }),
  fc.record({
    type: fc.constant<FrameType>(FRAME.WINDOW),
    stream: fc.nat(0xffff_ffff),
    payload: fc.nat(0xffff_ffff).map((credit) => {
      const payload = Buffer.alloc(4);
      payload.writeUInt32LE(credit);
      return payload;
    }),
  }),
  fc.record({
    type: fc.constantFrom<FrameType>(FRAME.PING, FRAME.PONG),
    stream: fc.constant(0),
    payload: bytes(64),
  }),
  fc.record({
    type: fc.constant<FrameType>(FRAME.END),
    stream: fc.nat(0xffff_ffff),
    payload: fc.constant(Buffer.alloc(0)),
  }),
);

test("any chunking of any frames gives the same frames", () => {
  fc.assert(
    fc.property(
      fc.array(validFrame, { maxLength: 12 }),
      fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 70_000 })), {
        minLength: 1,
      }),
      fc.boolean(),
      (sent, sizes, inParts) => {
        const stream = Buffer.concat(
          sent.map(({ type, stream, payload }) => encodeFrame(type, stream, payload)),
        );
        const { frames, parser } = collect(inParts);
        for (let at = 0, turn = 0; at < stream.length; turn += 1) {
          const size = sizes[turn % sizes.length]!;
          parser.push(stream.subarray(at, at + size));
          at += size;
        }
        assert.deepEqual(
          frames,
          sent.map((frame) => ({ ...frame })),
        );
        assert.equal(parser.heldBytes, 0);
      },
    ),
    { numRuns: 150 },
  );
});

test("random bytes end in wire.protocol_error or in waiting, with bounded memory", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 2000 }), { maxLength: 40 }),
      fc.boolean(),
      (chunks, inParts) => {
        const { parser } = collect(inParts);
        let received = 0;
        try {
          for (const chunk of chunks) {
            parser.push(chunk);
            received += chunk.length;
            assert.ok(parser.heldBytes <= received);
            assert.ok(parser.reservedBytes <= Math.max(128 * 1024, 2 * received));
          }
        } catch (error) {
          assert.ok(isBerthError(error, "wire.protocol_error"));
        }
      },
    ),
    { numRuns: 500 },
  );
});

test("a large frame that is announced and not sent reserves little", () => {
  const { parser } = collect();
  const header = Buffer.alloc(9);
  header.writeUInt32LE(MAX_FRAME_BYTES);
  header[4] = FRAME.EVENT;
  parser.push(header);
  for (let index = 0; index < 1000; index += 1) parser.push(Buffer.alloc(1));
  assert.ok(parser.reservedBytes <= 128 * 1024);
});

test("a frame of 1 MiB in single bytes arrives whole", () => {
  const { frames, parser } = collect();
  const payload = Buffer.alloc(MAX_FRAME_BYTES - 5, "x");
  const frame = encodeFrame(FRAME.EVENT, 7, payload);
  for (let at = 0; at < frame.length; at += 1) parser.push(frame.subarray(at, at + 1));
  assert.equal(frames.length, 1);
  assert.ok(frames[0]!.payload.equals(payload));
});

test("a frame in one chunk is not copied", () => {
  const { frames, parser } = collect();
  const chunk = encodeFrame(FRAME.DATA, 1, Buffer.alloc(5000));
  parser.push(chunk);
  assert.equal(frames[0]!.payload.buffer, chunk.buffer);
});

test("DATA in several chunks comes in parts without a copy, unless they are small", () => {
  const chunks: Buffer[] = [];
  let got: readonly Buffer[] = [];
  const parser = new FrameParser(
    () => assert.fail("not in parts"),
    MAX_FRAME_BYTES,
    (_stream, parts) => {
      got = parts;
    },
  );
  const frame = encodeFrame(FRAME.DATA, 1, Buffer.alloc(60_000, 3));
  for (let at = 0; at < frame.length; at += 20_000) chunks.push(Buffer.from(frame.subarray(at, at + 20_000)));
  for (const chunk of chunks) parser.push(chunk);
  assert.deepEqual(
    got.map((part) => part.buffer),
    chunks.map((chunk) => chunk.buffer),
  );
  for (let at = 0; at < frame.length; at += 10) parser.push(frame.subarray(at, at + 10));
  assert.ok(got.length < 10);
  assert.ok(Buffer.concat(got).equals(Buffer.alloc(60_000, 3)));
});

test("a delivered payload is never written again", () => {
  const { frames, parser } = collect();
  const first = encodeFrame(FRAME.DATA, 1, Buffer.alloc(1000, 1));
  const second = encodeFrame(FRAME.DATA, 1, Buffer.alloc(1000, 2));
  for (const frame of [first, second]) {
    parser.push(frame.subarray(0, 500));
    parser.push(frame.subarray(500));
  }
  assert.ok(frames[0]!.payload.every((byte) => byte === 1));
  assert.ok(frames[1]!.payload.every((byte) => byte === 2));
});

test("unknown types are skipped, whole or in pieces", () => {
  const { frames, parser } = collect();
  const unknown = encodeFrame(200 as FrameType, 1, Buffer.alloc(100_000));
  const empty = encodeFrame(0 as FrameType, 1, Buffer.alloc(0));
  const known = encodeFrame(FRAME.END, 1, Buffer.alloc(0));
  parser.push(Buffer.concat([unknown, empty, known]));
  for (const part of [unknown.subarray(0, 7), unknown.subarray(7, 5000), unknown.subarray(5000), known]) {
    parser.push(part);
    assert.equal(parser.reservedBytes, 0);
  }
  assert.deepEqual(
    frames.map(({ type }) => type),
    [FRAME.END, FRAME.END],
  );
});

for (const [what, type, length] of [
  ["more than 1 MiB", FRAME.EVENT, MAX_FRAME_BYTES + 1],
  ["less than type and stream", FRAME.EVENT, 4],
  ["a WINDOW of 5 bytes", FRAME.WINDOW, 10],
  ["an END with payload", FRAME.END, 6],
  ["a PING of 65 bytes", FRAME.PING, 70],
  ["too much DATA", FRAME.DATA, MAX_DATA_PAYLOAD_BYTES + 6],
  ["a RESET over 64 KiB", FRAME.RESET, 64 * 1024 + 6],
] as const) {
  test(`a frame of ${what} is refused by its header alone`, () => {
    const header = Buffer.alloc(9);
    header.writeUInt32LE(length);
    header[4] = type;
    assert.throws(
      () => collect().parser.push(header),
      (error) => isBerthError(error, "wire.protocol_error"),
    );
  });
}
