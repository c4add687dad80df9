import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { collect, EVENT, Helper, helperProgram, isRunning, until } from "./helper-client.ts";

const program = helperProgram();
const { errno, signals } = constants;
const directory = mkdtempSync(join(tmpdir(), "berth-helper-"));
after(() => rmSync(directory, { recursive: true, force: true }));

function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8", timeout: 20_000 });
  return { status, stdout, stderr };
}

test("the prebuilt programs are those of the present sources", () => {
  const script = fileURLToPath(new URL("build.mjs", import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [script, "--check"], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
});

for (const [architecture, machine] of [
  ["x64", 62],
  ["arm64", 183],
] as const) {
  test(`the prebuilt program for ${architecture} is a static ELF of that machine and runs`, (t) => {
    const path = fileURLToPath(new URL(`prebuilt/linux-${architecture}/berth-helper`, import.meta.url));
    const bytes = readFileSync(path);
    assert.equal(bytes.toString("latin1", 1, 4), "ELF");
    assert.equal(bytes.readUInt16LE(18), machine);
    assert.ok(!bytes.includes("ld-linux") && !bytes.includes("ld-musl"), "no dynamic loader");
    assert.ok((statSync(path).mode & 0o111) === 0o111);
    const emulator = { x64: "qemu-x86_64-static", arm64: "qemu-aarch64-static" }[architecture];
    const argv = architecture === process.arch ? [path] : [emulator, path];
    const { status, stdout, error } = spawnSync(argv[0]!, [...argv.slice(1), "version"], {
      encoding: "utf8",
    });
    if ((error as NodeJS.ErrnoException | undefined)?.code === "ENOENT") return t.skip(`no ${emulator} here`);
    assert.equal(status, 0);
    assert.equal(stdout, "berth-helper 1\n");
  });
}

test("the arm64 program starts, refuses and signals, emulated", async (t) => {
  const emulator = "qemu-aarch64-static";
  if (spawnSync(emulator, ["-version"]).status !== 0) return t.skip(`no ${emulator} here`);
  const path = fileURLToPath(new URL("prebuilt/linux-arm64/berth-helper", import.meta.url));
  await using helper = new Helper([emulator, path, "spawn"]);
  const run = helper.run(["sh", "-c", "cat; echo err >&2; exit 3"], { stdin: true });
  await run.started();
  run.stdin?.end("through");
  assert.deepEqual(await run.text(), ["through", "err\n"]);
  assert.equal(await run.exitStatus(), 3 << 8);
  const tty = helper.run(["stty", "size"], { tty: { rows: 33, columns: 111 } });
  assert.deepEqual(await tty.text(), ["33 111\r\n"]);
  const missing = helper.run(["no-such-command"]);
  await missing.until(EVENT.FAILED);
  assert.deepEqual(missing.story, [`FAILED 4 ${errno.ENOENT}`]);
  const sleeping = helper.run(["sleep", "60"]);
  await sleeping.started();
  assert.equal(await sleeping.signal(signals.SIGTERM), 0);
  assert.equal(await sleeping.exitStatus(), signals.SIGTERM);
  const killed = helper.run(["sleep", "60"]);
  await killed.started();
  assert.equal(await killed.killTree(5000), 0);
  await killed.until(EVENT.EMPTY);
});

test("an unknown mode is refused", () => {
  for (const args of [
    [],
    ["nonsense"],
    ["dial"],
    ["daemonize", "--", "true"],
    ["daemonize", "--log", "x"],
    ["init", "--nonsense"],
  ]) {
    const { status, stderr } = run(...args);
    assert.equal(status, 2, args.join(" "));
    assert.match(stderr, /usage/);
  }
});

// ---- daemonize ----

test("daemonize: its own session, no terminal, output to the log, nothing inherited", async () => {
  const log = join(directory, "daemon.log");
  const look = "echo out; echo err >&2; cut -d' ' -f4,6,7 /proc/$$/stat; exec ls -l /proc/self/fd";
  const child = spawn(program, ["daemonize", "--log", log, "--", "sh", "-c", look], {
    stdio: ["pipe", "pipe", "pipe", "pipe", "pipe"],
  });
  const { code, stdout } = await collect(child);
  assert.equal(code, 0);
  assert.match(stdout, /^\d+\n$/);
  await until("the daemon has ended", () => !isRunning(Number(stdout)));
  const text = readFileSync(log, "utf8");
  assert.match(text, /^out\nerr\n\d+ \d+ 0\n/);
  assert.match(
    text,
    /0 -> \/dev\/null\n.* 1 -> .*daemon\.log\n.* 2 -> .*daemon\.log\n.* 3 -> \/proc\/\d+\/fd\n$/,
  );
  assert.equal(statSync(log).mode & 0o777, 0o600);
});

test("daemonize: the daemon is told the soft limit of open files, unless the launch has told it", async () => {
  for (const [set, expected] of [
    [{}, "321"],
    [{ BERTHD_OPEN_FILES: "77" }, "77"],
  ] as const) {
    const log = join(directory, `limit-${expected}.log`);
    const argv = [
      "--nofile=321:4000",
      program,
      "daemonize",
      "--log",
      log,
      "--",
      "sh",
      "-c",
      "echo $BERTHD_OPEN_FILES",
    ];
    const env = { PATH: process.env.PATH, ...set };
    const { stdout } = spawnSync("prlimit", argv, { encoding: "utf8", env });
    await until("it has ended", () => !isRunning(Number(stdout)));
    assert.equal(readFileSync(log, "utf8"), `${expected}\n`);
  }
});

test("daemonize: the log is appended to, a link in its place is refused", async () => {
  const log = join(directory, "appended.log");
  writeFileSync(log, "before\n");
  const { stdout } = run("daemonize", "--log", log, "--", "echo", "after");
  await until("written", () => !isRunning(Number(stdout)) && readFileSync(log, "utf8") === "before\nafter\n");
  const link = join(directory, "link.log");
  symlinkSync(log, link);
  const refused = run("daemonize", "--log", link, "--", "echo", "x");
  assert.equal(refused.status, 127);
  assert.match(refused.stderr, /link\.log: /);
});

test("daemonize: a program that can't be executed is 127 with the reason", () => {
  const { status, stdout, stderr } = run(
    "daemonize",
    "--log",
    join(directory, "x.log"),
    "--",
    "/nowhere/program",
  );
  assert.equal(status, 127);
  assert.equal(stdout, "");
  assert.equal(stderr, "berth-helper: /nowhere/program: No such file or directory\n");
});

test("daemonize: of twenty with one lock exactly one starts; the lock ends with the daemon, however it ends", async () => {
  const lock = join(directory, "lock");
  const args = ["daemonize", "--lock", lock, "--log", join(directory, "locked.log"), "--", "sleep", "60"];
  const all = await Promise.all(Array.from({ length: 20 }, () => collect(spawn(program, args))));
  const codes = all.map(({ code }) => code).sort();
  assert.deepEqual(codes, [0, ...Array.from({ length: 19 }, () => 75)]);
  for (const { code, stderr } of all)
    if (code === 75) assert.equal(stderr, "berth-helper: the lock is held by a running process\n");
  const pid = Number(all.find(({ code }) => code === 0)!.stdout);
  process.kill(pid, "SIGKILL");
  await until("gone", () => !isRunning(pid));
  const again = run(...args);
  assert.equal(again.status, 0);
  process.kill(Number(again.stdout), "SIGKILL");
});

// ---- dial ----

async function listen(
  name: string,
  serve: (socket: Socket) => void,
): Promise<{ path: string } & AsyncDisposable> {
  const path = join(directory, name);
  const server: Server = createServer({ allowHalfOpen: true }, serve);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return { path, [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) };
}

test("dial: both ways, half-closed by the client: what it sent is answered", async () => {
  await using server = await listen("echo", (socket) => {
    const hash = createHash("sha256");
    socket.on("data", (chunk: Buffer) => hash.update(chunk));
    socket.on("end", () => socket.end(hash.digest("hex")));
  });
  const child = spawn(program, ["dial", server.path]);
  const data = Buffer.alloc(20 * 1024 * 1024, "berth ");
  child.stdin.end(data);
  const { code, stdout } = await collect(child);
  assert.equal(code, 0);
  assert.equal(stdout, createHash("sha256").update(data).digest("hex"));
});

test("dial: 100 MB from the socket, byte-exact, through pipes and through sockets", async () => {
  const block = Buffer.alloc(1024 * 1024, "0123456789abcde");
  await using server = await listen("source", (socket) => {
    let sent = 0;
    const more = (): void => {
      while (sent++ < 100) if (!socket.write(block)) return void socket.once("drain", more);
      socket.end();
    };
    more();
  });
  const expected = createHash("sha256");
  for (let i = 0; i < 100; i++) expected.update(block);
  const digest = expected.digest("hex");
  const viaPipe = spawn("sh", ["-c", '"$0" dial "$1" | sha256sum', program, server.path], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  assert.equal((await collect(viaPipe)).stdout.slice(0, 64), digest);
  const viaSocket = spawn(program, ["dial", server.path], { stdio: ["ignore", "pipe", "inherit"] });
  const hash = createHash("sha256");
  viaSocket.stdout.on("data", (chunk: Buffer) => hash.update(chunk));
  await new Promise((resolve) => viaSocket.once("close", resolve));
  assert.equal(hash.digest("hex"), digest);
});

test("dial: half-closed by the server, it goes on sending", async () => {
  let received = "";
  let ended = false;
  await using server = await listen("half", (socket) => {
    socket.end("no more from here");
    socket.on("data", (chunk: Buffer) => {
      received += chunk.toString();
    });
    socket.on("end", () => {
      ended = true;
    });
  });
  const child = spawn(program, ["dial", server.path]);
  const done = collect(child);
  await new Promise((resolve) => child.stdout.once("end", resolve));
  child.stdin.end("still sending");
  const { code, stdout } = await done;
  assert.equal(code, 0);
  assert.equal(stdout, "no more from here");
  await until("the server saw the end", () => ended);
  assert.equal(received, "still sending");
});

test("dial: ends when the socket does, though stdin stays open", async () => {
  await using server = await listen("short", (socket) => socket.destroy());
  const child = spawn(program, ["dial", server.path]);
  assert.equal((await collect(child)).code, 0);
});

test("dial: what isn't a socket, isn't there or is a link is 3 with one line", async () => {
  await using server = await listen("target", (socket) => socket.end());
  const link = join(directory, "linked");
  symlinkSync(server.path, link);
  const plain = join(directory, "plain");
  writeFileSync(plain, "");
  const dead = join(directory, "dead");
  spawnSync("python3", ["-c", "import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])", dead]);
  for (const [path, reason] of [
    [join(directory, "missing"), "No such file or directory"],
    [plain, "not a socket"],
    [link, "not a socket"],
    [dead, "Connection refused"],
  ] as const) {
    const { status, stderr } = run("dial", path);
    assert.equal(status, 3, path);
    assert.equal(stderr, `berth-helper: ${path}: ${reason}\n`);
  }
});

test("dial: a path longer than a socket's address", async () => {
  const deep = mkdtempSync(join(directory, "d".repeat(120)));
  // The server needs a short name for it; the dialler gets the long one.
  const short = join(directory, "s");
  symlinkSync(deep, short);
  await using server = await listen("s/sock", (socket) => socket.end("reached"));
  assert.ok(existsSync(server.path));
  const child = spawn(program, ["dial", join(deep, "sock")]);
  child.stdin.end();
  assert.equal((await collect(child)).stdout, "reached");
});
