import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { SshConfig } from "../../src/contract/config-ssh.ts";
import { collect } from "../../src/transports/collect.ts";
import { connectOpenSsh } from "../../src/transports/ssh/openssh/connect.ts";
import { endAllMasters } from "../../src/transports/ssh/openssh/masters.ts";
import { resolveSshTarget } from "../../src/transports/ssh/resolve.ts";
import { connectSsh2 } from "../../src/transports/ssh/ssh2/connect.ts";
import type { SshTarget } from "../../src/transports/ssh/target.ts";
import { scratchDirectory } from "../fixtures/disk.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { output } from "../fixtures/process.ts";
import { sshUser } from "../fixtures/ssh-user.ts";
import { type SshServer, type SshServerOptions, sshServer } from "../fixtures/sshd.ts";
import type { OrdinaryUser } from "../fixtures/user.ts";

const DEADLINE_MS = 20_000;
export const TRANSPORTS = ["openssh", "ssh2"] as const;
export type Name = (typeof TRANSPORTS)[number];

export interface Place {
  readonly server: SshServer;
  readonly user: OrdinaryUser;
  readonly path: string;
  /** The server as an alias of a user's ssh configuration with further lines; nothing else is given. */
  alias(lines?: readonly string[], extra?: Partial<SshConfig>): Promise<SshTarget>;
  /** Logs in and runs a command, by the connection that is asked for. */
  enter(transport: Name, target: SshTarget): Promise<string>;
  /** The file of known hosts of that configuration, empty at first. */
  readonly known: string;
}

/** A server, an account on it, and a client's files, for one test. */
export async function at(
  t: TestContext,
  options: SshServerOptions,
  body: (place: Place) => Promise<void>,
): Promise<void> {
  const found = await requireOrSkip(t, () => sshServer(options));
  if (found === undefined) return;
  await using server = found;
  await using user = await sshUser();
  await using scratch = await scratchDirectory();
  const known = join(scratch.path, "known_hosts");
  await writeFile(known, "");
  const environment = { ...process.env, BERTH_HOME: join(scratch.path, "mine") };
  let configs = 0;
  const place: Place = {
    server,
    user,
    path: scratch.path,
    known,
    alias: async (lines = [], extra = {}) => {
      const configFile = join(scratch.path, `config${configs++}`);
      // Of two values for an option the first one counts: the test's own.
      const text = [
        "Host box",
        ...lines.map((line) => `  ${line}`),
        `  HostName ${server.host}`,
        `  Port ${server.port}`,
        `  User ${user.name}`,
        `  IdentityFile ${server.keyPath}`,
        "  IdentitiesOnly yes",
        `  UserKnownHostsFile ${known}`,
        "  GlobalKnownHostsFile none",
      ].join("\n");
      await writeFile(configFile, `${text}\n`);
      return resolveSshTarget({ type: "ssh", host: "box", configFile, ...extra });
    },
    enter: async (transport, target) => {
      const signal = AbortSignal.timeout(DEADLINE_MS);
      const connection =
        transport === "openssh"
          ? await connectOpenSsh(target, { signal, environment })
          : await connectSsh2(target, { signal });
      try {
        const { stdout } = await collect(await connection.exec("id -un", {}), { signal });
        return stdout.trim();
      } finally {
        await connection.close();
        // A master that is left would let the next attempt in with the key that this one has checked.
        await endAllMasters(join(environment.BERTH_HOME, "ssh"));
      }
    },
  };
  await body(place);
}

/** How known_hosts calls it. */
export const nameOf = (server: SshServer): string => `[${server.host}]:${server.port}`;
export const keyOf = (server: SshServer): string => server.hostPublicKey.split(" ").slice(0, 2).join(" ");

/** A public key that is not that of any host. */
export async function strangersKey(path: string, type = "ed25519"): Promise<string> {
  const file = join(path, `stranger-${type}-${Math.random()}`);
  await output(["ssh-keygen", "-q", "-t", type, "-N", "", "-f", file]);
  return (await readFile(`${file}.pub`, "utf8")).split(" ").slice(0, 2).join(" ");
}

/** Nobody was let in, nor was anything sent that could be used elsewhere. */
export function nobodyTried(server: SshServer): void {
  assert.doesNotMatch(server.log(), /Accepted |Failed |Postponed |Starting session|authenticating user/);
}
