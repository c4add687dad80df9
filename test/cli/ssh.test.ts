import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openRuntime } from "../../src/runtimes/open.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { proxy } from "../fixtures/network.ts";
import { keyFile } from "../fixtures/ssh-agent.ts";
import { sshUser } from "../fixtures/ssh-user.ts";
import { sshServer } from "../fixtures/sshd.ts";
import { runAs } from "../fixtures/user.ts";
import { BERTH, collect, desk } from "./berth.ts";

function fingerprintOf(publicKeyPath: string): string {
  return execFileSync("ssh-keygen", ["-lf", publicKeyPath], { encoding: "utf8" }).split(" ")[1] ?? "";
}

test("berth ssh trust: refuses without anybody to ask, compares, records once, refuses a changed key", async (t) => {
  const server = await requireOrSkip(t, () => sshServer());
  if (server === undefined) return;
  await using _server = server;
  await using at = await desk();
  const known = join(at.directory, "known_hosts");
  const host = `${server.host}:${server.port}`;
  const trust = (...more: string[]) =>
    at.run(["ssh", "trust", host, "--ssh-config", server.emptyConfigPath, "--known-hosts", known, ...more]);
  await writeFile(join(at.directory, "host.pub"), server.hostPublicKey);
  const own = fingerprintOf(join(at.directory, "host.pub"));

  const alone = await trust();
  assert.equal(alone.code, 125);
  assert.match(alone.stderr, /nobody is here to compare the fingerprint \[cli\.usage\]\n {2}.*--fingerprint/);
  const wrong = await trust("--fingerprint", `SHA256:${"A".repeat(43)}`);
  assert.equal(wrong.code, 125);
  assert.match(wrong.stderr, /\[ssh\.host_key_unknown\]/);
  assert.ok(wrong.stderr.includes(own), wrong.stderr);
  await assert.rejects(readFile(known), { code: "ENOENT" });

  const right = await trust("--fingerprint", own);
  assert.equal(right.code, 0, right.stderr);
  assert.match(right.stdout.toString(), /shows its key\n {2}ED25519 SHA256:.*\nRecorded in /);
  const recorded = await readFile(known, "utf8");
  assert.ok(recorded.includes(server.hostPublicKey.split(" ")[1] ?? "?"), recorded);
  const again = JSON.parse((await trust("--fingerprint", own, "--json")).stdout.toString());
  assert.deepEqual([again.added, again.file, again.fingerprint], [false, known, own]);
  assert.equal(await readFile(known, "utf8"), recorded);

  await server.replaceHostKey();
  await server.stop();
  await server.start();
  const shown = await trust("--fingerprint", own);
  assert.equal(shown.code, 125);
  const fingerprint = /SHA256:\S+/.exec(shown.stdout.toString())?.[0] ?? "";
  assert.notEqual(fingerprint, own);
  const changed = await trust("--fingerprint", fingerprint);
  assert.equal(changed.code, 125);
  assert.match(changed.stderr, /\[ssh\.host_key_changed\]\n {2}Somebody may be in between/);
  assert.equal(await readFile(known, "utf8"), recorded);
});

test("berth ssh hosts: aliases with where they stand", async () => {
  await using at = await desk();
  const config = join(at.directory, "config");
  await writeFile(config, `Host box *.example\nInclude ${at.directory}/more\n`);
  await writeFile(join(at.directory, "more"), "Host coder.work\n");
  const listed = JSON.parse(
    (await at.run(["ssh", "hosts", "--ssh-config", config, "--json"])).stdout.toString(),
  );
  assert.deepEqual(listed, [
    { alias: "box", file: config, line: 1 },
    { alias: "coder.work", file: join(at.directory, "more"), line: 1 },
  ]);
  const table = (await at.run(["ssh", "hosts", "--ssh-config", config])).stdout.toString();
  assert.match(table, /^coder\.work +ssh:\/\/coder\.work +.*more:1$/m);
});

test("doctor and runtimes say which ssh there is, and what is lost without; --try asks no host", async () => {
  await using at = await desk();
  const there = JSON.parse((await at.run(["runtimes", "--json"])).stdout.toString());
  const kind = (report: typeof there) => report.kinds.find(({ type }: { type: string }) => type === "ssh");
  assert.match(kind(there).detail, /^OpenSSH_\S+ at \/.*\/ssh$/);
  at.env.PATH = at.directory;
  const lost = (await at.run(["doctor"])).stdout.toString();
  assert.match(lost, /^warn +ssh +built in; without aliases, jump hosts and certificates/m);
  assert.match(lost, /→ Install OpenSSH's client/);
  const { tried } = JSON.parse((await at.run(["doctor", "--try", "--json"])).stdout.toString());
  const ssh = tried.find(({ runtime }: { runtime: string }) => runtime === "ssh://");
  assert.match(ssh.skipped, /berth check -r ssh:\/\/HOST/);
});

test("what is for SSH is refused elsewhere, by the flag's name and before anything happens", async () => {
  await using at = await desk();
  for (const flags of [
    ["-i", "key"],
    ["--transport", "ssh2"],
    ["--accept-new"],
    ["--known-hosts", "file"],
    ["--ssh-config", "file"],
    ["--wait", "3s"],
  ]) {
    const ran = await at.run(["exec", "-r", "local:", ...flags, "--", "touch", "made"]);
    assert.equal(ran.code, 125);
    const name = flags[0] === "-i" ? "--identity" : flags[0];
    assert.match(ran.stderr, new RegExp(`reached by SSH takes ${name} \\[cli\\.usage\\]\n  Use -r ssh://`));
  }
  await assert.rejects(readFile(join(at.directory, "made")), { code: "ENOENT" });
  const transport = await at.run(["exec", "-r", "ssh://box", "--transport", "rsh", "--", "true"]);
  assert.match(transport.stderr, /Allowed choices are auto, openssh, ssh2/);
});

test("a command over SSH: bytes, exit codes, input, files; the unknown host is told with the command that trusts it", async (t) => {
  const server = await requireOrSkip(t, () => sshServer({ node: true }));
  if (server === undefined) return;
  await using _server = server;
  await using user = await sshUser({ startup: "echo noise\n" });
  await using at = await desk();
  const uri = `ssh://${user.name}@${server.host}:${server.port}`;
  const known = join(at.directory, "known hosts");
  const way = ["-i", server.keyPath, "--ssh-config", server.emptyConfigPath, "--known-hosts", known];

  const unknown = await at.run(["exec", "-r", uri, ...way, "--", "true"]);
  assert.equal(unknown.code, 125);
  assert.match(unknown.stderr, /is not known: ED25519 SHA256:\S+ .*\[ssh\.host_key_unknown\]\n {2}Compare/);
  // What the hint says is run as it stands, with the fingerprint that the host's own file gives.
  const words = /then: berth (ssh trust .*)$/m.exec(unknown.stderr)?.[1] ?? "";
  await writeFile(join(at.directory, "host.pub"), server.hostPublicKey);
  const told = execFileSync("sh", ["-c", `printf '%s\\n' ${words}`], { encoding: "utf8" })
    .trim()
    .split("\n");
  const trusted = await at.run([...told, "--fingerprint", fingerprintOf(join(at.directory, "host.pub"))]);
  assert.equal(trusted.code, 0, trusted.stderr);

  const script = "cat; printf 'a\\000b'; echo err >&2; exit 255";
  const ran = await at.run(["exec", "-q", "-r", uri, ...way, "--", "sh", "-c", script], "in");
  assert.deepEqual([ran.code, ran.stdout.toString(), ran.stderr], [255, "ina\0b", "err\n"]);
  await writeFile(join(at.directory, "up"), "content");
  assert.equal((await at.run(["cp", "-r", uri, ...way, "up", ":there"])).code, 0);
  const shown = await at.run(["exec", "-r", `${uri}/~/`, ...way, "-n", "--", "sh", "-c", "pwd; cat there"]);
  assert.equal(shown.stdout.toString(), `${user.home}\ncontent`);

  const name = await at.run(["exec", "-r", uri, ...way, "-d", "--name", "stays", "--", "sleep", "100"]);
  assert.equal(name.stdout.toString(), "stays\n");
  assert.match((await at.run(["ps", "-r", uri, ...way])).stdout.toString(), /stays/);
  assert.equal((await at.run(["kill", "-r", uri, ...way, "stays"])).code, 0);

  const masters = JSON.parse((await at.run(["ssh", "status", "--json"])).stdout.toString()) as {
    pid: number;
  }[];
  assert.equal(masters.length, 1);

  await at.run(["exec", "-r", uri, ...way, "-d", "--name", "busy", "--", "sleep", "100"]);
  const clean = (...more: string[]) => at.run(["ssh", "clean", uri, ...way, ...more]);
  const unasked = await clean();
  assert.equal(unasked.code, 125);
  assert.match(unasked.stderr, /nobody is here to say yes \[cli\.usage\]\n {2}Give --yes/);
  const busy = await clean("--yes");
  assert.equal(busy.code, 1, busy.stderr);
  assert.match(busy.stdout.toString(), /^stays +\S+ +1 running process; --force ends them$/m);
  assert.match((await at.run(["ps", "-r", uri, ...way])).stdout.toString(), /busy/);
  const forced = await clean("--yes", "--force");
  assert.equal(forced.code, 0, forced.stderr);
  assert.match(forced.stdout.toString(), /^removed +\S*\/payload\//m);
  assert.equal(
    (await clean("--dry-run")).stdout.toString(),
    `Nothing of Berth is on ${user.name}@${server.host}:${server.port}\n`,
  );

  const plain = await at.run(["exec", "-r", uri, ...way, "--no-daemon", "-n", "--", "sh", "-c", "exit 3"]);
  assert.equal(plain.code, 3);
});

test("a daemon that is no longer the one that was remembered is found again", async (t) => {
  const server = await requireOrSkip(t, () => sshServer({ node: true }));
  if (server === undefined) return;
  await using _server = server;
  await using user = await sshUser();
  await using at = await desk();
  await using other = await desk();
  const uri = `ssh://${user.name}@${server.host}:${server.port}`;
  const way = ["-i", server.keyPath, "--ssh-config", server.emptyConfigPath];
  way.push("--known-hosts", server.knownHostsPath);
  const says = async (where: typeof at): Promise<void> => {
    const ran = await where.run(["exec", "-r", uri, ...way, "--", "echo", "here"]);
    assert.deepEqual([ran.code, ran.stdout.toString()], [0, "here\n"], ran.stderr);
  };
  await says(at);
  const [remembered = ""] = await readdir(join(at.env.BERTH_HOME ?? "", "daemons"));
  const before = await readFile(join(at.env.BERTH_HOME ?? "", "daemons", remembered), "utf8");
  await says(at);
  // Nobody listens any more; then another one does, at the same place with another token.
  for (const starter of [at, other]) {
    assert.equal((await other.run(["ssh", "clean", uri, ...way, "--yes", "--force"])).code, 0);
    await says(starter);
    await says(at);
  }
  assert.notEqual(await readFile(join(at.env.BERTH_HOME ?? "", "daemons", remembered), "utf8"), before);
});

test("a host that is down fails at once; --wait waits for it", async (t) => {
  const server = await requireOrSkip(t, () => sshServer({ node: true }));
  if (server === undefined) return;
  await using _server = server;
  await using user = await sshUser();
  await using at = await desk();
  const words = ["exec", "-r", `ssh://${user.name}@${server.host}:${server.port}`, "-i", server.keyPath];
  words.push("--ssh-config", server.emptyConfigPath, "--known-hosts", server.knownHostsPath);
  await server.stop();
  const down = await at.run([...words, "--", "echo", "here"]);
  assert.equal(down.code, 125);
  assert.match(down.stderr, /\[ssh\.connection_refused\]/);
  const waiting = at.start([...words, "--wait", "1m", "--", "echo", "here"]);
  const ran = collect(waiting);
  // Its progress says that it waits and why; only then the host comes back.
  await new Promise<void>((resolve) => {
    let text = "";
    waiting.stderr.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (/waiting [\d.]+m?s: nothing listens on port/.test(text)) resolve();
    });
  });
  await server.start();
  const { code, stdout } = await ran;
  assert.deepEqual([code, stdout.toString()], [0, "here\n"]);
});

test("a command goes on over cuts: every byte once, in order, and its own exit code", async (t) => {
  const server = await requireOrSkip(t, () => sshServer({ node: true }));
  if (server === undefined) return;
  await using _server = server;
  await using user = await sshUser();
  await using at = await desk();
  await using network = await proxy({ to: { host: server.host, port: server.port } });
  const { port } = network.address as { port: number };
  await server.trust(`[${server.host}]:${port}`);
  const words = ["exec", "-q", "-r", `ssh://${user.name}@${server.host}:${port}`, "-i", server.keyPath];
  words.push("--ssh-config", server.emptyConfigPath, "--known-hosts", server.knownHostsPath);
  const script = "for i in $(seq 200); do echo $i; sleep 0.01; done; exit 7";
  const child = at.start([...words, "--", "sh", "-c", script]);
  let seen = "";
  const cutAt = ["\n20\n", "\n80\n"];
  child.stdout.on("data", (chunk: Buffer) => {
    seen += chunk.toString();
    if (cutAt[0] === undefined || !seen.includes(cutAt[0])) return;
    cutAt.shift();
    network.cut();
  });
  const { code, stdout, stderr } = await collect(child);
  assert.equal(stdout.toString(), Array.from({ length: 200 }, (_, index) => `${index + 1}\n`).join(""));
  assert.deepEqual([code, stderr, cutAt], [7, "", []]);
});

test("a key's passphrase is asked for at the terminal, without echo; Ctrl-C ends; --quiet and CI ask nothing", async (t) => {
  const server = await requireOrSkip(t, () => sshServer({ node: true }));
  if (server === undefined) return;
  await using _server = server;
  await using user = await sshUser();
  await using at = await desk();
  const passphrase = "correct horse";
  const key = await keyFile(join(at.directory, "locked"), { passphrase });
  await server.authorize(user.name, key.publicKey);
  const state = at.env.BERTH_HOME ?? "";
  await using local = await openRuntime({ type: "local" }, { stateDirectory: state });
  const words = ["exec", "-r", `ssh://${user.name}@${server.host}:${server.port}`, "-i", key.path];
  words.push("--ssh-config", server.emptyConfigPath, "--known-hosts", server.knownHostsPath);

  /** In a terminal: what it shows, answering the first question. */
  const inTerminal = async (more: string[], answer: string, environment: Record<string, string> = {}) => {
    const terminal = await local.spawn([process.execPath, BERTH, ...words, ...more, "--", "echo", "he''re"], {
      tty: { columns: 200, rows: 30 },
      cwd: at.directory,
      env: { BERTH_HOME: state, NO_COLOR: "1", SSH_AUTH_SOCK: "", CI: "", ...environment },
    });
    let text = "";
    let answered = false;
    for await (const chunk of terminal.output()) {
      if (chunk.type === "data") text += Buffer.from(chunk.data).toString("utf8");
      if (answered || !/locked: .*passphrase.* $/i.test(text)) continue;
      answered = true;
      await terminal.stdin.write(answer);
    }
    return { text, answered, code: (await terminal.exit).exitCode };
  };

  const quiet = await inTerminal(["--quiet"], "");
  assert.deepEqual([quiet.answered, quiet.code], [false, 125]);
  assert.match(quiet.text, /\[ssh\.key_encrypted\]/);
  assert.equal((await inTerminal([], "", { CI: "true" })).answered, false);
  const stopped = await inTerminal([], "corr\x03");
  assert.deepEqual([stopped.answered, stopped.code], [true, 125], stopped.text);
  assert.match(stopped.text, /\[operation\.aborted\]/);
  const right = await inTerminal([], `wronk\x15correct horsf\x7fe\r`);
  assert.deepEqual([right.answered, right.code], [true, 0], right.text);
  assert.match(right.text, /he''re/);
  for (const { text } of [quiet, stopped, right]) assert.doesNotMatch(text, /corr|horse|wron/);
  // Without a terminal nobody is asked.
  const piped = await at.run([...words, "--", "true"], "correct horse\n");
  assert.match(piped.stderr, /\[ssh\.key_encrypted\]/);
});

test("completion: hosts of the account's ssh configuration, after ssh:// in bash too", async (t) => {
  const user = await requireOrSkip(t, () => sshUser());
  if (user === undefined) return;
  await using _user = user;
  const script = `
    berth() { "$NODE" "$BERTH" "$@"; }
    eval "$(berth completion bash)"
    complete_line() {
      COMP_LINE=$1; COMP_POINT=\${#1}; COMP_WORDBREAKS=$' \\t\\n"'"'"'><=;|&(:'
      compopt() { :; }
      COMPREPLY=(); _berth; printf '%s\\n' "$1 => \${COMPREPLY[*]}"
    }
    complete_line "berth exec -r ssh://al"
    complete_line "berth ssh trust be"
    complete_line "berth ssh "
    complete_line "berth check -r s"
    complete_line "berth exec -r docker:"
  `;
  await mkdir(join(user.home, ".ssh"));
  await writeFile(join(user.home, ".ssh/config"), "Host alpha beta alpine *.x\n");
  const paths = { NODE: process.execPath, BERTH };
  const ran = await runAs(user, ["bash", "-c", script], { ...paths, BERTH_HOME: join(user.home, "state") });
  assert.deepEqual(ran.stdout.toString().trim().split("\n"), [
    "berth exec -r ssh://al => //alpha //alpine",
    "berth ssh trust be => beta",
    "berth ssh  => trust clean hosts status help",
    "berth check -r s => ssh://",
    "berth exec -r docker: => //",
  ]);
});
