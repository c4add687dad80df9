import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isBerthError } from "../../contract/errors.ts";
import { readSecret } from "./secret.ts";

const VALUE = "hunter2 ä'\"$x";

async function directory(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), "berth-test-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Fails with ssh.secret_unavailable, the reason, the field, and nothing of the value. */
async function refused(attempt: Promise<string>, reason: RegExp): Promise<void> {
  await assert.rejects(attempt, (error) => {
    assert.ok(isBerthError(error, "ssh.secret_unavailable"), String(error));
    assert.match(error.message, reason);
    assert.match(error.message, /password/);
    assert.ok(!`${JSON.stringify(error)}${error.stack}${String(error.cause)}`.includes("hunter2"));
    return true;
  });
}

test("a secret comes from the environment, a file or a command; one newline at its end does not count", async () => {
  await using scratch = await directory();
  const file = join(scratch.path, "secret");
  const environment = { SECRET: VALUE, LINE: `${VALUE}\n`, LINES: `${VALUE}\n\n`, WINDOWS: `${VALUE}\r\n` };
  const read = (env: string) => readSecret({ env }, "password", { environment });
  assert.equal(await read("SECRET"), VALUE);
  assert.equal(await read("LINE"), VALUE);
  assert.equal(await read("LINES"), `${VALUE}\n`);
  assert.equal(await read("WINDOWS"), VALUE);
  await writeFile(file, `${VALUE}\n`, { mode: 0o600 });
  assert.equal(await readSecret({ file }, "password"), VALUE);
  // Of a link it is the file that counts.
  await symlink(file, join(scratch.path, "link"));
  assert.equal(await readSecret({ file: join(scratch.path, "link") }, "password"), VALUE);
  assert.equal(await readSecret({ command: ["printf", "%s\\n", VALUE] }, "password"), VALUE);
});

test("a secret that others can read, that is missing or empty is refused with the reason", async () => {
  await using scratch = await directory();
  const file = join(scratch.path, "secret");
  await writeFile(file, VALUE);
  for (const mode of [0o644, 0o640, 0o620, 0o604]) {
    await chmod(file, mode);
    await refused(readSecret({ file }, "password"), /others can read the file .*chmod 600/);
  }
  await refused(readSecret({ file: join(scratch.path, "no") }, "password"), /cannot be read: ENOENT/);
  const pipe = join(scratch.path, "pipe");
  execFileSync("mkfifo", ["-m", "600", pipe]);
  for (const path of [scratch.path, pipe, "/dev/zero"]) {
    await refused(readSecret({ file: path }, "password"), /is not a file/);
  }
  await writeFile(file, "\n");
  await chmod(file, 0o600);
  await refused(readSecret({ file }, "password"), /gives nothing/);
  await writeFile(file, "hunter2".repeat(100_000));
  await refused(readSecret({ file }, "password"), /too large/);
  await refused(readSecret({ env: "NO_SUCH" }, "password", { environment: {} }), /NO_SUCH is not set/);
  await refused(
    readSecret({ env: "EMPTY" }, "password", { environment: { EMPTY: "" } }),
    /EMPTY gives nothing/,
  );
});

test("a command is run without a shell; what it says of itself and its arguments are not shown", async () => {
  assert.equal(await readSecret({ command: ["echo", "$(id)", ";", "*"] }, "password"), "$(id) ; *");
  await refused(
    readSecret({ command: ["sh", "-c", "echo hunter2; echo hunter2 >&2; exit 3"] }, "password"),
    /command sh ended with 3/,
  );
  await refused(readSecret({ command: ["berth-no-such-program", "hunter2"] }, "password"), /cannot be run/);
  await refused(readSecret({ command: ["true"] }, "password"), /gives nothing/);
});

test("a command ends with who waits for it", async () => {
  const abort = new AbortController();
  const reading = readSecret({ command: ["sleep", "1000"] }, "password", { signal: abort.signal });
  abort.abort();
  await assert.rejects(reading, { code: "operation.aborted" });
});
