import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { promises as fs } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isAlive, waitFor } from "../../../test/fixtures/process.ts";
import type { BerthError } from "../../contract/errors.ts";
import { NodeSpawner } from "./node-spawner.ts";
import { PipeReader } from "./pipe-reader.ts";
import type { SpawnedProcess, SpawnSpec } from "./spawner.ts";
import { StdinPipe } from "./stdin-pipe.ts";

interface Run {
  readonly process: SpawnedProcess;
  readonly output: () => [string, string];
  readonly exited: Promise<{ exitCode: number | null; signal: string | null }>;
  readonly empty: Promise<void>;
}

async function place(): Promise<
  { start(argv: string[], extra?: Partial<SpawnSpec>): Promise<Run> } & AsyncDisposable
> {
  const directory = await mkdtemp(join(tmpdir(), "berth-node-spawner-"));
  const spawner = new NodeSpawner(directory);
  return {
    start(argv, extra = {}) {
      const exited = Promise.withResolvers<{ exitCode: number | null; signal: string | null }>();
      const empty = Promise.withResolvers<void>();
      const started = Promise.withResolvers<Run>();
      spawner.spawn(
        {
          argv,
          cwd: directory,
          env: Object.entries(process.env).map(([name, value]) => [name, value ?? ""] as const),
          stdin: "ignore",
          stderr: "separate",
          tty: undefined,
          user: undefined,
          ...extra,
        },
        {
          started(child) {
            const text = ["", ""];
            const read = (index: number) => (bytes: Uint8Array) => {
              text[index] += Buffer.from(bytes).toString("latin1");
              return true;
            };
            new PipeReader(child.stdout, read(0), () => {});
            if (child.stderr !== undefined) new PipeReader(child.stderr, read(1), () => {});
            started.resolve({
              process: child,
              output: () => [text[0] ?? "", text[1] ?? ""],
              exited: exited.promise,
              empty: empty.promise,
            });
          },
          failed: (error: BerthError) => started.reject(error),
          exited: exited.resolve,
          empty: empty.resolve,
        },
      );
      return started.promise;
    },
    async [Symbol.asyncDispose]() {
      await spawner.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

test("both streams by real pipes, merged when asked for, and the exit", async () => {
  await using at = await place();
  const run = await at.start(["sh", "-c", "echo out; echo err > /dev/stderr; exit 4"]);
  assert.deepEqual(await run.exited, { exitCode: 4, signal: null });
  await run.empty;
  await waitFor("output", () => run.output().join("") === "out\nerr\n");
  const merged = await at.start(["sh", "-c", "echo 1; echo 2 >&2; echo 3"], { stderr: "merge" });
  await merged.exited;
  await waitFor("output", () => merged.output()[0] === "1\n2\n3\n");
});

test("input arrives whole, and its end", async () => {
  await using at = await place();
  const run = await at.start(["sha256sum"], { stdin: "pipe" });
  const stdin = new StdinPipe(run.process.stdin ?? -1, false);
  const bytes = Buffer.alloc(1_000_000, "berth");
  stdin.write(bytes, () => {});
  stdin.end();
  await run.exited;
  await waitFor("output", () => run.output()[0].startsWith(createHash("sha256").update(bytes).digest("hex")));
});

test("the tree of a process that ignores TERM is ended, grandchildren that left the group too", async () => {
  await using at = await place();
  const run = await at.start(["sh", "-c", "trap '' TERM; setsid sleep 321 & echo $!; sleep 321"]);
  await waitFor("the pid", () => run.output()[0].endsWith("\n"));
  const grandchild = Number(run.output()[0]);
  assert.ok(await run.process.signal(15));
  assert.ok(isAlive(grandchild));
  assert.equal(await run.process.killTree(3000), 0);
  assert.equal((await run.exited).signal, "SIGKILL");
  await run.empty;
  await waitFor("the grandchild is reaped", () => !isAlive(grandchild));
});

test("typed errors, and nothing left of the pipes", async () => {
  await using at = await place();
  const code = (argv: string[], extra: Partial<SpawnSpec> = {}) =>
    at.start(argv, extra).then(
      () => "none",
      (error: BerthError) => error.code,
    );
  assert.equal(await code(["/no/such/command"]), "process.not_found");
  assert.equal(await code(["true"], { cwd: "/no/such" }), "process.cwd_not_found");
  assert.equal(await code(["true"], { cwd: "/etc/passwd" }), "process.cwd_not_accessible");
  assert.equal(await code(["/etc/passwd"]), "process.permission_denied");
  const { PATH } = process.env;
  process.env.PATH = "/nowhere";
  assert.equal(await code(["true"]), "process.spawn_failed", "there is no mkfifo");
  process.env.PATH = PATH;
  assert.equal(await code(["true"], { tty: { columns: 80, rows: 24 } }), "runtime.capability_unsupported");
  const user = { uid: 1, gid: 1, groups: [1, 2] };
  assert.equal(await code(["true"], { user }), "runtime.capability_unsupported");
  const run = await at.start(["pwd"]);
  await run.exited;
  await waitFor("output", () => run.output()[0] !== "");
  assert.deepEqual(await fs.readdir(run.output()[0].trim()), []);
});

test("a missing interpreter is told from a missing command, by path and by PATH", async () => {
  await using at = await place();
  const directory = await mkdtemp(join(tmpdir(), "berth-interpreter-"));
  const script = join(directory, "script");
  await fs.writeFile(script, "#!/no/such/interpreter\n", { mode: 0o755 });
  const refused = { code: "process.interpreter_not_found" };
  await assert.rejects(at.start([script]), refused);
  await assert.rejects(at.start(["script"], { env: [["PATH", `/nowhere:${directory}`]] }), refused);
  await assert.rejects(at.start(["no-such"], { env: [["PATH", directory]] }), { code: "process.not_found" });
  await rm(directory, { recursive: true });
});
