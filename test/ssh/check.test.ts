import assert from "node:assert/strict";
import { test } from "node:test";
import type { SshConfig } from "../../src/contract/config-ssh.ts";
import type { CheckStep } from "../../src/contract/runtime.ts";
import { checkRuntime } from "../../src/runtimes/check.ts";
import { sshHealth } from "../../src/runtimes/ssh/health.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { sshUser } from "../fixtures/ssh-user.ts";
import { sshBench, TRANSPORTS } from "./support.ts";

test("a check tells every step with its time, and never throws for one that fails", async (t) => {
  const bench = await requireOrSkip(t, () => sshBench());
  if (bench === undefined) return;
  await using own = bench;
  const check = async (extra: Partial<SshConfig>) => {
    const told: CheckStep[] = [];
    const report = await checkRuntime(own.config(extra), {
      stateDirectory: own.stateDirectory,
      maxWaitMs: 0,
      onStep: (step) => told.push(step),
    });
    assert.deepEqual(told, report.steps);
    for (const step of report.steps) assert.ok(step.durationMs >= 0 && step.detail !== "", step.name);
    const last = report.steps.at(-1);
    return { ok: report.ok, names: report.steps.map(({ name }) => name), last, report };
  };
  for (const transport of TRANSPORTS) {
    await t.test(transport, async () => {
      const { ok, names, report } = await check({ transport });
      assert.equal(ok, true, JSON.stringify(report.steps));
      assert.deepEqual(names, [
        "resolve",
        "connect",
        "host key",
        "authentication",
        "login shell",
        "platform",
        "space",
        "installation",
        "forwarding",
        "daemon",
        "round trip",
        "command",
        "files",
      ]);
    });
  }
  await t.test("without a daemon", async () => {
    const { ok, names } = await check({ daemon: "never" });
    assert.equal(ok, true);
    assert.deepEqual(names.slice(0, 5), ["resolve", "connect", "host key", "authentication", "daemon"]);
  });
  await t.test("each failure at its step, with its code and what to do", async () => {
    await using locked = await sshUser({ shell: "/usr/sbin/nologin" });
    const emptyKnownHosts = own.server.emptyConfigPath;
    const cases: readonly (readonly [Partial<SshConfig>, string, string])[] = [
      [{ host: "no-such-host.invalid" }, "connect", "ssh.name_not_found"],
      [{ port: 1 }, "connect", "ssh.connection_refused"],
      [{ knownHostsFile: emptyKnownHosts }, "host key", "ssh.host_key_unknown"],
      [{ user: "no-such-user" }, "authentication", "ssh.auth_failed"],
      [{ user: locked.name }, "login shell", "ssh.no_shell"],
      [{ identityFile: "/no/such/key" }, "resolve", "ssh.key_unusable"],
    ];
    for (const [extra, name, code] of cases) {
      const { ok, last } = await check(extra);
      assert.equal(ok, false);
      assert.deepEqual([last?.name, last?.code], [name, code], last?.detail);
      assert.notEqual(last?.hint ?? "", "");
    }
  });
  await t.test("how each host is", async () => {
    const states = await sshHealth();
    const down = states.find(({ name }) => name.endsWith(":1"));
    assert.deepEqual([down?.state, down?.lastError?.code], ["unhealthy", "ssh.connection_refused"]);
    assert.ok((down?.attemptsLastMinute ?? 0) >= 1 && (down?.lastFailure ?? 0) > 0);
    const up = states.find(({ state }) => state === "healthy");
    assert.ok((up?.lastSuccess ?? 0) > 0 && up?.reason !== undefined);
  });
  await t.test("a runtime that nobody knows", async () => {
    const report = await checkRuntime("no-such-name", { projectDirectory: own.directory });
    assert.deepEqual([report.ok, report.steps[0]?.code], [false, "config.unknown_runtime"]);
  });
});
