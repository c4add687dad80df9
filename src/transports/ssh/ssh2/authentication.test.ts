import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { AnyAuthMethod, AuthenticationType, SigningRequestOptions } from "ssh2";
import type { ConnectPrompt } from "../../../contract/runtime.ts";
import type { AskPerson, SshTarget } from "../target.ts";
import { fakeTarget } from "../testing.ts";
import { Authentication } from "./authentication.ts";
import { loadSsh2 } from "./library.ts";

const directory = await mkdtemp(join(tmpdir(), "berth-login-"));
after(() => rm(directory, { recursive: true, force: true }));
const ssh2 = await loadSsh2();

async function key(name: string, type: "rsa" | "ed25519"): Promise<string> {
  const path = join(directory, name);
  const { private: text } =
    type === "rsa"
      ? ssh2.utils.generateKeyPairSync("rsa", { bits: 2048 })
      : ssh2.utils.generateKeyPairSync(type);
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

/** The server's side of a login, as ssh2 plays it. */
class Login {
  readonly authentication: Authentication;

  constructor(target: Partial<SshTarget>, onPrompt?: AskPerson) {
    const { signal } = new AbortController();
    this.authentication = new Authentication(ssh2, fakeTarget(target), { signal, onPrompt }, (error) =>
      assert.fail(String(error)),
    );
  }

  /** The next try after a refusal with these methods; undefined when nothing is left. */
  next(methods: string[] | null, partial = false): Promise<AnyAuthMethod | undefined> {
    return new Promise((resolve) => {
      const done = (method: unknown) => resolve(method === false ? undefined : (method as AnyAuthMethod));
      this.authentication.handler(methods as AuthenticationType[], partial, done);
    });
  }

  sign(method: AnyAuthMethod | undefined, hash: SigningRequestOptions["hash"]): Promise<Buffer | Error> {
    assert.ok(method?.type === "agent");
    const { agent } = method as unknown as { agent: InstanceType<typeof ssh2.BaseAgent> };
    return new Promise((resolve) => {
      agent.sign(Buffer.alloc(0), Buffer.from("data"), { hash }, (error, signature) =>
        resolve(error ?? signature ?? new Error("nothing")),
      );
    });
  }
}

test("an RSA key signs by SHA-2 alone, and the error says what an old server wants", async () => {
  const identityFiles = [await key("rsa", "rsa")];
  const login = new Login({ identityFiles });
  assert.equal((await login.next(null))?.type, "none");
  const attempt = await login.next(["publickey"]);
  assert.ok((await login.sign(attempt, "sha1" as never)) instanceof Error);
  assert.equal(await login.next(["publickey"]), undefined);
  assert.equal(login.authentication.failure?.code, "ssh.auth_failed");
  assert.match(login.authentication.failure?.message ?? "", /SHA-1/);
  const modern = new Login({ identityFiles });
  await modern.next(null);
  assert.ok(Buffer.isBuffer(await modern.sign(await modern.next(["publickey"]), "sha256")));
});

test("keys, then the password, then questions: what the server does not take is left out", async () => {
  const asked: ConnectPrompt[] = [];
  const onPrompt: AskPerson = async (prompt) => {
    asked.push(prompt);
    return "typed";
  };
  const login = new Login({ identityFiles: [await key("one", "ed25519")] }, onPrompt);
  await login.next(null);
  const all = ["publickey", "password", "keyboard-interactive"];
  assert.equal((await login.next(all))?.type, "agent");
  assert.equal((await login.next(all))?.type, "password");
  assert.equal((await login.next(["publickey", "keyboard-interactive"]))?.type, "keyboard-interactive");
  assert.equal(asked.length, 1);
  const elsewhere = new Login({}, onPrompt);
  await elsewhere.next(null);
  assert.equal(await elsewhere.next(["gssapi-with-mic", "hostbased"]), undefined);
  assert.match(elsewhere.authentication.failure?.hint ?? "", /takes: gssapi-with-mic, hostbased/);
});

test("what a server asks is shown without what would move a terminal's cursor", async () => {
  const asked: ConnectPrompt[] = [];
  const login = new Login({}, async (prompt) => {
    asked.push(prompt);
    return `answer ${asked.length}`;
  });
  await login.next(null);
  const method = await login.next(["keyboard-interactive"]);
  assert.ok(method?.type === "keyboard-interactive" && "prompt" in method);
  const prompts = [
    { prompt: "\u001b[2JCode:\u0007 ", echo: true },
    { prompt: "PIN: ", echo: false },
  ];
  const answers = await new Promise((resolve) =>
    method.prompt("Two\u001b[1m steps", "", "", prompts, resolve),
  );
  assert.deepEqual(answers, ["answer 1", "answer 2"]);
  assert.deepEqual(
    asked.map(({ text, echo }) => ({ text, echo })),
    [
      { text: "Two[1m steps\n[2JCode: ", echo: true },
      { text: "PIN: ", echo: false },
    ],
  );
});
