import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { globSync } from "node:fs";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import { requireOrSkip } from "../fixtures/install.ts";
import { output, waitFor } from "../fixtures/process.ts";
import { keyFile } from "../fixtures/ssh-agent.ts";
import { commandLines, type SshBench, sshBench, WAYS } from "./support.ts";

/** Looks at every command line of this machine, which is both sides, again and again until disposed. */
function watchCommandLines(): AsyncDisposable & { seen: Set<string> } {
  const seen = new Set<string>();
  let ended = false;
  const looking = (async () => {
    while (!ended) {
      for (const { commandLine } of await commandLines()) seen.add(commandLine);
    }
  })();
  return {
    seen,
    [Symbol.asyncDispose]: async () => {
      ended = true;
      await looking;
    },
  };
}

/** Content of all regular files below a directory. */
async function contents(directory: string): Promise<string> {
  const names = globSync("**/*", { cwd: directory }).concat(globSync("**/.*", { cwd: directory }));
  const parts: string[] = [];
  for (const name of new Set(names)) {
    const path = join(directory, name);
    const status = await stat(path).catch(() => undefined);
    if (status?.isFile() && status.size < 5_000_000) parts.push(await readFile(path, "latin1"));
  }
  return parts.join("\n");
}

/** OpenSSH's client as it is, which in addition writes its most talkative log to files. */
async function talkativeClient(directory: string): Promise<{ bin: string; logs: () => Promise<string> }> {
  const bin = join(directory, "bin");
  const logs = join(directory, "logs");
  await mkdir(bin);
  await mkdir(logs);
  const real = (await output(["sh", "-c", "command -v ssh"])).trim();
  const script = `#!/bin/sh
case " $* " in *" -G "*) exec ${real} "$@";; esac
before=
for word in "$@"; do
  shift
  if [ "$before" = -E ]; then set -- "$@" '${logs}'/$$; else set -- "$@" "$word"; fi
  before=$word
done
exec ${real} -vvv "$@"
`;
  await writeFile(join(bin, "ssh"), script, { mode: 0o755 });
  return { bin, logs: () => contents(logs) };
}

function newSecret(what: string): string {
  return `${what}-${randomBytes(8).toString("hex")}-'"$x\\`;
}

async function everything(bench: SshBench, way: (typeof WAYS)[number]): Promise<void> {
  const secrets = {
    password: newSecret("password"),
    passphrase: newSecret("passphrase"),
    value: newSecret("value"),
  };
  const plain = Object.values(secrets).map((secret) => secret.replace(/-[^-]*$/, ""));
  const key = await keyFile(join(bench.directory, `key-${way.transport}-${way.daemon}`), {
    passphrase: secrets.passphrase,
  });
  await bench.server.authorize(bench.user.name, key.publicKey);
  await output(["chpasswd"], { input: `${bench.user.name}:${secrets.password}\n` });
  const passphrasePath = join(bench.directory, "passphrase");
  await writeFile(passphrasePath, secrets.passphrase, { mode: 0o600 });
  const configurations =
    way.transport === "openssh"
      ? [{ transport: way.transport }]
      : [
          { identityFile: key.path, passphrase: { file: passphrasePath } },
          { identityFile: undefined, password: { command: ["cat", join(bench.directory, "password")] } },
        ];
  await writeFile(join(bench.directory, "password"), `${secrets.password}\n`, { mode: 0o600 });
  const told: string[] = [];
  const tell = (value: unknown): void =>
    void told.push(JSON.stringify(value), String((value as Error)?.stack ?? ""));
  await using watched = watchCommandLines();
  for (const configuration of configurations) {
    const config = { daemon: way.daemon, env: { CONFIGURED: secrets.value }, ...configuration };
    if ("identityFile" in config && config.identityFile === undefined) {
      // Only the password is left.
      Object.assign(config, { configFile: await noKeys(bench) });
    }
    const runtime = await bench.open(config as Parameters<SshBench["open"]>[0], {
      onProgress: tell,
      onEvent: tell,
    });
    // Output is kept as it is: a command that shows a secret has shown it.
    const script =
      'IFS= read -r v; test "$CONFIGURED$GIVEN" = "$v$v" && until test -e "$0"; do sleep 0.05; done';
    const looked = join(bench.user.home, `looked-${randomBytes(4).toString("hex")}`);
    const comparing = Promise.resolve(
      runtime.exec(["sh", "-c", script, looked], {
        env: { GIVEN: secrets.value },
        input: `${secrets.value}\n`,
      }),
    );
    const isSeen = (line: string) => line.includes(`\0${looked}\0`);
    await waitFor("the command lines are looked at while it runs", () => [...watched.seen].some(isSeen));
    await writeFile(looked, "");
    assert.equal((await comparing).exitCode, 0, "the values have arrived");
    await runtime.exec(["/nonexistent"], { env: { GIVEN: secrets.value } }).then(tell, tell);
    await runtime.exec(["true"], { cwd: "/nonexistent", env: { GIVEN: secrets.value } }).then(tell, tell);
    await runtime.exec(["wc", "-c"], { input: secrets.value }).then(tell, tell);
    if (runtime.capabilities.spawn) {
      await using started = await runtime.spawn(["sleep", "0.2"], { env: { GIVEN: secrets.value } });
      tell(await started.info());
      await started.exit;
    }
    tell(await runtime.check());
    await runtime.close();
  }
  await watched[Symbol.asyncDispose]();
  const places = {
    "a command line": [...watched.seen].join("\n"),
    "events, errors and reports": told.join("\n"),
    "this machine's state": await contents(bench.stateDirectory),
    "the server's log": bench.server.log(),
  };
  for (const [place, content] of Object.entries(places)) {
    for (const secret of plain) assert.ok(!content.includes(secret), `${secret} stands in ${place}`);
  }
}

async function noKeys(bench: SshBench): Promise<string> {
  const path = join(bench.directory, "no-keys");
  await writeFile(path, "IdentityFile none\nIdentityAgent none\n");
  return path;
}

for (const way of WAYS) {
  test(`passwords, passphrases and values stand in no command line, log, event, error or file: ${way.title}`, async (t) => {
    const made = await requireOrSkip(t, () =>
      sshBench({ server: { config: ["PasswordAuthentication yes", "LogLevel DEBUG3"] } }),
    );
    if (made === undefined) return;
    await using bench = made;
    await everything(bench, way);
    const inPlace = await contents(bench.user.home);
    assert.doesNotMatch(inPlace, /(password|passphrase|value)-[0-9a-f]{16}/);
  });
}

test("values stand in no log of `ssh -vvv`", async (t) => {
  const made = await requireOrSkip(t, () => sshBench({ server: { config: ["PasswordAuthentication yes"] } }));
  if (made === undefined) return;
  await using bench = made;
  const { bin, logs } = await talkativeClient(bench.directory);
  const path = process.env.PATH;
  process.env.PATH = `${bin}${delimiter}${path}`;
  try {
    for (const way of WAYS) if (way.transport === "openssh") await everything(bench, way);
  } finally {
    process.env.PATH = path;
  }
  const log = await logs();
  assert.match(log, /debug[123]: /);
  assert.doesNotMatch(log, /(password|passphrase|value)-[0-9a-f]{16}/);
});

test("a client that is told to log everything gives a command's stderr as it is", async (t) => {
  const made = await requireOrSkip(t, () => sshBench());
  if (made === undefined) return;
  await using bench = made;
  const configFile = join(bench.directory, "ssh_config");
  await writeFile(configFile, "LogLevel DEBUG3\n");
  for (const daemon of ["auto", "never"] as const) {
    const runtime = await bench.open({ configFile, transport: "openssh", daemon });
    const result = await runtime.exec("echo out; echo err >&2; exit 255");
    assert.deepEqual([result.stdout, result.stderr, result.exitCode], ["out\n", "err\n", 255]);
  }
});
