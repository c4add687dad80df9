import type { RuntimeConfig } from "../../src/contract/config.ts";
import { dockerEngine } from "../fixtures/docker.ts";
import { image } from "../fixtures/images.ts";
import { type TestRunner, testRunner } from "../fixtures/runner.ts";
import { sshBench } from "../ssh/support.ts";

/** Kinds of places that a runner of a test makes workspaces in. */
export const PLACES: readonly {
  readonly title: "worktree" | "ssh" | "docker";
  /** @throws FixtureUnavailable */
  make(
    stack: AsyncDisposableStack,
  ): Promise<{ readonly runner: TestRunner; readonly runtime?: RuntimeConfig | undefined }>;
}[] = [
  {
    title: "worktree",
    make: async (stack) => ({ runner: stack.use(await testRunner({ inProcess: true })) }),
  },
  {
    title: "ssh",
    make: async (stack) => {
      const host = stack.use(await sshBench());
      const { stateDirectory } = host;
      const runner = stack.use(await testRunner({ inProcess: true, stateDirectory }));
      return { runner, runtime: host.config() };
    },
  },
  {
    title: "docker",
    make: async (stack) => {
      const { socketPath } = await dockerEngine();
      const engine = { host: `unix://${socketPath}` };
      const runtime = { type: "docker", image: await image("debian"), engine } as const;
      return { runner: stack.use(await testRunner({ inProcess: true })), runtime };
    },
  },
];
