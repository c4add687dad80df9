import { type BerthError, toBerthError } from "../../contract/errors.ts";
import type { CheckStep } from "../../contract/runtime.ts";
import type { DockerEngine } from "../../transports/docker/engine.ts";
import { type ProbeAnswer, platformOf, stateOf } from "../provision/probe-answer.ts";
import {
  assertRunning,
  type ContainerDescription,
  displayName,
  hasInit,
  inspectContainer,
} from "./container.ts";

export interface CheckTarget {
  readonly engine: DockerEngine;
  readonly containerId: string;
  /** Looks at the place; undefined where nothing is installed in it (daemon: never, delivered with the container). */
  readonly probe: ((signal: AbortSignal | undefined) => Promise<ProbeAnswer>) | undefined;
  /** Berth's own container has Berth's init. */
  readonly ownContainer: boolean;
}

/** The steps of "Test connection" on the way to the daemon. Stops at the first that fails. */
export async function checkDocker(
  target: CheckTarget,
  options: { readonly signal?: AbortSignal; readonly onStep: (step: CheckStep) => void },
): Promise<readonly CheckStep[]> {
  const { engine } = target;
  const { signal } = options;
  const steps: CheckStep[] = [];
  const step = async <T>(
    name: string,
    action: () => Promise<T> | T,
    describe: (value: T) => { detail: string; hint?: string | undefined },
  ): Promise<T> => {
    const startedAt = performance.now();
    const durationMs = () => Math.round((performance.now() - startedAt) * 10) / 10;
    let done: CheckStep;
    try {
      const value = await action();
      done = { name, ok: true, durationMs: durationMs(), ...describe(value) };
      steps.push(done);
      options.onStep(done);
      return value;
    } catch (cause) {
      const error: BerthError = toBerthError(cause, "transport");
      const { code, hint, message: detail } = error;
      done = { name, ok: false, durationMs: durationMs(), detail, code, hint };
      steps.push(done);
      options.onStep(done);
      throw new StepFailed();
    }
  };
  try {
    await step(
      "engine",
      () => engine.json<EngineVersion>({ method: "GET", path: "/version", signal }),
      ({ Version, ApiVersion, Os, Arch }) => ({
        detail: `${engine.endpoint.text}: ${Version} (API ${ApiVersion}, ${Os}/${Arch})`,
      }),
    );
    await step(
      "container",
      async () => {
        const container = await inspectContainer(engine, target.containerId, signal);
        assertRunning(container);
        return container;
      },
      (container) => describeContainer(container, target.ownContainer),
    );
    if (target.probe !== undefined) await checkPlace(target.probe, step, signal);
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
  }
  return steps;
}

type Step = <T>(
  name: string,
  action: () => Promise<T> | T,
  describe: (value: T) => { detail: string; hint?: string | undefined },
) => Promise<T>;

async function checkPlace(
  probe: NonNullable<CheckTarget["probe"]>,
  step: Step,
  signal: AbortSignal | undefined,
): Promise<void> {
  const answer = await step(
    "shell",
    () => probe(signal),
    ({ shell, account, uid }) => ({
      detail: `/bin/sh as ${account || uid} (uid ${uid}, shell ${shell || "none"})`,
    }),
  );
  await step(
    "platform",
    () => platformOf(answer),
    (platform) => ({
      detail: `${platform}, ${answer.libc}, ${answer.node === undefined ? `no usable Node${answer.nodeVersion === undefined ? "" : ` (${answer.nodeVersion})`}: Berth brings its own` : `Node ${answer.nodeVersion}`}`,
    }),
  );
  await step(
    "space",
    () => stateOf(answer),
    ({ state }) => {
      const free = answer.candidates.find(({ path }) => path === state)?.freeKib;
      return { detail: `${state}${free === undefined ? "" : `, ${Math.floor(free / 1024)} MiB free`}` };
    },
  );
  await step(
    "installation",
    () => answer.running,
    (running) => ({
      detail:
        running === undefined ? "not running; it is started when needed" : `running in ${running.directory}`,
    }),
  );
}

function describeContainer(
  container: ContainerDescription,
  own: boolean,
): { detail: string; hint?: string | undefined } {
  const detail = `${displayName(container)} (${container.Config.Image}) is ${container.State.Status}`;
  if (own || hasInit(container)) return { detail };
  return {
    detail,
    hint: "Its first process is no init: orphans of ended commands stay as zombies. Start it with `docker run --init`.",
  };
}

interface EngineVersion {
  readonly Version: string;
  readonly ApiVersion: string;
  readonly Os: string;
  readonly Arch: string;
}

/** The step's own failure is in the report already. */
class StepFailed extends Error {}
