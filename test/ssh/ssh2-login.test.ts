import assert from "node:assert/strict";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type BerthError, isBerthError } from "../../src/contract/errors.ts";
import type { ConnectPrompt } from "../../src/contract/runtime.ts";
import { resolveSshTarget } from "../../src/transports/ssh/resolve.ts";
import { connectSsh2 } from "../../src/transports/ssh/ssh2/connect.ts";
import type { AskPerson, SshTarget } from "../../src/transports/ssh/target.ts";
import { scratchDirectory } from "../fixtures/disk.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { output } from "../fixtures/process.ts";
import { keyFile, sshAgent } from "../fixtures/ssh-agent.ts";
import { type SshUserOptions, sshUser } from "../fixtures/ssh-user.ts";
import { type SshServer, type SshServerOptions, sshServer } from "../fixtures/sshd.ts";
import type { OrdinaryUser } from "../fixtures/user.ts";

const DEADLINE_MS = 20_000;
const PAM = ["UsePAM yes", "KbdInteractiveAuthentication yes", "PasswordAuthentication no"];

interface Place {
  readonly server: SshServer;
  readonly user: OrdinaryUser;
  /** A directory for keys. */
  readonly path: string;
  /** The target as configured, without any key of the fixture's unless `changes` has it. */
  target(changes?: Partial<SshTarget>): Promise<SshTarget>;
}

/** A server with an account, for one test. */
async function at(
  t: TestContext,
  options: SshServerOptions & { readonly account?: SshUserOptions },
  body: (place: Place) => Promise<void>,
): Promise<void> {
  const found = await requireOrSkip(t, () => sshServer(options));
  if (found === undefined) return;
  await using server = found;
  await using user = await sshUser(options.account);
  await using scratch = await scratchDirectory();
  const base = await resolveSshTarget(server.config(user.name));
  const target = async (changes: Partial<SshTarget> = {}): Promise<SshTarget> => ({
    ...base,
    identityAgent: undefined,
    identityFiles: [],
    identitiesOnly: false,
    given: { ...base.given, identityFile: undefined },
    ...changes,
  });
  await body({ server, user, path: scratch.path, target });
}

/** Logs in, runs a command, and tells how it was let in. */
async function logIn(target: SshTarget, onPrompt?: AskPerson): Promise<string> {
  const connection = await connectSsh2(target, { signal: AbortSignal.timeout(DEADLINE_MS), onPrompt });
  try {
    const command = await connection.exec("id -un", {});
    const text = (await command.stdout.toArray()).join("");
    assert.equal(text, `${target.user}\n`);
    command.stderr.resume();
    assert.deepEqual(await command.exit, { exitCode: 0, signal: null });
    return connection.detail;
  } finally {
    await connection.close();
  }
}

async function refusal(target: SshTarget, onPrompt?: AskPerson): Promise<BerthError> {
  const error: unknown = await logIn(target, onPrompt).then(
    () => assert.fail("it was let in"),
    (cause: unknown) => cause,
  );
  assert.ok(isBerthError(error), String(error));
  return error;
}

/** A person who gives these answers, one after the other. */
function person(...answers: (string | undefined)[]): AskPerson & { readonly asked: ConnectPrompt[] } {
  const asked: ConnectPrompt[] = [];
  return Object.assign(
    async (prompt: ConnectPrompt) => {
      asked.push(prompt);
      return answers[asked.length - 1];
    },
    { asked },
  );
}

async function inFile(path: string, secret: string): Promise<{ readonly file: string }> {
  await writeFile(path, `${secret}\n`, { mode: 0o600 });
  return { file: path };
}

test("a key in a file, of each type, and in the older formats", async (t) => {
  await at(t, {}, async ({ server, user, path, target }) => {
    for (const type of ["ed25519", "ecdsa", "rsa"] as const) {
      const key = await keyFile(join(path, type), { type });
      await server.authorize(user.name, key.publicKey);
      const detail = await logIn(await target({ identityFiles: [key.path] }));
      assert.match(detail, new RegExp(`key ${key.path} SHA256:`));
      assert.match(detail, /aes128-gcm.*curve25519-sha256.*host key ssh-ed25519 SHA256:/);
    }
    for (const format of ["PEM", "PKCS8"]) {
      const key = join(path, `rsa-${format}`);
      await output(["ssh-keygen", "-q", "-t", "rsa", "-m", format, "-N", "", "-f", key]);
      await server.authorize(user.name, await output(["cat", `${key}.pub`]));
      await logIn(await target({ identityFiles: [key] }));
    }
  });
});

test("an encrypted key is asked for when the server takes it, and not before", async (t) => {
  await at(t, {}, async ({ server, user, path, target }) => {
    const key = await keyFile(join(path, "key"), { passphrase: "open sesame" });
    const stranger = await keyFile(join(path, "stranger"), { passphrase: "not asked for" });
    await server.authorize(user.name, key.publicKey);
    const wanted = await target({ identityFiles: [stranger.path, key.path] });
    const twice = person("wrong", "open sesame");
    assert.match(await logIn(wanted, twice), new RegExp(`key ${key.path} `));
    assert.deepEqual(
      twice.asked.map(({ kind, subject, echo }) => ({ kind, subject, echo })),
      Array(2).fill({ kind: "passphrase", subject: key.path, echo: false }),
    );
    const thrice = person("a", "b", "c", "open sesame");
    const failed = await refusal(wanted, thrice);
    assert.equal(failed.code, "ssh.key_encrypted");
    assert.match(failed.message, /was not the passphrase/);
    assert.equal(thrice.asked.length, 3);
    const nobody = await refusal(wanted);
    assert.equal(nobody.code, "ssh.key_encrypted");
    assert.match(nobody.hint, new RegExp(`ssh-add ${key.path}`));
    assert.equal((await refusal(wanted, person(undefined))).code, "operation.aborted");
  });
});

test("the passphrase of the configuration; a wrong one is told and is in no error", async (t) => {
  await at(t, {}, async ({ server, user, path, target }) => {
    for (const format of ["RFC4716", "PEM", "PKCS8"]) {
      const key = join(path, format);
      const type = format === "RFC4716" ? [] : ["-t", "rsa", "-m", format];
      await output(["ssh-keygen", "-q", ...type, "-N", "open sesame", "-f", key]);
      await server.authorize(user.name, await output(["cat", `${key}.pub`]));
      const right = await inFile(join(path, "right"), "open sesame");
      await logIn(await target({ identityFiles: [key], passphrase: right }));
      const wrong = await inFile(join(path, "wrong"), "shut sesame");
      const failed = await refusal(await target({ identityFiles: [key], passphrase: wrong }));
      assert.equal(failed.code, "ssh.key_encrypted");
      assert.match(failed.message, /configured is not that of the key/);
      assert.doesNotMatch(JSON.stringify(failed) + String(failed.stack), /sesame/);
    }
    const none = await refusal(
      await target({ identityFiles: [join(path, "PEM")], passphrase: { env: "NOT_SET_HERE" } }),
    );
    assert.equal(none.code, "ssh.secret_unavailable");
  });
});

test("a key that others can read, that is none, or that is not there is told by its name", async (t) => {
  await at(t, {}, async ({ server, user, path, target }) => {
    const key = await keyFile(join(path, "key"));
    await server.authorize(user.name, key.publicKey);
    const named = async (identityFile: string) =>
      refusal(await target({ identityFiles: [identityFile], given: { identityFile } }));
    await chmod(key.path, 0o644);
    const readable = await named(key.path);
    assert.equal(readable.code, "ssh.key_unusable");
    assert.match(readable.message, /chmod 600/);
    await writeFile(join(path, "no-key"), "hello\n");
    assert.equal((await named(join(path, "no-key"))).code, "ssh.key_unusable");
    assert.match((await named(join(path, "missing"))).message, /ENOENT/);
  });
});

test("an agent: keys that the configuration names come first, with IdentitiesOnly they are all", async (t) => {
  await at(t, {}, async ({ server, user, target }) => {
    await using agent = await sshAgent(20);
    const last = agent.keys.at(-1);
    assert.ok(last !== undefined);
    await server.authorize(user.name, last.publicKey);
    const byAgent = { identityAgent: agent.socketPath };
    const tooMany = await refusal(await target(byAgent));
    assert.equal(tooMany.code, "ssh.too_many_keys");
    // The public half in the file names the key, the agent has the other one.
    const detail = await logIn(await target({ ...byAgent, identityFiles: [`${last.path}.pub`] }));
    assert.match(detail, /SHA256:\S+ by agent/);
    const first = agent.keys[0];
    assert.ok(first !== undefined);
    const only = await refusal(
      await target({ ...byAgent, identityFiles: [`${first.path}.pub`], identitiesOnly: true }),
    );
    assert.equal(only.code, "ssh.auth_failed");
    assert.equal(only.context.keysTried, 1);
  });
});

test("more keys than the server allows leave the configured password its turn", async (t) => {
  const config = ["PasswordAuthentication yes"];
  await at(t, { config, account: { password: "right one" } }, async ({ path, target }) => {
    await using agent = await sshAgent(8);
    const password = await inFile(join(path, "password"), "right one");
    const detail = await logIn(await target({ identityAgent: agent.socketPath, password }));
    assert.match(detail, /, password$/);
  });
});

test("a wrong key is refused with what the server takes", async (t) => {
  await at(t, { config: ["PasswordAuthentication yes"] }, async ({ path, target }) => {
    const key = await keyFile(join(path, "key"));
    const failed = await refusal(await target({ identityFiles: [key.path] }));
    assert.equal(failed.code, "ssh.auth_failed");
    assert.match(failed.hint, /takes: publickey, password/);
    const none = await refusal(await target({ certificateFiles: [join(path, "key-cert.pub")] }));
    assert.equal(none.code, "ssh.auth_failed");
    assert.match(none.message, /certificates are not used by ssh2/);
  });
});

test("a security key's file is not used, and the error says so", async (t) => {
  await at(t, {}, async ({ path, target }) => {
    const blob = Buffer.concat(
      ["sk-ssh-ed25519@openssh.com", "0".repeat(32), "ssh:"].map((field) => {
        const length = Buffer.alloc(4);
        length.writeUInt32BE(field.length);
        return Buffer.concat([length, Buffer.from(field)]);
      }),
    );
    const file = join(path, "id_ed25519_sk");
    await writeFile(file, `sk-ssh-ed25519@openssh.com ${blob.toString("base64")} test\n`, { mode: 0o600 });
    const failed = await refusal(await target({ identityFiles: [file] }));
    assert.equal(failed.code, "ssh.auth_failed");
    assert.match(failed.message, /FIDO/);
  });
});

test("a password by configuration and by prompt", async (t) => {
  const config = ["PasswordAuthentication yes"];
  await at(t, { config, account: { password: "right one" } }, async ({ server, path, target }) => {
    const right = await inFile(join(path, "right"), "right one");
    assert.match(await logIn(await target({ password: right })), /, password$/);
    const wrong = await inFile(join(path, "wrong"), "wrong one");
    const before = server.log().length;
    const failed = await refusal(await target({ password: wrong }));
    assert.equal(failed.code, "ssh.password_refused");
    assert.doesNotMatch(JSON.stringify(failed) + String(failed.stack), /wrong one/);
    assert.equal(
      server
        .log()
        .slice(before)
        .match(/Failed password/g)?.length,
      1,
    );
    const typed = person("wrong one", "right one");
    assert.match(await logIn(await target(), typed), /, password$/);
    assert.deepEqual(
      typed.asked.map(({ kind }) => kind),
      ["password", "password"],
    );
    const never = person("a", "b", "c", "d");
    assert.equal((await refusal(await target(), never)).code, "ssh.password_refused");
    assert.equal(never.asked.length, 3);
    assert.equal((await refusal(await target(), person(undefined))).code, "operation.aborted");
    assert.equal((await refusal(await target())).code, "ssh.auth_failed");
  });
});

test("keyboard-interactive: the server's questions are passed on, a configured password answers one", async (t) => {
  await at(t, { config: PAM, account: { password: "right one" } }, async ({ path, target }) => {
    const right = await inFile(join(path, "right"), "right one");
    assert.match(await logIn(await target({ password: right })), /, keyboard-interactive$/);
    const wrong = await inFile(join(path, "wrong"), "wrong one");
    assert.equal((await refusal(await target({ password: wrong }))).code, "ssh.password_refused");
    const typed = person("right one");
    assert.match(await logIn(await target(), typed), /, keyboard-interactive$/);
    assert.deepEqual(
      typed.asked.map(({ kind, text, echo }) => ({ kind, text, echo })),
      [{ kind: "answer", text: "Password: ", echo: false }],
    );
    assert.equal((await refusal(await target(), person(undefined))).code, "operation.aborted");
  });
});

test("a server that wants a key and a password gets both", async (t) => {
  const config = ["PasswordAuthentication yes", "AuthenticationMethods publickey,password"];
  await at(t, { config, account: { password: "right one" } }, async ({ server, path, target }) => {
    await using agent = await sshAgent(1);
    const stranger = await keyFile(join(path, "stranger"));
    const right = await inFile(join(path, "right"), "right one");
    const byFile = { identityFiles: [stranger.path, server.keyPath], password: right };
    assert.match(await logIn(await target(byFile)), /key \S+ SHA256:\S+, password$/);
    const byAgent = await target({ ...byFile, identityAgent: agent.socketPath });
    assert.match(await logIn(byAgent), /key \S+ SHA256:\S+, password$/);
    assert.equal((await refusal(await target({ identityFiles: [server.keyPath] }))).code, "ssh.auth_failed");
    assert.equal((await refusal(await target({ password: right }))).code, "ssh.auth_failed");
    const wrong = await inFile(join(path, "wrong"), "wrong one");
    const failed = await refusal(await target({ ...byFile, password: wrong }));
    assert.equal(failed.code, "ssh.password_refused");
  });
});

test("a server that wants two keys gets both", async (t) => {
  await at(t, { config: ["AuthenticationMethods publickey,publickey"] }, async (place) => {
    const { server, user, path, target } = place;
    const second = await keyFile(join(path, "second"));
    assert.equal((await refusal(await target({ identityFiles: [server.keyPath] }))).code, "ssh.auth_failed");
    await server.authorize(user.name, second.publicKey);
    await logIn(await target({ identityFiles: [server.keyPath, second.path] }));
  });
});

test("a certificate in the agent is left out, and the error says so", async (t) => {
  await at(t, {}, async ({ path, target }) => {
    await using agent = await sshAgent(0);
    const authority = await keyFile(join(path, "authority"));
    const key = await keyFile(join(path, "key"));
    await output(["ssh-keygen", "-q", "-s", authority.path, "-I", "id", "-n", "root", `${key.path}.pub`]);
    await agent.add(key);
    const failed = await refusal(await target({ identityAgent: agent.socketPath }));
    assert.equal(failed.code, "ssh.auth_failed");
    assert.equal(failed.context.keysTried, 1);
    assert.match(failed.message, /1 of the agent's keys is a certificate/);
  });
});

test("a server that allows fewer tries says so", async (t) => {
  await at(t, { config: ["MaxAuthTries 2"] }, async ({ target }) => {
    await using agent = await sshAgent(3);
    const failed = await refusal(await target({ identityAgent: agent.socketPath }));
    assert.equal(failed.code, "ssh.too_many_keys");
  });
});

test("an agent that is not there has no keys", async (t) => {
  await at(t, {}, async ({ server, path, target }) => {
    const identityAgent = join(path, "nothing");
    await logIn(await target({ identityAgent, identityFiles: [server.keyPath] }));
  });
});

test("a server that goes while a person is asked ends the login at once, and the late answer does nothing", async (t) => {
  for (const config of [["PasswordAuthentication yes"], PAM]) {
    await at(t, { config, account: { password: "right one" } }, async ({ server, target }) => {
      const asked = Promise.withResolvers<void>();
      const answer = Promise.withResolvers<string>();
      const failing = refusal(await target(), () => {
        asked.resolve();
        return answer.promise;
      });
      await asked.promise;
      await server.dropSessions();
      assert.equal((await failing).code, "ssh.handshake_failed");
      answer.resolve("right one");
      await new Promise(setImmediate);
    });
  }
});
