import assert from "node:assert/strict";
import { join } from "node:path";
import type { RuntimeConfig } from "../../src/contract/config.ts";
import { type BerthError, isBerthError } from "../../src/contract/errors.ts";
import type { BerthEventInput } from "../../src/contract/events.ts";
import type { ErrorCode } from "../../src/index.ts";
import { systemClock } from "../../src/transports/ssh/clock.ts";
import type { Workspaces } from "../../src/workspaces/api.ts";
import { Scratch, type TestRepository } from "../../src/workspaces/git/repository.testing.ts";
import { openWorkspaces } from "../../src/workspaces/open.ts";
import { endDaemons } from "../conformance/place.ts";
import { dockerEngine } from "../fixtures/docker.ts";
import { image } from "../fixtures/images.ts";
import { sshBench } from "../ssh/support.ts";

/** A project with one commit, and a state directory of the test's own. */
export interface Bench extends AsyncDisposable {
  readonly project: TestRepository;
  readonly stateDirectory: string;
  readonly workspaces: Workspaces;
  readonly events: BerthEventInput[];
  /** Selects in the project. */
  readonly here: { readonly directory: string };
  /** Directory of everything. */
  readonly path: string;
  /** Another Berth of the same user. */
  another(): Promise<Workspaces>;
}

export async function bench(options: { readonly stateDirectory?: string } = {}): Promise<Bench> {
  await using stack = new AsyncDisposableStack();
  const scratch = stack.use(new Scratch());
  const project = scratch.repository("shop");
  project.commit("files", { "src/a.txt": "a\n", "src/b.txt": "b\n", ".gitignore": "ignored\n" });
  const stateDirectory = options.stateDirectory ?? join(scratch.path, "state");
  const events: BerthEventInput[] = [];
  const another = async () =>
    owned.use(await openWorkspaces({ stateDirectory, onEvent: (event) => events.push(event) }));
  // Before their directory is removed, in which they write.
  stack.defer(() => endDaemons(stateDirectory));
  const owned = stack.use(new AsyncDisposableStack());
  const workspaces = await another();
  const all = stack.move();
  return {
    project,
    stateDirectory,
    workspaces,
    events,
    here: { directory: project.path },
    path: scratch.path,
    another,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** A kind of place that workspaces are made in. */
export interface Kind {
  readonly title: string;
  /** The branch there is the project's own. */
  readonly shares: boolean;
  make(stack: AsyncDisposableStack): Promise<{ readonly bench: Bench; readonly runtime: RuntimeConfig }>;
}

export const KINDS: readonly Kind[] = [
  {
    title: "worktree",
    shares: true,
    make: async (stack) => ({
      bench: stack.use(await bench()),
      runtime: { type: "worktree", daemon: "never" },
    }),
  },
  {
    title: "ssh",
    shares: false,
    make: async (stack) => {
      const host = stack.use(await sshBench());
      return { bench: stack.use(await bench(host)), runtime: host.config() };
    },
  },
  {
    title: "docker",
    shares: false,
    make: async (stack) => {
      const { socketPath } = await dockerEngine();
      const made = await image("debian");
      const runtime = { type: "docker", image: made, engine: { host: `unix://${socketPath}` } } as const;
      return { bench: stack.use(await bench()), runtime };
    },
  },
];

/** What a checkout, its repository and the registry hold, to be compared. */
export async function snapshot({ project, workspaces }: Bench): Promise<string> {
  return JSON.stringify({
    refs: project.git("for-each-ref"),
    worktrees: project.git("worktree", "list", "--porcelain"),
    status: project.status(),
    workspaces: await workspaces.list(),
    projects: await workspaces.projects(),
  });
}

export async function refused(promise: Promise<unknown>, code: ErrorCode): Promise<BerthError> {
  let refusal: BerthError | undefined;
  await assert.rejects(promise, (error) => {
    if (!isBerthError(error, code)) throw error;
    refusal = error;
    return true;
  });
  return refusal as BerthError;
}

/** The shell's output in a workspace. */
export async function shell({ workspaces, here }: Bench, name: string, script: string): Promise<string> {
  await using runtime = await workspaces.open(name, here);
  const { exitCode, stdout, stderr } = await runtime.exec(script);
  assert.equal(exitCode, 0, `${script}: ${stderr}`);
  return stdout;
}

/** Commits in a workspace. */
export const COMMIT = "git -c user.name=dev -c user.email=dev@example.com commit -q";

const { now } = systemClock;
let passed = 0;

/** A host that let nobody in is left alone for a while, which nobody has to wait for here. */
export function aMinutePasses(): void {
  passed += 60_000;
  systemClock.now = () => now() + passed;
}
