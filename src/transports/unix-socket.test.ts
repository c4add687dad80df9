import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isBerthError } from "../contract/errors.ts";
import { connectWire } from "../wire/connection.ts";
import { dialUnixSocket } from "./unix-socket.ts";

async function place(): Promise<{ path: string; directory: string } & AsyncDisposable> {
  const directory = await mkdtemp(join(tmpdir(), "berth-socket-"));
  const path = join(directory, "sock");
  const server = createServer((socket) => socket.end("hello"));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    path,
    directory,
    [Symbol.asyncDispose]: async () => {
      server.close();
      await rm(directory, { recursive: true });
    },
  };
}

const refused = (reason: RegExp) => (error: unknown) =>
  isBerthError(error, "transport.unavailable") && reason.test(error.message);

test("a socket is connected to", async () => {
  await using here = await place();
  const stream = await dialUnixSocket(here.path, { owners: [process.getuid?.() ?? 0] });
  assert.equal(Buffer.concat(await stream.toArray()).toString(), "hello");
  stream.destroy();
});

test("one that is reset before anybody listens ends nobody, and is a lost connection", async () => {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "berth-socket-"));
  stack.defer(() => rm(directory, { recursive: true }));
  const server = createServer({ pauseOnConnect: true }).listen(join(directory, "sock"));
  stack.defer(() => void server.close());
  await once(server, "listening");
  const accepted = once(server, "connection");
  const stream = await dialUnixSocket(join(directory, "sock"));
  stack.defer(() => void stream.destroy());
  const [socket] = (await accepted) as [Socket];
  // As a daemon that is killed before it has read what was sent to it.
  stream.write("unread", () => socket.destroy());
  await new Promise((resolve) => stream.once("close", resolve));
  assert.equal((stream.errored as NodeJS.ErrnoException | null)?.code, "ECONNRESET");
  const client = { token: "t", clientId: "c", version: "1.0.0" };
  await assert.rejects(
    connectWire(stream, client),
    (error) => isBerthError(error, "transport.disconnected") && /ECONNRESET/.test(error.message),
  );
});

test("a link is refused, also one to a socket", async () => {
  await using here = await place();
  await symlink(here.path, join(here.directory, "link"));
  await assert.rejects(dialUnixSocket(join(here.directory, "link")), refused(/it is a link/));
});

test("a file, another user's socket and nothing at all are refused", async () => {
  await using here = await place();
  await writeFile(join(here.directory, "file"), "");
  await assert.rejects(dialUnixSocket(join(here.directory, "file")), refused(/not a socket/));
  await assert.rejects(dialUnixSocket(here.path, { owners: [12345] }), refused(/belongs to the user/));
  await assert.rejects(dialUnixSocket(join(here.directory, "none")), refused(/ENOENT/));
});

test("an abort ends it", async () => {
  await using here = await place();
  await assert.rejects(dialUnixSocket(here.path, { signal: AbortSignal.abort() }), (error) =>
    isBerthError(error, "operation.aborted"),
  );
});
