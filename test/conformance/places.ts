import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import type { Capabilities } from "../../src/contract/capabilities.ts";
import type { DockerImageConfig, RuntimeConfig } from "../../src/contract/config.ts";
import { openRuntime } from "../../src/runtimes/open.ts";
import { shellQuote } from "../../src/transports/shell-quote.ts";
import { container, type TestContainer } from "../fixtures/container.ts";
import { scratchDirectory, smallDisk } from "../fixtures/disk.ts";
import { dockerEngine } from "../fixtures/docker.ts";
import { type ImageKind, image } from "../fixtures/images.ts";
import { run } from "../fixtures/process.ts";
import { sshUser } from "../fixtures/ssh-user.ts";
import { type SshServer, sshServer } from "../fixtures/sshd.ts";
import { ordinaryUser } from "../fixtures/user.ts";
import type { OtherUser, Place, PlaceFacts } from "./case.ts";
import { endDaemons, FULL, groupsOf, INHERITED, NONE, ORDINARY, placeOf } from "./place.ts";
import { type OpenedPlace, remoteWorkspaceIn, workspaceIn } from "./workspace.ts";

export interface PlaceRecipe {
  /** For people, as in the matrix. */
  readonly title: string;
  /** What it has to be able to do: a place that can less is a failure, not a smaller place. */
  readonly expects: Omit<Capabilities, "reasons">;
  /** Run by an ordinary user of this machine who is in the docker group. */
  readonly asUser?: boolean;
  /** Seen to by root before an ordinary user needs it. */
  readonly prepare?: () => Promise<unknown>;
  readonly make: (stack: AsyncDisposableStack) => Promise<Place>;
}

export const PLACE_NAMES = [
  "local-root",
  "local-root-embedded",
  "local-user",
  "local-user-embedded",
  "debian",
  "debian-without-daemon",
  "busybox",
  "busybox-without-daemon",
  "nonroot",
  "nonroot-without-daemon",
  "readonly",
  "readonly-without-daemon",
  "image",
  "image-without-daemon",
  "ssh-openssh",
  "ssh-ssh2",
  "ssh-fish",
  "ssh-openssh-without-daemon",
  "ssh-ssh2-without-daemon",
  "workspace-worktree",
  "workspace-docker",
  "workspace-ssh",
  "remote-local",
  "remote-docker",
  "remote-ssh",
] as const;

export type PlaceName = (typeof PLACE_NAMES)[number];

export const PLACES: Readonly<Record<PlaceName, PlaceRecipe>> = {
  "local-root": {
    title: "local, root",
    expects: FULL,
    make: (stack) => local(stack, "local-root", "auto"),
  },
  "local-root-embedded": {
    title: "local, root, daemon: never",
    expects: { ...FULL, daemon: false },
    make: (stack) => local(stack, "local-root-embedded", "never"),
  },
  "local-user": {
    title: "local, ordinary user",
    expects: ORDINARY,
    asUser: true,
    make: (stack) => local(stack, "local-user", "auto"),
  },
  "local-user-embedded": {
    title: "local, ordinary user, daemon: never",
    expects: { ...ORDINARY, daemon: false },
    asUser: true,
    make: (stack) => local(stack, "local-user-embedded", "never"),
  },
  debian: {
    title: "Debian container",
    expects: FULL,
    make: (stack) => inContainer(stack, "debian", "debian", "auto"),
  },
  "debian-without-daemon": {
    title: "Debian container, daemon: never",
    expects: NONE,
    make: (stack) => inContainer(stack, "debian-without-daemon", "debian", "never"),
  },
  busybox: {
    title: "busybox container",
    expects: FULL,
    make: (stack) => inContainer(stack, "busybox", "busybox", "auto"),
  },
  "busybox-without-daemon": {
    title: "busybox container, daemon: never",
    expects: NONE,
    make: (stack) => inContainer(stack, "busybox-without-daemon", "busybox", "never"),
  },
  nonroot: {
    title: "container whose user is not root",
    expects: ORDINARY,
    make: (stack) => inContainer(stack, "nonroot", "debian-user", "auto"),
  },
  "nonroot-without-daemon": {
    title: "container whose user is not root, daemon: never",
    expects: NONE,
    make: (stack) => inContainer(stack, "nonroot-without-daemon", "debian-user", "never"),
  },
  readonly: {
    title: "container with a read-only root",
    expects: FULL,
    make: (stack) => inContainer(stack, "readonly", "debian", "auto", { readOnly: true }),
  },
  "readonly-without-daemon": {
    title: "container with a read-only root, daemon: never",
    expects: NONE,
    make: (stack) => inContainer(stack, "readonly-without-daemon", "debian", "never", { readOnly: true }),
  },
  image: {
    title: "container made from an image, by an ordinary user",
    expects: FULL,
    asUser: true,
    prepare: () => image("busybox"),
    make: (stack) => fromImage(stack, "image", "auto"),
  },
  "image-without-daemon": {
    title: "container made from an image, daemon: never",
    expects: NONE,
    make: (stack) => fromImage(stack, "image-without-daemon", "never"),
  },
  "ssh-openssh": {
    title: "SSH by OpenSSH, ordinary user, bash with start-up files that print",
    expects: ORDINARY,
    make: (stack) => bySsh(stack, "ssh-openssh", { transport: "openssh", shell: "bash" }),
  },
  "ssh-ssh2": {
    title: "SSH by ssh2, root",
    expects: FULL,
    make: (stack) => bySsh(stack, "ssh-ssh2", { transport: "ssh2", shell: "root" }),
  },
  "ssh-fish": {
    title: "SSH by OpenSSH, fish with start-up files that print",
    expects: ORDINARY,
    make: (stack) => bySsh(stack, "ssh-fish", { transport: "openssh", shell: "fish" }),
  },
  "ssh-openssh-without-daemon": {
    title: "SSH by OpenSSH, tcsh with start-up files that print, daemon: never",
    expects: NONE,
    make: (stack) =>
      bySsh(stack, "ssh-openssh-without-daemon", { transport: "openssh", shell: "tcsh", daemon: "never" }),
  },
  "ssh-ssh2-without-daemon": {
    title: "SSH by ssh2, bash with start-up files that print, daemon: never",
    expects: NONE,
    make: (stack) =>
      bySsh(stack, "ssh-ssh2-without-daemon", { transport: "ssh2", shell: "bash", daemon: "never" }),
  },
  "workspace-worktree": {
    title: "workspace in a worktree, root",
    expects: FULL,
    make: (stack) => local(stack, "workspace-worktree", "auto", { workspace: "direct" }),
  },
  "workspace-docker": {
    title: "workspace in a container made from an image whose user is not root",
    expects: ORDINARY,
    make: (stack) => fromImage(stack, "workspace-docker", "auto", { workspace: "direct" }),
  },
  "workspace-ssh": {
    title: "workspace on a host by SSH, ordinary user, bash with start-up files that print",
    expects: ORDINARY,
    make: (stack) =>
      bySsh(stack, "workspace-ssh", { transport: "openssh", shell: "bash", workspace: "direct" }),
  },
  "remote-local": {
    title: "workspace in a worktree, through a runner, root",
    expects: FULL,
    make: (stack) => local(stack, "remote-local", "auto", { workspace: "remote" }),
  },
  "remote-docker": {
    title: "workspace in a container whose user is not root, through a runner",
    expects: ORDINARY,
    make: (stack) => fromImage(stack, "remote-docker", "auto", { workspace: "remote" }),
  },
  "remote-ssh": {
    title: "workspace on a host by SSH, through a runner, ordinary user",
    expects: ORDINARY,
    make: (stack) => bySsh(stack, "remote-ssh", { transport: "openssh", shell: "bash", workspace: "remote" }),
  },
};

/** The account that containers get for the cases about other users: without a tool, busybox has none. */
const OTHER: OtherUser = {
  name: "other",
  uid: 4321,
  gid: 4321,
  groups: [4321, 4400, 4401],
  home: "/tmp/other",
  shell: "/bin/sh",
};

const ACCOUNTS = [
  `echo 'other:x:4321:4321::/tmp/other:/bin/sh' >> /etc/passwd`,
  `printf 'other:x:4321:\\ntools:x:4400:other\\nbuild:x:4401:root,other\\n' >> /etc/group`,
  "mkdir -p /tmp/other && chown 4321:4321 /tmp/other",
].join(" && ");

/** The suite runs in a workspace that is made in the place, and not in a directory of it; "remote": through a runner. */
interface WorkspaceOption {
  readonly workspace?: "direct" | "remote";
}

async function local(
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

function workspaceBy(way: NonNullable<WorkspaceOption["workspace"]>) {
  return way === "remote" ? remoteWorkspaceIn : workspaceIn;
}

async function openedIn(
  stack: AsyncDisposableStack,
  config: RuntimeConfig,
  stateDirectory: string,
): Promise<OpenedPlace> {
  return { config, runtime: stack.use(await openRuntime(config, { stateDirectory })) };
}

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

async function bySsh(stack: AsyncDisposableStack, name: string, options: SshPlaceOptions): Promise<Place> {
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

interface ContainerPlaceOptions {
  readonly readOnly?: boolean;
}

async function inContainer(
  stack: AsyncDisposableStack,
  name: string,
  kind: ImageKind,
  daemon: "auto" | "never",
  options: ContainerPlaceOptions = {},
): Promise<Place> {
  const scratch = stack.use(await scratchDirectory());
  const stateDirectory = join(scratch.path, "state");
  const readOnly = options.readOnly === true;
  const root = kind !== "debian-user";
  // No init in the busybox one: what its processes leave behind is not reaped.
  const place = stack.use(
    await container({
      image: await image(kind),
      env: { [INHERITED.name]: INHERITED.value },
      init: kind !== "busybox",
      readOnly,
      tmpfs: {
        "/small": "size=1m,mode=1777",
        ...(readOnly ? { "/tmp": "size=1g,exec,mode=1777" } : {}),
      },
    }),
  );
  const accounts = root && !readOnly;
  if (accounts) await direct(place, ["sh", "-c", ACCOUNTS]);
  const work = root ? "/tmp/work" : "/home/agent/work";
  await direct(place, ["sh", "-c", `mkdir -p ${work}`]);
  const config: RuntimeConfig = { type: "docker", containerId: place.id, workdir: work, daemon };
  const runtime = stack.use(await openRuntime(config, { stateDirectory }));
  const ipv6 = (await direct(place, ["sh", "-c", "cat /proc/net/if_inet6 2>/dev/null || true"])) !== "";
  const facts: PlaceFacts = {
    root,
    container: true,
    shared: false,
    readOnlyRoot: readOnly,
    secondClient: daemon === "auto",
    mountedHosts: root && !readOnly,
    ordinary: !root,
    otherUser: accounts,
    smallDisk: true,
    bash: kind !== "busybox",
    ipv6,
  };
  return placeOf(
    {
      name,
      runtime,
      facts,
      config,
      stateDirectory,
      inherited: INHERITED,
      // An image without the account still has its numbers.
      otherUser: accounts ? OTHER : undefined,
      smallDisk: "/small",
      direct: (argv) => direct(place, argv),
    },
    stack,
  );
}

async function direct(place: TestContainer, argv: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await place.exec(argv);
  if (exitCode !== 0) throw new Error(`${argv.join(" ")}: exit ${exitCode}: ${stderr}`);
  return stdout.toString();
}

async function fromImage(
  stack: AsyncDisposableStack,
  name: string,
  daemon: "auto" | "never",
  options: WorkspaceOption = {},
): Promise<Place> {
  const scratch = stack.use(await scratchDirectory());
  const stateDirectory = join(scratch.path, "state");
  const env = { [INHERITED.name]: INHERITED.value };
  const common = { type: "docker", pull: "never", env, daemon } as const;
  const { config, runtime, outside } = options.workspace
    ? await workspaceBy(options.workspace)(
        stack,
        { ...common, image: await image("debian-user") },
        stateDirectory,
      )
    : await namedContainer(stack, { ...common, image: await image("busybox") }, stateDirectory);
  const root = options.workspace === undefined;
  const facts: PlaceFacts = {
    root,
    container: true,
    shared: false,
    readOnlyRoot: false,
    secondClient: daemon === "auto",
    mountedHosts: root,
    ordinary: !root,
    otherUser: false,
    smallDisk: false,
    bash: !root,
    ipv6: (await runtime.exec("cat /proc/net/if_inet6")).stdout !== "",
  };
  return placeOf(
    {
      name,
      runtime,
      facts,
      config,
      outside,
      stateDirectory,
      inherited: INHERITED,
      otherUser: undefined,
      smallDisk: undefined,
      direct: undefined,
    },
    stack,
  );
}

/** The name makes it the same place for every client; it is kept until all are done. */
async function namedContainer(
  stack: AsyncDisposableStack,
  config: DockerImageConfig,
  stateDirectory: string,
) {
  const engine = await dockerEngine();
  const name = `berth-test-${process.pid}-${randomBytes(4).toString("hex")}`;
  stack.defer(async () => {
    const made = engine.docker.getContainer(name);
    await made.remove({ force: true, v: true }).catch((error: { statusCode?: number }) => {
      if (error.statusCode !== 404) throw error;
    });
  });
  const { env, daemon } = config;
  const workdir = "/work";
  const opened = await openedIn(stack, { ...config, name, keep: true, workdir }, stateDirectory);
  // Of another configuration it would be another container.
  return {
    ...opened,
    outside: { type: "docker" as const, containerId: name, workdir, daemon, ...(env && { env }) },
  };
}
