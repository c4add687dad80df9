import assert from "node:assert/strict";
import { test } from "node:test";
import { hostKeyOf, keyFileOf, STARTED, told, waitsUntil } from "./check-model.ts";

const step = (name: string, ok = true) => ({ name, ok, duration_ms: 1, detail: "d" });

test("a step stands where it began, and the report has the last word", () => {
  let run = told(STARTED, { type: "started", name: "connect" });
  assert.deepEqual(run.steps, [{ name: "connect", result: undefined }]);
  run = told(run, { type: "step", step: step("connect") });
  run = told(run, { type: "step", step: step("extra") });
  run = told(run, { type: "started", name: "login" });
  assert.deepEqual(
    run.steps.map(({ name, result }) => [name, result?.ok]),
    [
      ["connect", true],
      ["extra", true],
      ["login", undefined],
    ],
  );
  const report = { ok: false, runtime: "ssh box", steps: [step("connect"), step("login", false)] };
  run = told(run, { type: "end", report });
  assert.deepEqual([run.state, run.steps.length], ["failed", 2]);
});

test("a host's key is found in the step that failed for it", () => {
  const context = { host: "box", fingerprint: "SHA256:x", keyType: "ssh-ed25519" };
  const unknown = { ...step("connect", false), code: "ssh.host_key_unknown", context };
  assert.deepEqual(hostKeyOf(unknown), { kind: "unknown", ...context });
  assert.equal(hostKeyOf({ ...unknown, code: "ssh.host_key_changed" })?.kind, "changed");
  assert.equal(hostKeyOf({ ...unknown, code: "ssh.auth_failed" }), undefined);
  assert.equal(keyFileOf("ssh-ed25519"), "/etc/ssh/ssh_host_ed25519_key.pub");
  assert.equal(keyFileOf("ecdsa-sha2-nistp256"), "/etc/ssh/ssh_host_ecdsa_key.pub");
});

test("a host that is left alone says when it may be asked again", () => {
  const run = (code: string, context = {}) => ({
    state: "failed" as const,
    steps: [{ name: "connect", result: { ...step("connect", false), code, context } }],
  });
  assert.equal(waitsUntil(run("ssh.waiting", { retryAt: "1970-01-01T00:00:02.000Z" })), 2000);
  assert.equal(waitsUntil(run("ssh.waiting")), undefined);
  assert.equal(waitsUntil(run("ssh.auth_failed", { retryAt: "1970-01-01T00:00:02.000Z" })), undefined);
});
