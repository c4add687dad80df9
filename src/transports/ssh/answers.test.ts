import assert from "node:assert/strict";
import { test } from "node:test";
import { berthError, isBerthError } from "../../contract/errors.ts";
import type { ConnectPrompt } from "../../contract/runtime.ts";
import { rememberingAnswers } from "./answers.ts";
import { FakeConnection, fakeTarget } from "./testing.ts";

const PASSWORD: ConnectPrompt = { kind: "password", subject: "box", text: "Password: ", echo: false };

/** A server that asks `prompt` up to three times for `secret`, and a person who gives `typed` one after another. */
function bench(prompt: ConnectPrompt, secret: string, typed: string[]) {
  const state = { secret, asked: 0 };
  const connect = rememberingAnswers(async (_target, { onPrompt }) => {
    for (let turn = 0; turn < 3; turn++) {
      const answer = await onPrompt?.(turn === 0 ? prompt : { ...prompt, text: `${prompt.text} (again)` });
      if (answer === state.secret) return { connection: new FakeConnection(), reason: "" };
    }
    throw berthError("ssh.password_refused", { context: { host: "box" } });
  });
  const onPrompt = async () => {
    state.asked++;
    return typed.shift();
  };
  const signal = new AbortController().signal;
  return {
    state,
    withPerson: () => connect(fakeTarget(), { signal, onPrompt }),
    alone: () => connect(fakeTarget(), { signal }),
  };
}

test("what let in once lets in again with nobody there", async () => {
  const { state, withPerson, alone } = bench(PASSWORD, "right", ["wrong", "right"]);
  await withPerson();
  assert.equal(state.asked, 2);
  await alone();
  await withPerson();
  assert.equal(state.asked, 2);
});

test("what lets in no more is forgotten, and a person is asked in the same attempt", async () => {
  const { state, withPerson, alone } = bench(PASSWORD, "right", ["right", "new"]);
  await withPerson();
  state.secret = "new";
  await withPerson();
  assert.equal(state.asked, 2);
  await alone();
  state.secret = "changed once more";
  await assert.rejects(alone(), (error) => isBerthError(error, "ssh.auth_failed"));
  state.secret = "new";
  await assert.rejects(alone(), (error) => isBerthError(error, "ssh.password_refused"));
});

test("nothing is remembered of what did not let in", async () => {
  const { state, withPerson } = bench(PASSWORD, "right", ["1", "2", "3", "right"]);
  await assert.rejects(withPerson(), (error) => isBerthError(error, "ssh.password_refused"));
  await withPerson();
  assert.equal(state.asked, 4);
});

test("a passphrase is remembered by its key; without anybody there it is that key that is encrypted", async () => {
  const prompt = { kind: "passphrase", subject: "~/.ssh/id", text: "Passphrase: ", echo: false } as const;
  const { state, withPerson, alone } = bench(prompt, "right", ["right"]);
  await withPerson();
  await alone();
  state.secret = "other";
  await assert.rejects(alone(), (error) => {
    assert.ok(isBerthError(error, "ssh.key_encrypted"));
    assert.equal(error.context.path, "~/.ssh/id");
    return true;
  });
});

test("a one-time code is asked for each time; a password that is asked for as a question is not", async () => {
  for (const [text, asked] of [
    ["Verification code: ", 2],
    ["One-time password: ", 2],
    ["Password: ", 1],
  ] as const) {
    const prompt = { kind: "answer", subject: "box", text, echo: false } as const;
    const { state, withPerson } = bench(prompt, "1", ["1", "1"]);
    await withPerson();
    await withPerson();
    assert.equal(state.asked, asked, text);
  }
});
