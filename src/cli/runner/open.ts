import type { RemoteConfig } from "../../contract/config-remote.ts";
import { BerthError, berthError, isBerthError } from "../../contract/errors.ts";
import type { OpenOptions, Runtime } from "../../contract/runtime.ts";
import { runningRunner } from "../../runner/runner-file.ts";
import { openRuntime } from "../../runtimes/open.ts";
import { openRemoteWith } from "../../runtimes/remote/open.ts";
import { stateDirectoryPath } from "../../runtimes/state-directory.ts";
import { type ShowFlags, whileOpening } from "../while-opening.ts";
import { answers } from "./answers.ts";
import type { RunnerTarget } from "./target.ts";

/** A runner that is replaced, or restarted by a service manager, is back well within this. */
const AWAY_MS = 20_000;

/** A workspace as a runtime, by a runner. @throws auth.*, runner.*, workspace.*, what opening its place throws */
export function openByRunner(
  target: RunnerTarget,
  workspace: string,
  flags: ShowFlags,
  events: Pick<OpenOptions, "onEvent">,
): Promise<Runtime> {
  return whileOpening(flags, (shown) => openRuntime(configOf(target, workspace), { ...shown, ...events }));
}

/**
 * The same by the runner of this state directory; undefined where that does not work and the command itself may do better:
 * it can ask for a password, and has the ssh agent and the environment of its user. A runner that does not answer is not
 * waited for, nor is one that has ended later.
 * @throws workspace.*, operation.aborted
 */
export async function openByLocalRunner(
  target: RunnerTarget,
  workspace: string,
  flags: ShowFlags,
  events: Pick<OpenOptions, "onEvent">,
): Promise<Runtime | undefined> {
  const silence = new AbortController();
  const healthy = answers(target.url).then((does) => {
    if (!does) silence.abort();
  });
  try {
    return await whileOpening({ ...flags, wait: 0 }, ({ signal, ...shown }) => {
      const either = signal === undefined ? silence.signal : AbortSignal.any([signal, silence.signal]);
      const options = { ...shown, ...events, signal: either };
      return openRemoteWith(configOf(target, workspace), { options }, undefined, urlFinder(workspace));
    });
  } catch (cause) {
    await healthy;
    if (silence.signal.aborted) return undefined;
    if (isBerthError(cause) && !cause.code.startsWith("workspace.") && cause.code !== "operation.aborted") {
      return undefined;
    }
    throw cause;
  }
}

function configOf({ url, token }: RunnerTarget, workspace: string): RemoteConfig {
  return { type: "remote", url, workspace, token };
}

/** Where the runner of this state directory is now: its successor may listen elsewhere, or there may be none. */
function urlFinder(workspace: string): () => string {
  const stateDirectory = stateDirectoryPath();
  let awaySinceMs: number | undefined;
  return () => {
    const runner = runningRunner(stateDirectory);
    if (runner !== undefined) {
      awaySinceMs = undefined;
      return runner.url;
    }
    awaySinceMs ??= performance.now();
    const error = berthError("runner.unreachable", {
      message: "the runner of this machine has ended",
      hint: `What runs in the workspace goes on, and needs no runner: \`berth ps -w ${workspace}\` names it, \`berth attach\` or \`berth logs -f\` goes on with it.`,
      context: { url: "" },
    });
    if (performance.now() - awaySinceMs < AWAY_MS) throw error;
    throw new BerthError({ ...error.toJSON(), retryable: false });
  };
}
