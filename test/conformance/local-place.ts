import { existsSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { scratchDirectory, smallDisk } from "../fixtures/disk.ts";
import { ordinaryUser } from "../fixtures/user.ts";
import type { Place, PlaceFacts } from "./case.ts";
import { endDaemons, groupsOf, INHERITED, placeOf } from "./place.ts";
import { openedIn, type WorkspaceOption, workspaceBy } from "./workspace.ts";

export async function local(
  stack: AsyncDisposableStack,
  name: string,
  daemon: "auto" | "never",
  options: WorkspaceOption = {},
): Promise<Place> {
  const { username, uid, homedir } = userInfo();
  const scratch = stack.use(await scratchDirectory());
  const stateDirectory = join(scratch.path, "state");
  const workdir = join(scratch.path, "work");
  await mkdir(workdir);
  const root = uid === 0;
  // Another user has to get to its directories in it.
  if (root) await chmod(scratch.path, 0o711);
  const other = root ? stack.use(await ordinaryUser()) : undefined;
  const groups = other === undefined ? [] : await groupsOf(other.name);
  const disk = root ? stack.use(await smallDisk({ mode: 0o777 })) : undefined;
  // The account was made for the tests, its login shell's files are theirs.
  const ownAccount = username.startsWith("berthtest");
  if (ownAccount) {
    const value = INHERITED.value.replaceAll("'", `'\\''`);
    await writeFile(
      join(homedir, ".profile"),
      `export ${INHERITED.name}='${value}'\necho noise of a profile\n`,
    );
    await writeFile(join(homedir, ".bash_profile"), ". ~/.profile\nread -r answer\n");
  }
  stack.defer(() => endDaemons(stateDirectory));
  // Another user gets into no directory of Berth's state.
  const baseDir = join(scratch.path, "worktrees");
  const { config, runtime, outside } = options.workspace
    ? await workspaceBy(options.workspace)(stack, { type: "worktree", baseDir, daemon }, stateDirectory)
    : await openedIn(stack, { type: "local", workdir, daemon }, stateDirectory);
  const facts: PlaceFacts = {
    root,
    container: false,
    shared: true,
    readOnlyRoot: false,
    secondClient: daemon === "auto",
    mountedHosts: false,
    ordinary: !root,
    otherUser: other !== undefined,
    smallDisk: disk !== undefined,
    bash: existsSync("/bin/bash"),
    ipv6: existsSync("/proc/net/if_inet6"),
  };
  return placeOf(
    {
      name,
      runtime,
      facts,
      config,
      outside,
      stateDirectory,
      inherited: ownAccount && daemon === "auto" ? INHERITED : undefined,
      otherUser: other && {
        name: other.name,
        uid: other.uid,
        gid: other.gid,
        groups,
        home: other.home,
        shell: "/bin/bash",
      },
      smallDisk: disk?.path,
      direct: undefined,
    },
    stack,
  );
}
