import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { isBerthError } from "../../src/contract/errors.ts";
import { fetchHostKey } from "../../src/transports/ssh/fetch-host-key.ts";
import { recordHostKey } from "../../src/transports/ssh/host-keys.ts";
import { checkHostKey, fingerprint } from "../../src/transports/ssh/known-hosts.ts";
import { resolveSshTarget } from "../../src/transports/ssh/resolve.ts";
import type { SshTarget } from "../../src/transports/ssh/target.ts";
import { scratchDirectory } from "../fixtures/disk.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { output, run } from "../fixtures/process.ts";
import { sshServer } from "../fixtures/sshd.ts";

import { at, keyOf, nameOf, nobodyTried, strangersKey, TRANSPORTS } from "./host-key-place.ts";

for (const transport of TRANSPORTS) {
  test(`${transport}: an unknown host is refused with its fingerprint, before anything is sent to it`, (t) =>
    at(t, {}, async ({ server, alias, enter, known }) => {
      const target = await alias();
      await assert.rejects(enter(transport, target), (error) => {
        assert.ok(isBerthError(error, "ssh.host_key_unknown"), String(error));
        const shown = fingerprint(Buffer.from(server.hostPublicKey.split(" ")[1] ?? "", "base64"));
        assert.ok(error.message.includes(shown), error.message);
        assert.match(error.hint, /berth ssh trust .*box$/);
        return true;
      });
      assert.equal(await readFile(known, "utf8"), "");
    }));

  test(`${transport}: a host that was trusted is let in, hashed names and ports included`, (t) =>
    at(t, {}, async ({ server, user, alias, enter, known }) => {
      for (const lines of [[], ["HashKnownHosts yes"], ["HostKeyAlias the-box"]]) {
        await writeFile(known, "# nobody yet");
        const target = await alias(lines);
        const key = await fetchHostKey(target);
        assert.equal(await readFile(known, "utf8"), "# nobody yet", "fetching records nothing");
        assert.equal(`${key.type} ${key.blob.toString("base64")}`, keyOf(server));
        assert.equal((await recordHostKey(target, key)).added, true);
        assert.equal(await enter(transport, target), user.name);
        // ssh itself is let in by what was recorded.
        const ssh = ["ssh", "-F", target.given.configFile ?? "", "-o", "BatchMode=yes"];
        const own = await run([...ssh, "-o", "StrictHostKeyChecking=yes", "box", "id", "-un"]);
        assert.equal(own.stdout.toString().trim(), user.name, own.stderr.toString());
        const [comment, line = "", rest] = (await readFile(known, "latin1")).split("\n");
        assert.deepEqual([comment, rest], ["# nobody yet", ""]);
        assert.equal(
          line.split(" ")[0],
          lines.includes("HashKnownHosts yes")
            ? line.match(/^\|1\|[^|]{28}\|[^|]{28}/)?.[0]
            : (target.hostKeyAlias ?? nameOf(server)),
        );
      }
    }));

  test(`${transport}: a changed key is refused, whatever the policy, and stays as it is known`, (t) =>
    at(t, {}, async ({ server, alias, enter, known, path }) => {
      // Of another type as well: somebody in between would show what nobody knows.
      for (const stranger of [await strangersKey(path), await strangersKey(path, "rsa")]) {
        const content = `${nameOf(server)} ${stranger}\n`;
        await writeFile(known, content);
        for (const hostKeys of ["strict", "accept-new"] as const) {
          await assert.rejects(enter(transport, await alias([], { hostKeys })), (error) => {
            assert.ok(isBerthError(error, "ssh.host_key_changed"), String(error));
            assert.match(error.hint, /Ask its administrator.*ssh-keygen -R/);
            return true;
          });
        }
        assert.equal(await readFile(known, "latin1"), content);
      }
      nobodyTried(server);
    }));

  test(`${transport}: a revoked key is refused, whatever the policy`, (t) =>
    at(t, {}, async ({ server, alias, enter, known, path }) => {
      const content = `${nameOf(server)} ${keyOf(server)}\n`;
      const listed = join(path, "revoked");
      await writeFile(listed, `${keyOf(server)}\n`);
      for (const hostKeys of ["strict", "accept-new"] as const) {
        await writeFile(known, `${content}@revoked * ${keyOf(server)}\n`);
        await assert.rejects(enter(transport, await alias([], { hostKeys })), {
          code: "ssh.host_key_revoked",
        });
        await writeFile(known, content);
        const listing = await alias([`RevokedHostKeys ${listed}`], { hostKeys });
        await assert.rejects(enter(transport, listing), { code: "ssh.host_key_revoked" });
        const missing = await alias([`RevokedHostKeys ${listed}-not-there`], { hostKeys });
        await assert.rejects(enter(transport, missing), (error) => isBerthError(error));
      }
      nobodyTried(server);
    }));

  test(`${transport}: a new host that cannot be recorded is not let in`, (t) =>
    at(t, {}, async ({ alias, enter, path }) => {
      // Otherwise it would be a new one each time, whatever key it shows.
      const knownHostsFile = join(path, "a directory");
      await mkdir(knownHostsFile);
      const target = await alias([], { knownHostsFile, hostKeys: "accept-new" });
      await assert.rejects(enter(transport, target), { code: "EISDIR" });
      await assert.rejects(enter(transport, target), { code: "EISDIR" });
    }));

  test(`${transport}: accept-new records an unknown host once, and knows it from then on`, (t) =>
    at(t, {}, async ({ server, user, alias, enter, path }) => {
      const knownHostsFile = join(path, "of ephemeral hosts", "known_hosts");
      const target = await alias([], { knownHostsFile, hostKeys: "accept-new" });
      assert.equal(await enter(transport, target), user.name);
      assert.equal(await enter(transport, target), user.name);
      assert.equal(await readFile(knownHostsFile, "latin1"), `${nameOf(server)} ${keyOf(server)}\n`);
      await server.stop();
      await server.replaceHostKey();
      await server.start();
      await assert.rejects(enter(transport, target), { code: "ssh.host_key_changed" });
    }));

  test(`${transport}: a host with several keys shows the one that is known`, async (t) => {
    await using keys = await scratchDirectory();
    const rsa = join(keys.path, "rsa");
    await output(["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", rsa]);
    await at(t, { config: [`HostKey ${rsa}`] }, async ({ server, user, alias, enter, known }) => {
      const rsaKey = (await readFile(`${rsa}.pub`, "utf8")).split(" ").slice(0, 2).join(" ");
      for (const key of [rsaKey, keyOf(server)]) {
        await writeFile(known, `${nameOf(server)} ${key}\n`);
        const target = await alias();
        assert.equal(await enter(transport, target), user.name, key);
        assert.equal((await checkHostKey(target, (await fetchHostKey(target)).blob)).status, "known");
      }
    });
  });

  test(`${transport}: nothing in the user's configuration lets an unknown or a changed key in`, (t) =>
    at(t, {}, async ({ server, alias, enter, known, path }) => {
      const right = `${nameOf(server)} ${keyOf(server)}\n`;
      const wrong = `${nameOf(server)} ${await strangersKey(path)}\n`;
      const ofOthers = join(path, "right");
      await writeFile(ofOthers, right);
      const own = join(path, "own");
      const weaken = [
        ["StrictHostKeyChecking no"],
        ["StrictHostKeyChecking off", "CheckHostIP no"],
        ["StrictHostKeyChecking accept-new"],
        ["StrictHostKeyChecking ask", "BatchMode no"],
        ["NoHostAuthenticationForLocalhost yes", "StrictHostKeyChecking no"],
        ["VerifyHostKeyDNS yes", "StrictHostKeyChecking no"],
        ["CheckHostIP yes", "StrictHostKeyChecking no", "UpdateHostKeys yes"],
      ];
      for (const lines of weaken) {
        await writeFile(known, wrong);
        await assert.rejects(
          enter(transport, await alias(lines)),
          { code: "ssh.host_key_changed" },
          lines.join(),
        );
        await writeFile(known, "");
        await assert.rejects(
          enter(transport, await alias(lines)),
          { code: "ssh.host_key_unknown" },
          lines.join(),
        );
        assert.equal(await readFile(known, "latin1"), "", `${lines.join()} records nothing`);
      }
      // A file of one's own counts alone: who else knows the host does not matter.
      const elsewhere = [
        [`GlobalKnownHostsFile ${ofOthers}`],
        [`UserKnownHostsFile ${ofOthers}`],
        [`KnownHostsCommand /bin/cat ${ofOthers}`],
      ];
      for (const content of ["", wrong]) {
        await writeFile(own, content);
        for (const lines of elsewhere) {
          await assert.rejects(
            enter(transport, await alias(lines, { knownHostsFile: own })),
            { code: content === "" ? "ssh.host_key_unknown" : "ssh.host_key_changed" },
            lines.join(),
          );
        }
      }
      nobodyTried(server);
    }));

  test(`${transport}: hosts that are known system-wide, or by a second file, are let in`, (t) =>
    at(t, {}, async ({ server, user, alias, enter, known, path }) => {
      const other = join(path, "with blanks in it");
      await writeFile(other, `${nameOf(server)} ${keyOf(server)}\n`);
      const system = await alias([`GlobalKnownHostsFile "${other}"`]);
      assert.equal(await enter(transport, system), user.name);
      const second = await alias([`UserKnownHostsFile ${known} "${other}"`]);
      assert.equal(await enter(transport, second), user.name);
    }));

  test(`${transport}: a connection that the user's own ssh holds is not used`, (t) =>
    at(t, {}, async ({ server, alias, enter, known, path }) => {
      const control = join(path, "user's.socket").replaceAll("'", "");
      const lines = ["ControlMaster auto", `ControlPath ${control}`, "ControlPersist 60"];
      const target = await alias([...lines, "StrictHostKeyChecking no"]);
      const ssh = ["ssh", "-F", target.given.configFile ?? ""];
      // ssh's own master stays behind, authenticated with a host that was never verified.
      await output([...ssh, "-f", "-N", "-o", "LogLevel=QUIET", "box"]);
      try {
        await writeFile(known, "");
        await assert.rejects(enter(transport, target), { code: "ssh.host_key_unknown" });
        assert.equal(`${(await fetchHostKey(target)).type}`, server.hostPublicKey.split(" ")[0]);
      } finally {
        await output([...ssh, "-O", "exit", "box"]);
      }
    }));

  test(`${transport}: what a server announces as its further keys is not recorded`, async (t) => {
    await using keys = await scratchDirectory();
    const ecdsa = join(keys.path, "ecdsa");
    await output(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", ecdsa]);
    await at(t, { config: [`HostKey ${ecdsa}`] }, async ({ server, user, alias, enter, known }) => {
      const content = `${nameOf(server)} ${keyOf(server)}\n`;
      await writeFile(known, content);
      assert.equal(await enter(transport, await alias(["UpdateHostKeys yes"])), user.name);
      assert.equal(await readFile(known, "latin1"), content);
    });
  });

  test(`${transport}: hosts on the way are verified as well, and the last one end to end`, async (t) => {
    await at(t, {}, async (behind) => {
      const found = await requireOrSkip(t, () => sshServer());
      if (found === undefined) return;
      await using jump = found;
      const knownJumps = join(behind.path, "known jumps");
      const way = async (lines: readonly string[] = []): Promise<SshTarget> => {
        const target = await behind.alias(["ProxyJump jump"]);
        const configFile = target.given.configFile ?? "";
        const text = [
          "Host jump",
          ...lines.map((line) => `  ${line}`),
          `  HostName ${jump.host}`,
          `  Port ${jump.port}`,
          `  User ${behind.user.name}`,
          `  IdentityFile ${jump.keyPath}`,
          `  UserKnownHostsFile "${knownJumps}"`,
        ].join("\n");
        await writeFile(configFile, `${await readFile(configFile, "utf8")}${text}\n`);
        return resolveSshTarget({ type: "ssh", host: "box", configFile });
      };
      await writeFile(knownJumps, `${nameOf(jump)} ${keyOf(jump)}\n`);
      const target = await way();
      await assert.rejects(behind.enter(transport, target), {
        code: "ssh.host_key_unknown",
        message: /SHA256:/,
      });
      const key = await fetchHostKey(target);
      assert.equal(`${key.type} ${key.blob.toString("base64")}`, keyOf(behind.server));
      await recordHostKey(target, key);
      assert.equal(
        await readFile(behind.known, "latin1"),
        `${nameOf(behind.server)} ${keyOf(behind.server)}\n`,
      );
      assert.equal(await behind.enter(transport, target), behind.user.name);

      const connections = (): number => behind.server.log().split("Connection from").length;
      const before = connections();
      for (const content of ["", `${nameOf(jump)} ${await strangersKey(behind.path)}\n`]) {
        await writeFile(knownJumps, content);
        for (const lines of [[], ["StrictHostKeyChecking no", "NoHostAuthenticationForLocalhost yes"]]) {
          const refused = (error: unknown): boolean => {
            const code = content === "" ? "ssh.host_key_unknown" : "ssh.host_key_changed";
            assert.ok(isBerthError(error, code), String(error));
            assert.equal(error.context.host, "jump");
            assert.match(error.hint, content === "" ? /berth ssh trust .* jump$/ : /Ask its administrator/);
            return true;
          };
          await assert.rejects(behind.enter(transport, await way(lines)), refused, lines.join());
          await assert.rejects(fetchHostKey(await way(lines)), refused, lines.join());
        }
        assert.equal(await readFile(knownJumps, "latin1"), content);
      }
      assert.equal(connections(), before, "nothing came through");
    });
  });

  test(`${transport}: of a chain of hosts the one that is not known is named`, (t) =>
    at(t, {}, async ({ server, user, alias, enter, known, path }) => {
      const found = await requireOrSkip(t, async () => [await sshServer(), await sshServer()] as const);
      if (found === undefined) return;
      await using one = found[0];
      await using two = found[1];
      const hops = [
        ["one", one],
        ["two", two],
      ] as const;
      const target = await alias(["ProxyJump one,two"]);
      const configFile = target.given.configFile ?? "";
      const blocks = hops.map(([name, hop]) =>
        [
          `Host ${name}`,
          `  HostName ${hop.host}`,
          `  Port ${hop.port}`,
          `  User ${user.name}`,
          `  IdentityFile ${hop.keyPath}`,
          `  UserKnownHostsFile ${join(path, name)}`,
          "  StrictHostKeyChecking no",
        ].join("\n"),
      );
      await writeFile(configFile, `${await readFile(configFile, "utf8")}${blocks.join("\n")}\n`);
      const box = await resolveSshTarget({ type: "ssh", host: "box", configFile });
      const expected = ["one", "two", "box"];
      for (const name of expected) {
        await assert.rejects(enter(transport, box), (error) => {
          assert.ok(isBerthError(error, "ssh.host_key_unknown"), String(error));
          assert.equal(error.context.host, name);
          assert.ok(error.hint.endsWith(`berth ssh trust --ssh-config ${configFile} ${name}`), error.hint);
          return true;
        });
        const hop = hops.find(([hopName]) => hopName === name)?.[1] ?? server;
        await writeFile(name === "box" ? known : join(path, name), `${nameOf(hop)} ${keyOf(hop)}\n`);
      }
      assert.equal(await enter(transport, box), user.name);
    }));
}
