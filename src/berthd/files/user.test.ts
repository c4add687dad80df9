import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { berthError } from "../../contract/errors.ts";
import { fileBench, until } from "./testing.ts";

const WORKER = new URL("./worker-main.ts", import.meta.url).href;

/** A worker as nobody, as berthd starts it, but without its spawner. */
function workers(): { start: (user: string) => Promise<Duplex>; children: ChildProcess[] } {
  const children: ChildProcess[] = [];
  return {
    children,
    async start() {
      const code = `
        import { Duplex } from "node:stream";
        const { runFileWorker } = await import(${JSON.stringify(WORKER)});
        await runFileWorker(Duplex.from({ readable: process.stdin, writable: process.stdout }), { home: "/home/nobody" });
        process.exit(0);`;
      const child = spawn(
        "setpriv",
        [
          "--reuid=65534",
          "--regid=65534",
          "--clear-groups",
          process.execPath,
          "--input-type=module",
          "-e",
          code,
        ],
        { stdio: ["pipe", "pipe", "inherit"] },
      );
      children.push(child);
      return Duplex.from({ readable: child.stdout, writable: child.stdin });
    },
  };
}

const skip = process.getuid?.() === 0 ? false : "needs root";

test("operations as another user are that user's, in every kind of flow", { skip }, async () => {
  const { start, children } = workers();
  await using bench = await fileBench({ startWorker: start });
  await chmod(bench.directory, 0o755);
  await mkdir(bench.path("open"), { mode: 0o777 });
  await chmod(bench.path("open"), 0o777);
  await writeFile(bench.path("secret"), "root only", { mode: 0o600 });
  const user = "nobody";
  await assert.rejects(
    bench.read(bench.path("secret"), { user }),
    (error: { code: string; context: { path: string } }) => {
      assert.equal(error.code, "EACCES");
      assert.equal(error.context.path, bench.path("secret"));
      return true;
    },
  );
  await assert.rejects(bench.write(bench.path("new"), "x", { user }), { code: "EACCES" });
  const content = randomBytes(3_000_000);
  assert.deepEqual(await bench.write(bench.path("open/file"), content, { user }), {
    atomic: true,
    bytes: 3_000_000,
  });
  assert.equal((await stat(bench.path("open/file"))).uid, 65534);
  assert.ok((await bench.read(bench.path("open/file"), { user })).equals(content));
  assert.equal((await bench.stat(bench.path("open/file"), { user })).size, 3_000_000);
  assert.deepEqual(await bench.readdir(bench.path("open"), { user }), [["file", "file"]]);
  const down = await bench.client.call("fs.download", { path: bench.path("open"), user });
  await bench.client.call("fs.upload", { path: bench.path("open/copy"), user }, [down.data]);
  assert.ok((await readFile(bench.path("open/copy/file"))).equals(content));
  // A file of root's in a directory of everybody's: to be written in place, which its mode allows.
  await writeFile(bench.path("open/roots"), "old");
  await chmod(bench.path("open/roots"), 0o666);
  assert.deepEqual(await bench.write(bench.path("open/roots"), "new", { user }), { atomic: false, bytes: 3 });
  assert.equal((await stat(bench.path("open/roots"))).uid, 0);
  assert.equal(children.length, 1);
  // Reset in the middle: the worker drops its temporary.
  const stream = bench.client.request("fs.write", { path: bench.path("open/cut"), user }, {});
  stream.data(Buffer.alloc(100_000));
  await until(async () => (await bench.readdir(bench.path("open"))).length === 4, "the temporary is there");
  stream.reset(berthError("operation.aborted"));
  await until(async () => (await bench.readdir(bench.path("open"))).length === 3, "it is gone");
});

test("a file that cannot be replaced is written in place by an ordinary user", { skip }, async () => {
  const { start } = workers();
  await using bench = await fileBench({ startWorker: start });
  await chmod(bench.directory, 0o755);
  await writeFile(bench.path("shared"), "old");
  await chmod(bench.path("shared"), 0o666);
  const user = "nobody";
  assert.deepEqual(await bench.write(bench.path("shared"), "in place", { user }), {
    atomic: false,
    bytes: 8,
  });
  assert.equal(await readFile(bench.path("shared"), "utf8"), "in place");
  const stream = bench.client.request("fs.write", { path: bench.path("shared"), user }, {});
  stream.data(Buffer.from("half"));
  stream.reset(berthError("operation.aborted"));
  await mkdir(bench.path("sticky"));
  await chmod(bench.path("sticky"), 0o1777);
  await writeFile(bench.path("sticky/file"), "old");
  await chmod(bench.path("sticky/file"), 0o666);
  assert.deepEqual(await bench.write(bench.path("sticky/file"), "new", { user }), {
    atomic: false,
    bytes: 3,
  });
  await bench.write(bench.path("sticky/own"), "own", { user });
  await bench.client.call("fs.chmod", { path: bench.path("sticky/own"), mode: 0o444, user });
  await assert.rejects(bench.write(bench.path("sticky/own"), "no", { user }), { code: "EACCES" });
  assert.equal(await readFile(bench.path("shared"), "utf8"), "in place", "the aborted write left it");
});

test("a worker ends when it is idle, and a dead one is replaced", { skip }, async () => {
  const { start, children } = workers();
  await using bench = await fileBench({ startWorker: start, workerIdleMs: 200 });
  const user = "nobody";
  await bench.stat("/", { user });
  await until(() => children[0]?.exitCode === 0, "the idle worker has ended");
  await bench.stat("/", { user });
  children[1]?.kill("SIGKILL");
  await until(() => children[1]?.signalCode === "SIGKILL", "the worker is dead");
  await until(
    () =>
      bench.stat("/", { user }).then(
        () => true,
        () => false,
      ),
    "another worker answers",
  );
  await assert.rejects(bench.stat("/", { user: "no-such-user" }), { code: "process.user_not_found" });
  assert.equal((await bench.stat("/", { user: "root" })).type, "directory");
  assert.equal(children.length, 3, "root is the daemon itself");
});
