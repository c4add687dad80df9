import assert from "node:assert/strict";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { after, test } from "node:test";
import { isBerthError } from "../../contract/errors.ts";
import type { ExecResult, OutputChunk } from "../../contract/process.ts";
import { isRunning, PLACES, placeMissing, removeApplets, testPlace, until } from "./testing.ts";

after(removeApplets);

const end = ({ exitCode, signal }: ExecResult) => signal ?? exitCode;

for (const name of PLACES) {
  const skip = placeMissing(name);
  const it = (what: string, run: () => Promise<void>) => test(`${name}: ${what}`, { skip }, run);

  it("every exit status is the command's own", async () => {
    await using place = await testPlace(name);
    for (const status of [0, 1, 2, 3, 64, 124, 125, 126, 127, 128, 130, 137, 141, 143, 254, 255]) {
      assert.equal(end(await place.runtime.exec(["sh", "-c", `exit ${status}`])), status);
    }
  });

  it("death by a signal is told from an exit status where launcher or shell say so", async () => {
    await using place = await testPlace(name);
    // With `set -m` alone nothing tells; the status is then the shell's.
    const told = name !== "bare";
    for (const [signal, number] of [
      ["TERM", 15],
      ["KILL", 9],
      ["INT", 2],
      ["PIPE", 13],
      ["USR1", 10],
    ] as const) {
      const result = await place.runtime.exec(["sh", "-c", `kill -${signal} $$`]);
      assert.equal(end(result), told ? `SIG${signal}` : 128 + number);
    }
  });

  it("output is exact: NUL, no last newline, both streams, nothing of the scripts", async () => {
    await using place = await testPlace(name);
    const result = await place.runtime.exec("printf 'a\\0b'; printf 'c\\001\\002' >&2");
    assert.deepEqual([...result.stdoutBytes], [0x61, 0, 0x62]);
    assert.deepEqual([...result.stderrBytes], [0x63, 1, 2]);
    assert.equal(result.outputBytes, 6);
    assert.equal(result.truncated, false);
    assert.equal((await place.runtime.exec(["true"])).outputBytes, 0);
  });

  it("200,000 lines come whole and in order", async () => {
    await using place = await testPlace(name);
    let next = 1;
    for await (const line of place.runtime.exec(["seq", "200000"]).lines())
      assert.equal(Number(line), next++);
    assert.equal(next, 200_001);
  });

  it("arguments and environment arrive exactly, and no value stands in an argv", async () => {
    await using place = await testPlace(name, { env: { BASE: "of the runtime", GONE: "x" } });
    const value = 'it\'s "$HOME" `id` \\ \n\n\t\x01\x7f\x81 é😀 -n';
    const secret = "s3cr3t-of-this-test";
    const result = await place.runtime.exec(
      [
        "sh",
        "-c",
        `printf '%s\\0' "$@" "$VALUE" "$BASE" "\${GONE-none}" "$TERM"; cat /proc/*/cmdline 2>/dev/null`,
        "sh",
        value,
        "",
      ],
      { env: { VALUE: value, GONE: undefined, SECRET: secret } },
    );
    const [first, empty, variable, base, gone, term, ...commands] = result.stdout.split("\0");
    assert.deepEqual(
      [first, empty, variable, base, gone, term],
      [value, "", value, "of the runtime", "none", "dumb"],
    );
    assert.ok(!commands.join("\0").includes(secret));
    assert.ok(!place.runs.flat().join("\0").includes(secret));
    assert.ok(!JSON.stringify(place.events).includes(secret));
  });

  it("200 KB of arguments and of environment work, more is an error of its own", async () => {
    await using place = await testPlace(name);
    const half = "x\n".repeat(50_000);
    const count = 'printf %s "$1$2$A$B" | wc -c';
    const result = await place.runtime.exec(["sh", "-c", count, "sh", half, half], {
      env: { A: half, B: half },
    });
    assert.equal(Number(result.stdout), 400_000);
    await assert.rejects(Promise.resolve(place.runtime.exec(["true", "x".repeat(200_000)])), {
      code: "process.arguments_too_long",
    });
  });

  it("what can't be started is a typed error", async () => {
    await using place = await testPlace(name);
    await writeFile(place.path("plain"), "");
    await writeFile(place.path("bad"), "#!/no/such/interpreter\n");
    await chmod(place.path("bad"), 0o755);
    await writeFile(place.path("-dash"), "#!/bin/sh\necho dash\n");
    await chmod(place.path("-dash"), 0o755);
    const code = async (command: string[], cwd?: string, timeoutMs?: number) => {
      const error: unknown = await Promise.resolve(place.runtime.exec(command, { cwd, timeoutMs })).catch(
        (e) => e,
      );
      return isBerthError(error) ? error.code : error;
    };
    assert.equal(await code(["no-such-command"]), "process.not_found");
    assert.equal(await code(["no-such-command"], undefined, 10_000), "process.not_found");
    assert.equal(await code(["./no/such"]), "process.not_found");
    assert.equal(await code([""]), "process.not_found");
    assert.equal(await code([place.path("plain")]), "process.permission_denied");
    assert.equal(await code(["./plain"]), "process.permission_denied");
    assert.equal(await code([place.directory]), "process.permission_denied");
    assert.equal(await code(["./bad"]), "process.interpreter_not_found");
    assert.equal(await code(["true"], "missing"), "process.cwd_not_found");
    assert.equal(await code(["true"], "plain"), "process.cwd_not_accessible");
    assert.equal(await code([]), "process.argument_invalid");
    assert.equal(await code(["a\0b"]), "process.argument_invalid");
    const invalid = place.runtime.exec(["true"], { env: { "A B": "x" } });
    await assert.rejects(Promise.resolve(invalid), { code: "process.env_invalid" });
    const dash = await place.runtime.exec(["-dash"], { env: { PATH: `${place.directory}:/bin:/usr/bin` } });
    assert.equal(dash.stdout, "dash\n");
    assert.match((await place.runtime.exec("-dash; echo $?")).stdout, /^127/);
  });

  it("cwd: relative to the workdir, ~, and what a path may hold", async () => {
    await using place = await testPlace(name);
    const odd = "-a b'\n$x";
    await mkdir(place.path(odd));
    const pwd = async (cwd?: string) =>
      (await place.runtime.exec("pwd; printf .", { cwd })).stdout.slice(0, -2);
    assert.equal(await pwd(), place.directory);
    assert.equal(await pwd("."), place.directory);
    assert.equal(await pwd(odd), place.path(odd));
    assert.equal(await pwd(place.path(odd)), place.path(odd));
    assert.equal(await pwd("~"), process.env.HOME);
  });

  it("stdin is null unless given, and a command that does not read it ends normally", async () => {
    await using place = await testPlace(name);
    assert.equal((await place.runtime.exec(["cat"])).stdout, "");
    assert.equal((await place.runtime.exec(["cat"], { input: "\n#x\0y" })).stdout, "\n#x\0y");
    const big = Buffer.alloc(5_000_000, "0123456789");
    assert.equal((await place.runtime.exec(["wc", "-c"], { input: big })).stdout.trim(), "5000000");
    assert.equal(end(await place.runtime.exec(["true"], { input: big })), 0);
    let closed = false;
    async function* endless() {
      try {
        for (;;) yield big;
      } finally {
        closed = true;
      }
    }
    assert.equal((await place.runtime.exec(["head", "-n", "0"], { input: endless() })).exitCode, 0);
    await until("the input was closed", () => closed);
  });

  it("merged streams keep their order", async () => {
    await using place = await testPlace(name);
    const command = "for i in 1 2 3 4 5 6 7 8 9; do echo out; echo err >&2; done";
    const { stdout, stderr } = await place.runtime.exec(command, { stderr: "merge" });
    assert.equal(stdout, "out\nerr\n".repeat(9));
    assert.equal(stderr, "");
  });

  it("a background child does not hold the command, and lives on", async () => {
    await using place = await testPlace(name);
    const result = await place.runtime.exec(
      "(until [ -e go ]; do sleep 0.05; done; echo late; echo x > late) & echo hi",
    );
    assert.equal(result.stdout, "hi\n");
    await writeFile(place.path("go"), "");
    await until("the child has written", async () => place.runtime.fs.exists("late"));
  });

  it("drainMs waits for what children still write", async () => {
    await using place = await testPlace(name);
    const command = "(sleep 0.1; echo late) & echo hi";
    assert.equal((await place.runtime.exec(command, { drainMs: 2_000 })).stdout, "hi\nlate\n");
  });

  it("a timeout ends the group: TERM, a trap may answer, output is kept", async () => {
    await using place = await testPlace(name);
    const result = await place.runtime.exec(
      "echo before; trap 'echo trapped; exit 7' TERM; sleep 71.1 & wait",
      {
        timeoutMs: 1_000,
      },
    );
    assert.deepEqual([result.timedOut, result.exitCode, result.stdout], [true, 7, "before\ntrapped\n"]);
    assert.ok(result.durationMs >= 500, `${result.durationMs} ms`);
    await until("its child has ended too", () => !isRunning("sleep", "71.1"));
  });

  it("a timeout ends by KILL what ignores TERM, and what is stopped; no sleep is left", async () => {
    await using place = await testPlace(name);
    const ignoring = await place.runtime.exec("trap '' TERM; sleep 71.2; sleep 71.3", {
      timeoutMs: 1_000,
      killGraceMs: 300,
    });
    assert.equal(ignoring.timedOut, true);
    assert.equal(end(ignoring), name === "bare" ? 137 : "SIGKILL");
    const stopped = await place.runtime.exec("kill -STOP $$", { timeoutMs: 200, killGraceMs: 5_000 });
    assert.equal(end(stopped), name === "bare" ? 143 : "SIGTERM");
    const quick = await place.runtime.exec(["true"], { timeoutMs: 61_357 });
    assert.equal(quick.timedOut, false);
    await until("nothing is left", () => !isRunning("sleep", "71.2") && !isRunning("sleep", "61.357"));
    assert.ok(!isRunning("sleep", "71.3"));
  });

  it("an abort answers at once and ends the group", async () => {
    await using place = await testPlace(name);
    const abort = new AbortController();
    const command = place.runtime.exec("trap '' TERM; sleep 71.4 & echo started; sleep 71.5; wait", {
      signal: abort.signal,
      killGraceMs: 200,
    });
    const seen: string[] = [];
    await assert.rejects(
      (async () => {
        for await (const line of command.lines()) {
          seen.push(line);
          abort.abort();
        }
      })(),
      { code: "operation.aborted" },
    );
    assert.deepEqual(seen, ["started"]);
    await until("they have ended", () => !isRunning("sleep", "71.4") && !isRunning("sleep", "71.5"));
    await until("the event is there", () => place.events.some(({ type }) => type === "process.ended"));
    assert.deepEqual(place.events.at(-1)?.data, { left: 0 });
    const early = place.runtime.exec(["true"], { signal: AbortSignal.abort() });
    await assert.rejects(Promise.resolve(early), { code: "operation.aborted" });
  });

  it("leaving an iteration ends the command; a slow reader holds it back", async () => {
    await using place = await testPlace(name);
    let bytes = 0;
    let last: OutputChunk | undefined;
    for await (const chunk of place.runtime.exec(["sh", "-c", "echo $$; exec yes 71.6"])) {
      last = chunk;
      if (chunk.type === "data") bytes += chunk.data.length;
      if (bytes > 100_000) break;
    }
    assert.equal(last?.type === "data" && last.cursor === bytes, true);
    await until("it has ended", () => !isRunning("yes", "71.6"));
  });

  it("signals are as in any process: INT and QUIT are not ignored, descriptors are three", async () => {
    await using place = await testPlace(name);
    for (const timeoutMs of [undefined, 30_000]) {
      const { stdout } = await place.runtime.exec(
        "grep SigIgn /proc/self/status; ls /proc/self/fd | grep -c '^[0-9]$'",
        {
          timeoutMs,
        },
      );
      const [ignored = "", descriptors] = stdout.trim().split("\n");
      // SIGPIPE and SIGXFSZ are what the test runner may have been started with.
      const mask = Number.parseInt(ignored.split("\t")[1] ?? "", 16);
      assert.equal(mask & 0b110, 0, ignored);
      // 0, 1, 2, and that of ls itself; higher ones may come from whoever started the tests.
      assert.equal(Number(descriptors), 4);
    }
  });
}

test("captured output is bounded to its head and tail", async () => {
  await using place = await testPlace("dash");
  const result = await place.runtime.exec(["seq", "100000"], { maxCaptureBytes: 1000 });
  assert.equal(result.truncated, true);
  assert.equal(result.stdoutBytes.length, 1000);
  assert.match(result.stdout, /^1\n2\n/);
  assert.match(result.stdout, /99999\n100000\n$/);
  assert.equal(result.outputBytes, 588_895);
});

test("a command that is iterated can't be awaited, and the other way round", async () => {
  await using place = await testPlace("dash");
  const iterated = place.runtime.exec(["true"]);
  iterated[Symbol.asyncIterator]();
  await assert.rejects(Promise.resolve(iterated), { code: "process.output_taken" });
  const awaited = place.runtime.exec(["true"]);
  await awaited;
  assert.throws(() => awaited[Symbol.asyncIterator](), { code: "process.output_taken" });
});

test("a handle that is awaited late still has its result", async () => {
  await using place = await testPlace("dash");
  const handle = place.runtime.exec(["sh", "-c", `echo x > '${place.path("done")}'; echo out`]);
  await until("it has run", () => place.runtime.fs.exists("done"));
  assert.equal((await handle).stdout, "out\n");
});

test("parallel runs are limited, and those over the limit wait", async () => {
  await using place = await testPlace("dash", { maxRuns: 3 });
  const running = place.path("running");
  await mkdir(running);
  const command = `echo x > ${running}/$$; ls ${running} | wc -l; sleep 0.1; rm ${running}/$$`;
  const results = await Promise.all(Array.from({ length: 12 }, () => place.runtime.exec(command)));
  const most = Math.max(...results.map(({ stdout }) => Number(stdout)));
  assert.ok(most <= 3, `${most} at once`);
});

test("what needs the daemon says so, by the capability's name", async () => {
  await using place = await testPlace("dash", { reasons: "daemon: never" });
  const { runtime } = place;
  const unsupported = (capability: string) => (error: unknown) =>
    isBerthError(error, "runtime.capability_unsupported") &&
    error.context.capability === capability &&
    error.message.includes("daemon: never");
  await assert.rejects(runtime.spawn(["true"]), unsupported("spawn"));
  await assert.rejects(runtime.spawn(["true"], { tty: true }), unsupported("tty"));
  await assert.rejects(runtime.shell(), unsupported("tty"));
  await assert.rejects(runtime.process("x"), unsupported("resume"));
  await assert.rejects(runtime.processes(), unsupported("resume"));
  await assert.rejects(runtime.forward(80), unsupported("forward"));
  await assert.rejects(runtime.reverseForward(80), unsupported("reverseForward"));
  await assert.rejects(runtime.fs.watch("."), unsupported("watch"));
  const asUser = runtime.exec(["true"], { user: "nobody" });
  await assert.rejects(Promise.resolve(asUser), { code: "runtime.capability_unsupported" });
  assert.equal(runtime.capabilities.daemon, false);
  assert.equal(runtime.capabilities.reasons.watch, "daemon: never");
});

test("a name that the shell itself holds fast is an error and not a wrong value", async () => {
  await using place = await testPlace("bash");
  const command = place.runtime.exec("echo $UID", { env: { UID: "12" } });
  await assert.rejects(Promise.resolve(command), (error) => isBerthError(error, "process.env_invalid"));
});

test("a lost way to the place is transport.disconnected", async () => {
  await using place = await testPlace("dash");
  // Ends the shells of the run and nothing else: the ancestors whose argument is the bootstrap, the first one first,
  // as it would see the others end.
  const command = `p=$$
while [ "$p" -gt 1 ]; do
p=$(cut -d' ' -f4 "/proc/$p/stat")
if grep -q "read -r _be" "/proc/$p/cmdline"; then shells="$p $shells"; fi
done
echo x; kill -9 $shells; sleep 0.2`;
  await assert.rejects(Promise.resolve(place.runtime.exec(command)), { code: "transport.disconnected" });
});

test("close ends what runs, and refuses what comes", async () => {
  await using place = await testPlace("dash");
  const { runtime } = place;
  let started = false;
  const running = (async () => {
    for await (const line of runtime.exec("echo up; sleep 71.7").lines()) started = line === "up";
  })();
  running.catch(() => {});
  await until("it runs", () => started);
  await runtime.close();
  await assert.rejects(running, { code: "runtime.closed" });
  assert.ok(!isRunning("sleep", "71.7"));
  await assert.rejects(Promise.resolve(runtime.exec(["true"])), { code: "runtime.closed" });
  await assert.rejects(runtime.fs.stat("/"), { code: "runtime.closed" });
});
