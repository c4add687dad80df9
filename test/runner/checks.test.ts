import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import type { CheckEvent } from "../../src/client/checks.ts";
import { fingerprint } from "../../src/transports/ssh/known-hosts.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { waitFor } from "../fixtures/process.ts";
import { knownHostsName } from "../fixtures/sshd.ts";
import { sshBench } from "../ssh/support.ts";
import { ask, refused, sharedRunner, tokenFor } from "./work-desk.ts";

const shared = sharedRunner();

async function all(events: AsyncIterable<CheckEvent>): Promise<CheckEvent[]> {
  const found: CheckEvent[] = [];
  for await (const event of events) found.push(event);
  return found;
}

test("a check is told live: which step begins, how it ended, and at last the report", async () => {
  const runner = shared();
  const client = runner.client();
  const { id } = await runner.workspace({ name: "checked" });
  const project = runner.project();
  writeFileSync(join(project, "berth.yaml"), "runtimes:\n  here:\n    type: local\n");
  for (const place of [{ workspace: id }, { runtime: "local:" }, { runtime: "here", project }]) {
    const events = await all(client.check(place));
    const end = events.at(-1);
    assert.ok(end?.type === "end", JSON.stringify(end));
    assert.equal(end.report.ok, true, JSON.stringify(end.report));
    const steps = events.filter((event) => event.type === "step").map(({ step }) => step);
    assert.deepEqual(steps, end.report.steps);
    // Every step of these is one that begins.
    const told = events.slice(0, -1).map((event) => (event.type === "started" ? event.name : event.type));
    assert.deepEqual(
      told,
      steps.flatMap(({ name }) => [name, "step"]),
    );
  }
  const failed = (await all(client.check({ runtime: { type: "nonsense" } }))).at(-1);
  assert.ok(failed?.type === "end" && failed.report.steps[0]?.code === "config.invalid");
  await assert.rejects(all(client.check({ workspace: "nobody" })), { code: "workspace.unknown" });
  await assert.rejects(all(client.check({ workspace: id }, { signal: AbortSignal.abort() })), {
    code: "operation.aborted",
  });
});

test("a check ends when who asked for it leaves", async () => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => sockets.push(socket.resume().on("error", () => {})));
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  try {
    const { port } = silent.address() as AddressInfo;
    const runtime = { type: "ssh", host: "127.0.0.1", port, connectTimeoutMs: 600_000 };
    for await (const event of shared().client().check({ runtime })) {
      if (event.type === "started" && event.name === "connect") break;
    }
    await waitFor("the connection of the check is closed", () => sockets.every(({ closed }) => closed));
    const ending = new AbortController();
    await assert.rejects(
      async () => {
        for await (const event of shared().client().check({ runtime }, { signal: ending.signal })) {
          if (event.type !== "started" || event.name !== "connect") continue;
          await waitFor("the check connects", () => sockets.some(({ closed }) => !closed));
          ending.abort();
        }
      },
      { code: "operation.aborted" },
    );
    await waitFor("the connection of the check is closed", () => sockets.every(({ closed }) => closed));
  } finally {
    silent.close();
    for (const socket of sockets) socket.destroy();
  }
});

test("an unknown host key is told with its fingerprint, and recorded for who gives the same one", async (t) => {
  const bench = await requireOrSkip(t, () => sshBench());
  if (bench === undefined) return;
  await using own = bench;
  const runner = shared();
  const known = join(own.directory, "known_hosts");
  await writeFile(known, "");
  const runtime = own.config({ knownHostsFile: known, daemon: "never" });
  const { port = 0 } = runtime;
  const lastStep = async () => {
    const { steps } = (await ask(runner, "POST", "/v1/runtimes/check", { runtime })).body;
    return steps.at(-1);
  };
  const step = await lastStep();
  assert.deepEqual([step.name, step.code], ["host key", "ssh.host_key_unknown"]);
  const [type = "", blob = ""] = own.server.hostPublicKey.split(" ");
  const right = fingerprint(Buffer.from(blob, "base64"));
  assert.equal(step.context.fingerprint, right);
  assert.equal(step.context.keyType, type);

  const trust = (body: object, more = {}) => ask(runner, "POST", "/v1/ssh/host-keys", body, more);
  const wrong = fingerprint(Buffer.from("another key"));
  await refused(trust({ runtime, fingerprint: wrong }), 403, "ssh.host_key_unknown");
  await refused(trust({ runtime, fingerprint: "SHA256:short" }), 400, "request.invalid");
  await refused(trust({ runtime: "local:", fingerprint: right }), 400, "config.invalid");
  const operate = await tokenFor(runner, "operator", "operate");
  await refused(trust({ runtime, fingerprint: right }, { token: operate }), 403, "auth.forbidden");
  assert.equal(await readFile(known, "utf8"), "");

  // By the name that the error gives.
  const trusted = await trust({ runtime, host: step.context.host, fingerprint: right });
  assert.equal(trusted.status, 200, JSON.stringify(trusted.body));
  const recorded = { host: step.context.host, key_type: type, fingerprint: right, file: known };
  assert.deepEqual(trusted.body, { ...recorded, added: true });
  const once = await readFile(known, "utf8");
  assert.equal((await trust({ runtime, fingerprint: `${right}=` })).body.added, false);
  assert.equal(await readFile(known, "utf8"), once);
  const well = await lastStep();
  assert.equal(well.ok, true, JSON.stringify(well));
  const events = (await ask(runner, "GET", "/v1/events?type=ssh.host_key_trusted")).body.items;
  assert.deepEqual(
    events.map(({ data, actor }: { data: unknown; actor: string }) => [data, actor]),
    [[{ host: step.context.host, keyType: type, fingerprint: right, file: known }, "token:local"]],
  );

  const other = `${knownHostsName("127.0.0.1", port)} ssh-ed25519 ${otherKey(blob)}\n`;
  await writeFile(known, other);
  await refused(trust({ runtime, fingerprint: right }), 403, "ssh.host_key_changed");
  await writeFile(known, `@revoked * ${type} ${blob}\n`);
  await refused(trust({ runtime, fingerprint: right }), 403, "ssh.host_key_revoked");
});

/** A key of the same kind with other bytes at its end. */
function otherKey(blob: string): string {
  const bytes = Buffer.from(blob, "base64");
  bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 0xff;
  return bytes.toString("base64");
}
