import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { isBerthError } from "../../contract/errors.ts";
import { demultiplex } from "./demultiplex.ts";

function frame(stream: number, content: string | Buffer): Buffer {
  const body = Buffer.from(content);
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(body.length, 4);
  return Buffer.concat([header, body]);
}

async function split(bytes: Buffer, pieceBytes: number): Promise<[string, string]> {
  const source = new PassThrough();
  const { stdout, stderr } = demultiplex(source);
  for (let at = 0; at < bytes.length; at += pieceBytes) source.write(bytes.subarray(at, at + pieceBytes));
  source.end();
  const [out, err] = await Promise.all([stdout.toArray(), stderr.toArray()]);
  return [Buffer.concat(out).toString(), Buffer.concat(err).toString()];
}

test("frames are taken apart wherever they are cut", async () => {
  const bytes = Buffer.concat([
    frame(1, "hello "),
    frame(2, "oh\n"),
    frame(1, ""),
    frame(1, "world"),
    frame(2, "no"),
  ]);
  for (const pieceBytes of [1, 2, 3, 7, 8, 9, 1000]) {
    assert.deepEqual(await split(bytes, pieceBytes), ["hello world", "oh\nno"]);
  }
});

test("the source waits while a stream is not read", async () => {
  const source = new PassThrough();
  const { stdout, stderr } = demultiplex(source);
  const chunk = frame(1, Buffer.alloc(64 * 1024, "x"));
  let accepted = 0;
  while (accepted < 1000 && source.write(chunk)) {
    accepted += 1;
    await new Promise(setImmediate);
  }
  assert.ok(accepted < 100, `${accepted} chunks went in`);
  source.end();
  const [out] = await Promise.all([stdout.toArray(), stderr.toArray()]);
  assert.equal(Buffer.concat(out).length, (accepted + 1) * 64 * 1024);
});

test("a stream that nobody wants does not stop the other", async () => {
  const source = new PassThrough();
  const { stdout, stderr } = demultiplex(source);
  stderr.destroy();
  source.write(frame(2, Buffer.alloc(1024 * 1024)));
  source.end(frame(1, "here"));
  assert.equal(Buffer.concat(await stdout.toArray()).toString(), "here");
});

test("a damaged header is an error, and so is a connection that breaks", async () => {
  const damaged = new PassThrough();
  const { stdout } = demultiplex(damaged);
  damaged.write(Buffer.from("HTTP/1.1 500 oops"));
  await assert.rejects(stdout.toArray(), (error) => isBerthError(error, "docker.api_error"));
  const broken = new PassThrough();
  const streams = demultiplex(broken);
  broken.write(frame(1, "half").subarray(0, 10));
  broken.destroy();
  await assert.rejects(streams.stdout.toArray(), (error) => isBerthError(error, "transport.disconnected"));
});
