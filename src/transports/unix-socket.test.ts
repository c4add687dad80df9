import assert from "node:assert/strict";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isBerthError } from "../contract/errors.ts";
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
