import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { DockerImageConfig, RuntimeConfig } from "../../src/contract/config.ts";
import { openRuntime } from "../../src/runtimes/open.ts";
import { container, type TestContainer } from "../fixtures/container.ts";
import { scratchDirectory } from "../fixtures/disk.ts";
import { dockerEngine } from "../fixtures/docker.ts";
import { type ImageKind, image } from "../fixtures/images.ts";
import type { OtherUser, Place, PlaceFacts } from "./case.ts";
import { INHERITED, placeOf } from "./place.ts";
import { openedIn, type WorkspaceOption, workspaceBy } from "./workspace.ts";

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

interface ContainerPlaceOptions {
  readonly readOnly?: boolean;
}

export async function inContainer(
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
      // Without a daemon all that is done is an exec of the engine, more than a thousand of them, and for each the engine
      // compiles its filter of system calls: a fifth of its cost. The container that Berth itself makes keeps the filter.
      unconfined: daemon === "never",
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

export async function fromImage(
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
