import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type BerthError, isBerthError } from "../../src/contract/errors.ts";
import { resolveSshTarget } from "../../src/transports/ssh/resolve.ts";
import { offeredAlgorithms } from "../../src/transports/ssh/ssh2/algorithms.ts";
import { connectSsh2 } from "../../src/transports/ssh/ssh2/connect.ts";
import type { SshTarget } from "../../src/transports/ssh/target.ts";
import { scratchDirectory } from "../fixtures/disk.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { proxy } from "../fixtures/network.ts";
import { output, waitFor } from "../fixtures/process.ts";
import { sshUser } from "../fixtures/ssh-user.ts";
import { type SshServer, type SshServerOptions, sshServer } from "../fixtures/sshd.ts";

const DEADLINE_MS = 20_000;

interface Place {
  /** Two servers, each with a key, a known_hosts and an alias of its own: "outer" and "inner". */
  readonly outer: SshServer;
  readonly inner: SshServer;
  readonly path: string;
  /** Writes lines of the alias "inner" into the configuration and resolves it. */
  target(...lines: string[]): Promise<SshTarget>;
}

async function at(
  t: TestContext,
  options: { readonly outer?: SshServerOptions; readonly inner?: SshServerOptions; readonly more?: string },
  body: (place: Place) => Promise<void>,
): Promise<void> {
  const first = await requireOrSkip(t, () => sshServer(options.outer));
  if (first === undefined) return;
  await using outer = first;
  await using inner = await sshServer(options.inner);
  await using user = await sshUser();
  await using scratch = await scratchDirectory();
  const configFile = join(scratch.path, "config");
  const block = (alias: string, server: SshServer, lines: readonly string[]): string =>
    [
      `Host ${alias}`,
      `HostName ${server.host}`,
      `Port ${server.port}`,
      `User ${user.name}`,
      `IdentityFile ${server.keyPath}`,
      "IdentitiesOnly yes",
      `UserKnownHostsFile ${server.knownHostsPath}`,
      ...lines,
    ].join("\n  ");
  const target = async (...lines: string[]): Promise<SshTarget> => {
    const text = [block("inner", inner, lines), block("outer", outer, []), options.more ?? ""];
    // Hosts that are named by address get their keys from here.
    const byAddress = `Host 127.0.0.1\n  IdentityFile ${outer.keyPath}\n  UserKnownHostsFile ${outer.knownHostsPath}\n  User ${user.name}`;
    await writeFile(configFile, `${[...text, byAddress].join("\n")}\n`);
    return await resolveSshTarget({ type: "ssh", host: "inner", configFile });
  };
  await body({ outer, inner, path: scratch.path, target });
}

async function connects(target: SshTarget): Promise<string> {
  const connection = await connectSsh2(target, { signal: AbortSignal.timeout(DEADLINE_MS) });
  try {
    const command = await connection.exec("echo ran", {});
    assert.equal((await command.stdout.toArray()).join(""), "ran\n");
    return connection.detail;
  } finally {
    await connection.close();
  }
}

async function refusal(target: SshTarget, signal = AbortSignal.timeout(DEADLINE_MS)): Promise<BerthError> {
  const error: unknown = await connectSsh2(target, { signal }).then(
    () => assert.fail("it connected"),
    (cause: unknown) => cause,
  );
  assert.ok(isBerthError(error), String(error));
  return error;
}

/** A target for a server that is none, or behaves badly. */
async function badServer(t: TestContext, onSocket: (socket: Socket) => void): Promise<SshTarget> {
  const server = createServer(onSocket).listen(0, "127.0.0.1");
  await once(server, "listening");
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  });
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return await to("127.0.0.1", address.port);
}

async function to(host: string, port: number): Promise<SshTarget> {
  return await resolveSshTarget({ type: "ssh", host, port, user: "nobody", configFile: "/dev/null" });
}

test("over another host, by alias, by address, as URI, and over the same one twice", async (t) => {
  await at(t, {}, async ({ outer, inner, target }) => {
    const before = outer.log().length;
    assert.match(await connects(await target("ProxyJump outer")), /, over outer$/);
    assert.match(outer.log().slice(before), /Accepted publickey/);
    const { port } = outer;
    for (const jump of [`127.0.0.1:${port}`, `ssh://127.0.0.1:${port}`, "outer,outer"]) {
      await connects(await target(`ProxyJump ${jump}`));
    }
    await waitFor("nothing is left open", async () => {
      const own = await output([
        "sh",
        "-c",
        `ss -Htn state established '( dport = :${port} or dport = :${inner.port} )' | wc -l`,
      ]);
      return own.trim() === "0";
    });
  });
});

test("a host on the way fails with its own reason", async (t) => {
  await at(t, {}, async ({ outer, inner, target }) => {
    const unknown = await target("ProxyJump stranger");
    const failed = await refusal(unknown);
    assert.equal(failed.code, "ssh.proxy_failed");
    assert.match(failed.message, /over stranger, which failed: the host name stranger is not known/);
    await writeFile(outer.knownHostsPath, "");
    const jump = await refusal(await target("ProxyJump outer"));
    assert.equal(jump.code, "ssh.host_key_unknown");
    assert.match(jump.message, /outer/);
    assert.doesNotMatch(outer.log(), /Accepted/);
    await writeFile(outer.knownHostsPath, `[${outer.host}]:${outer.port} ${outer.hostPublicKey}\n`);
    await inner.stop();
    const refused = await refusal(await target("ProxyJump outer"));
    assert.equal(refused.code, "ssh.connection_refused");
    assert.equal(refused.context.host, "inner");
    assert.match(refused.message, /cannot be reached from outer/);
  });
  await at(t, { outer: { config: ["AllowTcpForwarding no"] } }, async ({ target }) => {
    const forbidden = await refusal(await target("ProxyJump outer"));
    assert.equal(forbidden.code, "ssh.proxy_failed");
    assert.match(forbidden.message, /over outer, which failed: .*AllowTcpForwarding/);
  });
});

test("a configuration that leads back to itself ends", async (t) => {
  const more =
    "Host ring\n  HostName 127.0.0.1\n  ProxyJump ring2\nHost ring2\n  HostName 127.0.0.1\n  ProxyJump ring";
  await at(t, { more }, async ({ target }) => {
    assert.equal((await refusal(await target("ProxyJump ring"))).code, "ssh.config_invalid");
  });
});

test("a ProxyCommand gets host, port and user, and its last words are told", async (t) => {
  await at(t, {}, async ({ inner, path, target }) => {
    const program = join(path, "proxy");
    const script = `require("node:net").connect(Number(process.argv[2]), process.argv[1], function () { process.stdin.pipe(this).pipe(process.stdout) })`;
    await writeFile(
      program,
      `#!/bin/sh\necho "$@" > ${path}/seen\nexec ${process.execPath} -e '${script}' "$@"\n`,
      {
        mode: 0o755,
      },
    );
    const detail = await connects(await target(`ProxyCommand ${program} %h %p %r %n 100%%`));
    assert.match(detail, /over its ProxyCommand$/);
    const { user } = await target();
    assert.equal(await output(["cat", `${path}/seen`]), `127.0.0.1 ${inner.port} ${user} inner 100%\n`);
    const failed = await refusal(
      await target("ProxyCommand sh -c 'echo first >&2; echo no way there >&2; exit 3'"),
    );
    assert.equal(failed.code, "ssh.proxy_failed");
    assert.match(failed.message, /no way there$/);
    assert.equal((await refusal(await target("ProxyCommand exit 3"))).code, "ssh.proxy_failed");
    const injected = { ...(await target(`ProxyCommand ${program} %h %p`)), hostname: "a;true" };
    assert.equal((await refusal(injected)).code, "ssh.config_invalid");
    const silent = await target("ProxyCommand sleep 1000");
    const abort = new AbortController();
    const waiting = refusal(silent, abort.signal);
    setTimeout(() => abort.abort(), 200);
    assert.equal((await waiting).code, "operation.aborted");
  });
});

test("what is wrong with the way has a code of its own", async () => {
  const closed = createServer().listen(0, "127.0.0.1");
  await once(closed, "listening");
  const address = closed.address();
  assert.ok(address !== null && typeof address === "object");
  closed.close();
  await once(closed, "close");
  const refused = await refusal(await to("127.0.0.1", address.port));
  assert.equal(refused.code, "ssh.connection_refused");
  assert.match(refused.message, new RegExp(`port ${address.port} of 127.0.0.1`));
  assert.equal((await refusal(await to("no-such-host.invalid", 22))).code, "ssh.name_not_found");
  // Class E: no kernel has a route there.
  assert.equal((await refusal(await to("255.255.255.255", 22))).code, "ssh.unreachable");
});

test("what a server does instead of a handshake", async (t) => {
  const says = async (words: string) => refusal(await badServer(t, (socket) => socket.end(words)));
  assert.equal((await says("")).code, "ssh.handshake_failed");
  const web = await says("HTTP/1.1 400 Bad Request\r\n\r\n");
  assert.equal(web.code, "ssh.handshake_failed");
  assert.match(web.message, /no SSH server; it says "HTTP\/1.1 400/);
  assert.equal((await says("Exceeded MaxStartups\r\n")).code, "ssh.server_busy");
  const midway = await says("SSH-2.0-Something_1.0\r\n");
  assert.equal(midway.code, "ssh.handshake_failed");
  const reset = await refusal(
    await badServer(t, (socket) => {
      socket.write("SSH-2.0-Something_1.0\r\n");
      socket.once("data", () => socket.resetAndDestroy());
    }),
  );
  assert.equal(reset.code, "ssh.handshake_failed");
  const old = await says("SSH-1.5-Old\r\n");
  assert.equal(old.code, "ssh.handshake_failed");
  const mute = await badServer(t, () => {});
  assert.equal((await refusal(mute, AbortSignal.timeout(300))).code, "operation.aborted");
});

test("MaxStartups of a real server", async (t) => {
  const found = await requireOrSkip(t, () => sshServer({ config: ["MaxStartups 1"] }));
  if (found === undefined) return;
  await using server = found;
  const target = await resolveSshTarget(server.config("root"));
  const held = connect(server.port, server.host);
  await once(held, "data");
  const busy = await refusal(target);
  assert.equal(busy.code, "ssh.server_busy");
  held.destroy();
});

test("a server that proves its key by SHA-1 alone is refused", async (t) => {
  await using scratch = await scratchDirectory();
  const rsa = join(scratch.path, "rsa");
  await output(["ssh-keygen", "-q", "-t", "rsa", "-N", "", "-f", rsa]);
  const config = [`HostKey ${rsa}`, "HostKeyAlgorithms ssh-rsa"];
  const found = await requireOrSkip(t, () => sshServer({ config }));
  if (found === undefined) return;
  await using server = found;
  const failed = await refusal(await resolveSshTarget(server.config("root")));
  assert.equal(failed.code, "ssh.handshake_failed");
  assert.match(failed.message, /host key/);
});

test("every algorithm that is offered works", async (t) => {
  const { cipher, kex, hmac } = offeredAlgorithms([]);
  assert.ok(Array.isArray(cipher) && Array.isArray(kex) && Array.isArray(hmac));
  // The first three ciphers authenticate by themselves; the others need each of the MACs once.
  for (let index = 0; index < 9; index++) {
    const own = cipher[index < 3 ? index : 3 + (index % 3)];
    const [mac, exchange] = [hmac[index % hmac.length], kex[index % kex.length]];
    const config = [`KexAlgorithms ${exchange}`, `Ciphers ${own}`, `MACs ${mac}`];
    const found = await requireOrSkip(t, () => sshServer({ config }));
    if (found === undefined) return;
    await using server = found;
    const detail = await connects(await resolveSshTarget(server.config("root")));
    assert.ok(detail.includes(`, ${own}, ${exchange}, `), detail);
  }
  assert.deepEqual([cipher.length, hmac.length, kex.length], [6, 6, 8], "each has had its turn");
});

test("a connection that is cut anywhere in handshake and login fails with its code, at once", async (t) => {
  const found = await requireOrSkip(t, () => sshServer());
  if (found === undefined) return;
  await using server = found;
  await using network = await proxy({ to: { port: server.port } });
  assert.ok("port" in network.address);
  await using scratch = await scratchDirectory();
  const known = { hostKeys: "accept-new" as const, userKnownHostsFiles: [join(scratch.path, "known")] };
  const target = { ...(await resolveSshTarget(server.config("root"))), ...known, port: network.address.port };
  const whole = await connectSsh2(target, { signal: AbortSignal.timeout(DEADLINE_MS) });
  const { up, down } = network.passed();
  await whole.close();
  for (const [direction, total] of [["up", up] as const, ["down", down] as const]) {
    for (let part = 0; part < 12; part++) {
      const cutAfterBytes = Math.floor((total * 0.9 * part) / 12);
      network.set(direction, { cutAfterBytes });
      const error = await refusal(target);
      assert.equal(error.code, "ssh.handshake_failed", `${direction} ${cutAfterBytes}: ${error.message}`);
    }
    network.set(direction, {});
  }
});
