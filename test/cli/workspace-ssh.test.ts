import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { stringify } from "yaml";
import type { Workspace } from "../../src/contract/workspace.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { proxy } from "../fixtures/network.ts";
import { sshUser } from "../fixtures/ssh-user.ts";
import { knownHostsName, sshServer } from "../fixtures/sshd.ts";
import { collect } from "./berth.ts";
import { workspaceDesk } from "./workspace-desk.ts";

const BIG_BYTES = 6 * 1024 * 1024;

test("on a host: an interrupt in the middle of the sending leaves nothing; the next attempt comes through, with progress", async (t) => {
  const server = await requireOrSkip(t, () => sshServer({ node: true }));
  if (server === undefined) return;
  await using _server = server;
  await using user = await sshUser();
  await using network = await proxy({ to: { port: server.port, host: server.host } });
  assert.ok("port" in network.address);
  const { port } = network.address;
  await server.trust(knownHostsName("127.0.0.1", port));
  const box = server.config(user.name, { port });
  const workspaces = { runtime: "box", branchPrefix: "agent/" };
  await using at = await workspaceDesk({ "berth.yaml": stringify({ runtimes: { box }, workspaces }) });
  await writeFile(join(at.project, "big"), randomBytes(BIG_BYTES));
  at.git(at.project, "add", ".");
  at.git(at.project, "commit", "--quiet", "-m", "big");
  // Its place names a configuration of ssh.
  await at.ok("trust", "--yes", ".");
  await at.ok("exec", "-r", "box", "--", "true");

  network.set("up", { bytesPerSecond: BIG_BYTES / 20 });
  const child = at.start(["ws", "create", "one"]);
  let interrupted = false;
  child.stderr.on("data", (chunk: Buffer) => {
    if (interrupted || !/sending .*\(\d.* [KM]iB\), \d.* [KM]iB\/s/.test(chunk.toString())) return;
    interrupted = true;
    child.kill("SIGINT");
  });
  const ran = await collect(child);
  network.set("up", {});
  assert.ok(interrupted, ran.stderr);
  assert.equal(ran.code, 125);
  assert.match(ran.stderr, /\[operation\.aborted\]/);
  assert.doesNotMatch(ran.stderr, /is there/);
  assert.deepEqual(await at.json<Workspace[]>("ws", "list", "--all"), []);
  const left = await readdir(join(user.home, "berth"), { recursive: true }).catch(() => []);
  assert.ok(!left.some((path) => path.endsWith("/one")), left.join());

  const made = await at.json<Workspace>("ws", "create", "one");
  assert.equal(made.branch, "agent/one");
  assert.match(made.place?.path ?? "", new RegExp(`^${user.home}/berth/my-project-[0-9a-f]{6}/one$`));
  assert.equal((await at.ok("exec", "-w", "one", "--", "pwd")).trim(), made.place?.path);
  assert.equal(await at.ok("exec", "-w", "one", "--", "wc", "-c", "big"), `${BIG_BYTES} big\n`);
  await at.ok("exec", "-w", "one", "--", "git", "commit", "--allow-empty", "-qm", "there");

  // The way is gone: said so, nothing is lost, and it can be forgotten by force alone.
  network.refuse(true);
  network.cut();
  const away = await at.berth("ws", "delete", "one");
  assert.equal(away.code, 125);
  assert.match(away.stderr, /\[ssh\./);
  network.refuse(false);
  assert.match(await at.ok("ws", "pull", "one"), /^agent\/one: 1 commit, new, at [0-9a-f]{10} \(\d/);
  // Nobody is known to git there: the project's committer is.
  const by = at.git(at.project, "log", "-1", "--format=%s by %an <%ae>", "agent/one");
  assert.equal(by, "there by Dev <dev@example.com>");
  assert.match(await at.ok("ws", "pull", "one"), /nothing new/);
  assert.equal(await at.ok("ws", "delete", "one", "-q"), "");
});
