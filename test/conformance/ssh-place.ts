import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { shellQuote } from "../../src/transports/shell-quote.ts";
import { scratchDirectory, smallDisk } from "../fixtures/disk.ts";
import { run } from "../fixtures/process.ts";
import { sshUser } from "../fixtures/ssh-user.ts";
import { type SshServer, sshServer } from "../fixtures/sshd.ts";
import { ordinaryUser } from "../fixtures/user.ts";
import type { Place } from "./case.ts";
import { endDaemons, groupsOf, INHERITED, placeOf } from "./place.ts";
import { openedIn, type WorkspaceOption, workspaceBy } from "./workspace.ts";

interface SshPlaceOptions extends WorkspaceOption {
  readonly transport: "openssh" | "ssh2";
  /** Login shell of an account made for it; or root's own account. */
  readonly shell: "bash" | "fish" | "tcsh" | "root";
  readonly daemon?: "auto" | "never";
}

const SINGLE_QUOTED = INHERITED.value.replaceAll("'", `'\\''`);

/** What a login shell reads, with noise on both streams; bash reads another file when it is no login shell. */
const SSH_STARTUP = {
  bash: `export ${INHERITED.name}='${SINGLE_QUOTED}'\necho noise of a start-up file\necho more of it >&2\n`,
  tcsh: `setenv ${INHERITED.name} '${SINGLE_QUOTED}'\necho noise of a start-up file\n`,
  // Without a language fish takes one that the machine may not have.
  fish: `set -gx LC_ALL C.UTF-8; set -gx ${INHERITED.name} '${INHERITED.value.replaceAll("'", "\\'")}'\necho noise of a start-up file\necho more of it >&2\n`,
} as const;

export async function bySsh(
  stack: AsyncDisposableStack,
  name: string,
  options: SshPlaceOptions,
): Promise<Place> {
  const { transport, shell, daemon = "auto" } = options;
  const root = shell === "root";
  const server = stack.use(await sshServer({ node: !root }));
  const scratch = stack.use(await scratchDirectory());
  await chmod(scratch.path, 0o711);
  const account = root ? undefined : stack.use(await sshUser({ shell, startup: SSH_STARTUP[shell] }));
  if (account !== undefined && shell === "bash") {
    await writeFile(join(account.home, ".profile"), SSH_STARTUP.bash);
  }
  const other = root ? stack.use(await ordinaryUser()) : undefined;
  const groups = other === undefined ? [] : await groupsOf(other.name);
  const disk = stack.use(await smallDisk({ mode: 0o777 }));
  const workdir = root ? join(scratch.path, "work") : "~/work";
  if (root) await mkdir(workdir);
  const stateDirectory = join(scratch.path, "state");
  // Root's own home stays as it is.
  const stateDir = root ? { stateDir: join(scratch.path, "place") } : {};
  const plain = server.config(account?.name ?? "root", { workdir, daemon, transport, ...stateDir });
  stack.defer(() => endDaemons(join(scratch.path, "place")));
  const {
    config,
    runtime: first,
    outside,
  } = await (options.workspace ? workspaceBy(options.workspace) : openedIn)(stack, plain, stateDirectory);
  if (!root) await first.fs.mkdir("~/work", { recursive: true });
  return placeOf(
    {
      name,
      runtime: first,
      facts: {
        root,
        container: false,
        shared: true,
        readOnlyRoot: false,
        secondClient: daemon === "auto",
        mountedHosts: false,
        ordinary: !root,
        otherUser: root,
        smallDisk: true,
        bash: true,
        ipv6: existsSync("/proc/net/if_inet6"),
      },
      config,
      outside,
      stateDirectory,
      inherited: root ? undefined : INHERITED,
      otherUser: other && {
        name: other.name,
        uid: other.uid,
        gid: other.gid,
        groups,
        home: other.home,
        shell: "/bin/bash",
      },
      smallDisk: disk.path,
      direct: account && ((argv) => directBySsh(server, account.name, argv)),
    },
    stack,
  );
}

/** By the ssh command and its stdin, so that the login shell has nothing to quote. */
async function directBySsh(server: SshServer, user: string, argv: readonly string[]): Promise<string> {
  const mark = randomBytes(8).toString("hex");
  const script = `echo ${mark}; ${argv.map(shellQuote).join(" ")}`;
  const { exitCode, stdout, stderr } = await run(server.argv(user, ["exec /bin/sh"]), { input: script });
  if (exitCode !== 0) throw new Error(`${argv.join(" ")}: exit ${exitCode}: ${stderr}`);
  return stdout.toString().split(`${mark}\n`).at(-1) ?? "";
}
