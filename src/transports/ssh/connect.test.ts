import assert from "node:assert/strict";
import { test } from "node:test";
import { type BerthError, berthError, isBerthError } from "../../contract/errors.ts";
import { createSshConnector } from "./connect.ts";
import type { ConnectOptions, SshTarget } from "./target.ts";
import { FakeConnection, fakeTarget } from "./testing.ts";

/** Which transport was tried, in order; OpenSSH fails with `failure`. */
function bench(failure?: BerthError) {
  const tried: string[] = [];
  const state = { failure };
  const connect = createSshConnector({
    openssh: async () => {
      tried.push("openssh");
      if (state.failure !== undefined) throw state.failure;
      return new FakeConnection();
    },
    ssh2: async () => {
      tried.push("ssh2");
      return new FakeConnection();
    },
  });
  const choose = async (target: Partial<SshTarget>, options: Partial<ConnectOptions> = {}) => {
    tried.length = 0;
    const { reason } = await connect(fakeTarget(target), {
      signal: new AbortController().signal,
      ...options,
    });
    return [...tried, reason];
  };
  return { tried, state, choose };
}

const ask = { onPrompt: async () => "secret" };
const deniedFor = (methods: string | readonly string[]) =>
  berthError("ssh.auth_failed", { message: "box accepts none of the keys", context: { methods } });

test("OpenSSH, which knows all of the user's configuration", async () => {
  const { choose } = bench();
  const reason = "it knows all of the user's ssh configuration";
  assert.deepEqual(await choose({}), ["openssh", reason]);
  assert.deepEqual(await choose({}, ask), ["openssh", reason]);
});

test("what the configuration names, and nothing else", async () => {
  const { choose, tried } = bench(deniedFor("publickey,password"));
  assert.deepEqual(await choose({ transport: "ssh2" }), ["ssh2", "the configuration says so"]);
  await assert.rejects(choose({ transport: "openssh" }, ask), (error) =>
    isBerthError(error, "ssh.auth_failed"),
  );
  assert.deepEqual(tried, ["openssh"]);
});

test("ssh2 where there is no ssh, however that is found out", async () => {
  const reason = "there is no ssh on this machine";
  assert.deepEqual(await bench().choose({ resolvedBy: "berth" }), ["ssh2", reason]);
  const { choose } = bench(berthError("ssh.client_missing"));
  assert.deepEqual(await choose({}), ["openssh", "ssh2", reason]);
});

test("ssh2 where the configuration has a secret that is to be given", async () => {
  const { choose } = bench();
  const [transport, reason] = await choose({ password: { env: "PASSWORD" } });
  assert.equal(transport, "ssh2");
  assert.match(reason ?? "", /has a password/);
  assert.match((await choose({ passphrase: { env: "PASSPHRASE" } })).join(), /^ssh2,.*has a passphrase/);
});

for (const [what, failure] of [
  ["a password", deniedFor("publickey,password")],
  ["an answer", deniedFor(["publickey", "keyboard-interactive"])],
  ["a passphrase", berthError("ssh.key_encrypted", { context: { path: "~/.ssh/id_ed25519" } })],
] as const) {
  test(`ssh2 where a person can give ${what}, and at once the next time`, async () => {
    const { choose, state } = bench(failure);
    const [first, second, reason] = await choose({}, ask);
    assert.deepEqual([first, second], ["openssh", "ssh2"]);
    assert.match(reason ?? "", /^OpenSSH cannot ask through this program: /);
    assert.deepEqual(await choose({}, ask), ["ssh2", reason]);
    state.failure = undefined;
    assert.equal((await choose({ key: "another" }, ask))[0], "openssh");
    assert.equal((await choose({}))[0], "openssh", "nobody can be asked now");
  });

  test(`${what} is not asked for where nobody is there, or the attempt was given up`, async () => {
    const { choose, tried } = bench(failure);
    await assert.rejects(choose({}), (error) => error === failure);
    await assert.rejects(choose({}, { ...ask, signal: AbortSignal.abort() }), (error) => error === failure);
    assert.deepEqual(tried, ["openssh"]);
  });
}

test("what a person cannot help is not tried by ssh2", async () => {
  for (const failure of [
    deniedFor("publickey"),
    berthError("ssh.host_key_changed", { context: { host: "box" } }),
    berthError("ssh.connection_refused", { context: { hostname: "box", port: 22 } }),
    berthError("ssh.too_many_keys", { context: { host: "box" } }),
  ]) {
    const { choose, tried } = bench(failure);
    await assert.rejects(choose({}, ask), (error) => error === failure);
    assert.deepEqual(tried, ["openssh"]);
  }
});
