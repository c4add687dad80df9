import assert from "node:assert/strict";
import { test } from "node:test";
import { isBerthError } from "../../contract/errors.ts";
import { openRuntime } from "../../runtimes/open.ts";
import type { GitPlace } from "./git-place.ts";
import { localGitPlace, runtimeGitPlace, succeed } from "./places.ts";

async function* pieces(): AsyncIterable<Uint8Array> {
  for (let piece = 0; piece < 100; piece += 1) yield Buffer.alloc(10_000, piece);
}

async function bytes(stream: AsyncIterable<Uint8Array>): Promise<number> {
  let total = 0;
  for await (const chunk of stream) total += chunk.length;
  return total;
}

async function behaves(place: GitPlace): Promise<void> {
  const said = await place.run(["/bin/sh", "-c", "cat; echo err >&2; exit 3"], { input: "in" });
  assert.deepEqual([said.exitCode, said.stdout.toString(), said.stderr], [3, "in", "err\n"]);
  assert.equal(await bytes(place.stream(["cat"], { input: pieces() })), 1_000_000);
  await assert.rejects(bytes(place.stream(["/bin/sh", "-c", "echo fatal: no >&2; exit 4"])), (error) =>
    isBerthError(error, "workspace.git_failed"),
  );
  await assert.rejects(place.run(["sleep", "60"], { timeoutMs: 50 }), (error) =>
    isBerthError(error, "operation.timeout"),
  );
  await assert.rejects(place.run(["cat"], { input: pieces(), maxBytes: 1000 }), (error) =>
    isBerthError(error, "workspace.git_failed"),
  );
  assert.equal(await succeed(place, ["/bin/sh", "-c", "env | grep -c ^GIT_DIR= || true"]), "0\n");
  // What does not read its input ends normally.
  assert.equal(await succeed(place, ["true"], { input: pieces() }), "");
  const abort = new AbortController();
  const slow = place.run(["sleep", "60"], { signal: abort.signal });
  abort.abort();
  await assert.rejects(slow, (error) => isBerthError(error, "operation.aborted"));
  const cut = new AbortController();
  const flowing = async () => {
    for await (const _ of place.stream(["/bin/sh", "-c", "echo begun; exec sleep 60"], {
      signal: cut.signal,
    })) {
      cut.abort();
    }
  };
  await assert.rejects(flowing(), (error) => isBerthError(error, "operation.aborted"));
}

test("git on this machine", async () => {
  process.env.GIT_DIR = "/nowhere";
  await behaves(localGitPlace());
  delete process.env.GIT_DIR;
});

test("without git here that is said, with what to do", async () => {
  const place = localGitPlace();
  const path = process.env.PATH;
  process.env.PATH = "/nowhere";
  try {
    await assert.rejects(place.run(["git", "--version"]), (error) =>
      isBerthError(error, "workspace.git_missing"),
    );
  } finally {
    process.env.PATH = path;
  }
});

test("git in a runtime", async () => {
  await using runtime = await openRuntime({ type: "local", daemon: "never" });
  await behaves(runtimeGitPlace(runtime));
});
