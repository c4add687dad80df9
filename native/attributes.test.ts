import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { helperProgram, u32, until } from "./helper-client.ts";

const { errno } = constants;
const directory = mkdtempSync(join(tmpdir(), "berth-helper-"));
after(() => rmSync(directory, { recursive: true, force: true }));

class Copier implements AsyncDisposable {
  readonly child: ChildProcess = spawn(helperProgram(), ["attributes"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  #answers: Buffer = Buffer.alloc(0);

  constructor() {
    this.child.stdout?.on("data", (chunk: Buffer) => {
      this.#answers = Buffer.concat([this.#answers, chunk]);
    });
  }

  send(from: string, to: string): void {
    const paths = Buffer.from(`${from}\0${to}\0`);
    this.child.stdin?.write(Buffer.concat([u32(paths.length), paths]));
  }

  async answer(): Promise<number> {
    await until("an answer", () => this.#answers.length >= 4);
    const value = this.#answers.readInt32LE(0);
    this.#answers = this.#answers.subarray(4);
    return value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.stdin?.end();
    assert.equal(await ended, 0);
  }
}

/** Runs a line of Python, which has calls for extended attributes. */
function python(code: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(
    "python3",
    ["-c", `import os,sys\na=sys.argv\n${code}`, ...args],
    { encoding: "utf8" },
  );
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

function file(name: string): string {
  const path = join(directory, name);
  writeFileSync(path, "");
  return path;
}

const attributes = (path: string): string =>
  python("print({n: os.getxattr(a[1], n) for n in sorted(os.listxattr(a[1]))})", path);

let supported = true;
try {
  python("os.setxattr(a[1], 'user.x', b'1')", file("probe"));
} catch {
  supported = false;
}
const skip = !supported && "no extended attributes on this file system";

/** u::rw- u:1234:r-- g::r-- m::r-- o::r-- as the kernel stores it. */
const ACL =
  "import struct\nacl=struct.pack('<I',2)+b''.join(struct.pack('<HHI',*e) for e in [(1,6,-1&0xffffffff),(2,4,1234),(4,4,-1&0xffffffff),(16,4,-1&0xffffffff),(32,4,-1&0xffffffff)])";

test("attributes and the ACL of one file become those of another", { skip }, async () => {
  await using copier = new Copier();
  const from = file("from with\nnewline");
  const to = file("to");
  python(
    `${ACL}\nos.setxattr(a[1],'user.empty',b'')\nos.setxattr(a[1],'user.bytes',bytes(range(256)))\nos.setxattr(a[1],'system.posix_acl_access',acl)`,
    from,
  );
  python("os.setxattr(a[1],'user.old',b'1')\nos.setxattr(a[1],'user.bytes',b'2')", to);
  copier.send(from, to);
  assert.equal(await copier.answer(), 0);
  assert.equal(attributes(to), attributes(from));
  const plain = file("plain");
  copier.send(plain, to);
  assert.equal(await copier.answer(), 0);
  assert.equal(attributes(to), "{}\n", "what the source doesn't have is removed");
});

test("through descriptors of another process", { skip }, async () => {
  await using copier = new Copier();
  const from = file("a");
  const to = file("b");
  python("os.setxattr(a[1],'user.x',b'1')", from);
  const [source, target] = [openSync(from, "r"), openSync(to, "r+")];
  copier.send(`/proc/${process.pid}/fd/${source}`, `/proc/${process.pid}/fd/${target}`);
  assert.equal(await copier.answer(), 0);
  assert.equal(attributes(to), attributes(from));
});

test("what fails is told by its errno, in order, and the next request is served", async () => {
  await using copier = new Copier();
  const here = file("here");
  for (let i = 0; i < 200; i++) copier.send(i % 2 === 0 ? "/nowhere" : here, here);
  for (let i = 0; i < 200; i++) assert.equal(await copier.answer(), i % 2 === 0 ? errno.ENOENT : 0);
  copier.child.stdin?.write(Buffer.concat([u32(3), Buffer.from("a\0b")]));
  assert.equal(await copier.answer(), errno.EINVAL);
});

test("a length beyond two paths ends it with a message", async () => {
  const child = spawn(helperProgram(), ["attributes"], { stdio: ["pipe", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  child.stdin.write(u32(100_000));
  assert.equal(await new Promise((resolve) => child.once("close", resolve)), 1);
  assert.match(stderr, /protocol error/);
});
