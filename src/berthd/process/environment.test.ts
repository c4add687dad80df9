import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { commandEnvironment, loginEnvironment, resolveCwd } from "./environment.ts";
import { parsePasswd } from "./users.ts";

async function home(files: Readonly<Record<string, string>>): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "berth-home-"));
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text);
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

const inherited = { PATH: "/from/daemon", LANG: "C.UTF-8", ONLY_HERE: "1", HOME: "/nowhere" };

test("the login shell's environment counts, whatever its start-up files print", async () => {
  await using at = await home({
    ".profile": 'echo noise; echo noise >&2; export FROM_PROFILE="a\nb = c"; PATH=$PATH:/added; cat\n',
  });
  const env = await loginEnvironment({ inherited, home: at.path, name: "me", shell: "/bin/sh" });
  assert.equal(env.FROM_PROFILE, "a\nb = c");
  assert.ok(env.PATH?.endsWith(":/added"));
  assert.deepEqual([env.HOME, env.USER, env.SHELL, env.LANG], [at.path, "me", "/bin/sh", "C.UTF-8"]);
  assert.equal(env.ONLY_HERE, undefined);
  assert.equal(env.PWD, undefined);
});

test("bash is started as a login shell that isn't interactive", async () => {
  await using at = await home({ ".bash_profile": "export LOGIN=1\n", ".bashrc": "export INTERACTIVE=1\n" });
  const env = await loginEnvironment({ inherited, home: at.path, name: "me", shell: "/bin/bash" });
  assert.deepEqual([env.LOGIN, env.INTERACTIVE], ["1", undefined]);
});

test("a shell that serves nobody leaves the daemon's own environment", async () => {
  await using at = await home({});
  for (const shell of ["/usr/sbin/nologin", "/no/such/shell", "/bin/false"]) {
    assert.deepEqual(
      await loginEnvironment({ inherited, home: at.path, name: "me", shell }),
      inherited,
      shell,
    );
  }
});

test("a start-up file that hangs costs its deadline and no more", async () => {
  await using at = await home({});
  const shell = join(at.path, "bin", "hang");
  await mkdir(join(at.path, "bin"));
  await writeFile(shell, "#!/bin/sh\nsleep 1000\n");
  await chmod(shell, 0o755);
  assert.deepEqual(await loginEnvironment({ inherited, home: at.path, name: "me", shell }), inherited);
});

test("order and precedence: the place's, Berth's defaults, the caller's", () => {
  const env = commandEnvironment({
    base: { PATH: "/bin", PAGER: "less", B: "1" },
    user: undefined,
    tty: false,
    caller: [
      ["PAGER", "more"],
      ["NEW", "x'\"$`\n"],
      ["B", null],
    ],
  });
  assert.deepEqual(env, [
    ["PATH", "/bin"],
    ["PAGER", "more"],
    ["TERM", "dumb"],
    ["GIT_PAGER", "cat"],
    ["GIT_TERMINAL_PROMPT", "0"],
    ["GIT_EDITOR", "true"],
    ["NEW", "x'\"$`\n"],
  ]);
  const tty = Object.fromEntries(commandEnvironment({ base: {}, user: undefined, tty: true, caller: [] }));
  assert.deepEqual([tty.TERM, tty.PAGER], ["xterm-256color", undefined]);
});

test("a bad name or value is refused without being shown", () => {
  for (const [name, value] of [
    ["A B", "secret"],
    ["", "secret"],
    ["A=B", "secret"],
    ["A", "sec\0ret"],
  ] as const) {
    assert.throws(
      () => commandEnvironment({ base: {}, user: undefined, tty: false, caller: [[name, value]] }),
      (error: Error & { code?: string }) =>
        error.code === "process.env_invalid" && !error.message.includes("secret"),
    );
  }
});

test("a working directory is absolute or below HOME", () => {
  assert.deepEqual(
    [resolveCwd("~", "/h"), resolveCwd("~/a", "/h"), resolveCwd("/x", "/h")],
    ["/h", "/h/a", "/x"],
  );
  assert.throws(() => resolveCwd("a", "/h"), { code: "process.cwd_not_found" });
});

test("a user database with odd lines is read", () => {
  const text = "root:x:0:0:root:/root:/bin/bash\n# comment\n+::::::\nagent:x:1000:1000::/home/agent:\n";
  assert.deepEqual(parsePasswd(text), [
    { name: "root", uid: 0, gid: 0, home: "/root", shell: "/bin/bash" },
    { name: "agent", uid: 1000, gid: 1000, home: "/home/agent", shell: "/bin/sh" },
  ]);
});
