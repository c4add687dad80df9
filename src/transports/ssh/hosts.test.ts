import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { listSshHosts } from "./hosts.ts";

async function home(files: Record<string, string>) {
  const path = await mkdtemp(join(tmpdir(), "berth-hosts-"));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), text);
  }
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

async function aliases(at: string, configFile?: string): Promise<string[]> {
  const hosts = await listSshHosts({ home: at, systemFile: join(at, "etc/ssh_config"), configFile });
  return hosts.map(({ alias }) => alias);
}

test("aliases in their order, patterns and comments left out, each where it stands first", async () => {
  await using at = await home({
    ".ssh/config": [
      "# Host commented",
      "Host box dev-* !bad",
      "  HostName 10.0.0.1 # Host no",
      'HOST="quoted name" second # trailing',
      "Match host matched",
      "\tHost\tbox\ttabbed",
      "HostName not-a-host",
      "",
    ].join("\n"),
    "etc/ssh_config": "Host box system\n",
  });
  const hosts = await listSshHosts({ home: at.path, systemFile: join(at.path, "etc/ssh_config") });
  assert.deepEqual(
    hosts.map(({ alias, file, line }) => [alias, file.slice(at.path.length + 1), line]),
    [
      ["box", ".ssh/config", 2],
      ["quoted name", ".ssh/config", 4],
      ["second", ".ssh/config", 4],
      ["tabbed", ".ssh/config", 6],
      ["system", "etc/ssh_config", 1],
    ],
  );
});

test("Include: patterns, ~, relative to the first file's directory, several, nested, in a block", async () => {
  await using at = await home({
    ".ssh/config": "Include conf.d/* ~/work/hosts missing\nHost last\n  Include nested\n",
    ".ssh/conf.d/b": "Host b\nInclude nested\n",
    ".ssh/conf.d/a": "Host a\n",
    ".ssh/nested": "Host nested\n",
    "work/hosts": "Host work\n",
    "etc/ssh_config": "Include more\n",
    "etc/more": "Host more\n",
  });
  assert.deepEqual(await aliases(at.path), ["a", "b", "nested", "work", "last", "more"]);
});

test("a file that includes itself ends; a configuration of one's own is all that counts", async () => {
  await using at = await home({
    ".ssh/config": "Include config\nHost self\n",
    "own/config": "Host mine\nInclude shared\n",
    ".ssh/shared": "Host shared\n",
  });
  assert.deepEqual(await aliases(at.path), ["self"]);
  assert.deepEqual(await aliases(at.path, join(at.path, "own/config")), ["mine", "shared"]);
  assert.deepEqual(await aliases(join(at.path, "nobody")), []);
});

test("what an alias stands for: of its own blocks the first line counts, patterns and matches are nobody's", async () => {
  await using at = await home({
    ".ssh/config": [
      "User everybody",
      "Host box other",
      "  HostName %h.example.com",
      "  Port 2222",
      "  Include user",
      "Host *",
      "  HostName nowhere",
      "Match host box",
      "  Port 1",
      "Host box",
      "  HostName late",
      "  user=dev",
      "Host plain",
    ].join("\n"),
    ".ssh/user": "User first\nHost inner\nPort no\n",
  });
  const hosts = await listSshHosts({ home: at.path, systemFile: "/nonexistent" });
  assert.deepEqual(
    hosts.map(({ alias, hostname, user, port }) => [alias, hostname, user, port]),
    [
      ["box", "box.example.com", "first", 2222],
      ["other", "other.example.com", "first", 2222],
      ["inner", undefined, undefined, undefined],
      ["plain", undefined, undefined, undefined],
    ],
  );
});
