import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RuntimeConfig } from "../../src/contract/config.ts";
import { isBerthError } from "../../src/contract/errors.ts";
import type { BerthEventInput } from "../../src/contract/events.ts";
import type { OpenOptions, ProvisionProgress, Runtime } from "../../src/contract/runtime.ts";
import { openRuntime } from "../../src/runtimes/open.ts";
import { dockerEngine } from "../fixtures/docker.ts";
import { ensurePackages } from "../fixtures/install.ts";

/** A state directory of one test, and a way to open runtimes with it that the tests' engine is used by. */
export interface TestState extends AsyncDisposable {
  readonly directory: string;
  readonly events: BerthEventInput[];
  readonly progress: ProvisionProgress[];
  open(config: RuntimeConfig, options?: OpenOptions): Promise<Runtime>;
}

export async function testState(): Promise<TestState> {
  await ensurePackages([]);
  const { socketPath } = await dockerEngine();
  const directory = await mkdtemp(join(tmpdir(), "berth-docker-test-"));
  const events: BerthEventInput[] = [];
  const progress: ProvisionProgress[] = [];
  return {
    directory,
    events,
    progress,
    open: (config, options = {}) =>
      openRuntime(
        config.type === "docker" ? { engine: { host: `unix://${socketPath}` }, ...config } : config,
        {
          stateDirectory: directory,
          onEvent: (event) => events.push(event),
          onProgress: (step) => progress.push(step),
          ...options,
        },
      ),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

/** The code of the BerthError that a promise rejects with. */
export async function codeOf(promise: PromiseLike<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (isBerthError(error)) return error.code;
    throw error;
  }
  throw new Error("it did not fail");
}
