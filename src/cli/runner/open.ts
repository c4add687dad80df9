import { isBerthError } from "../../contract/errors.ts";
import type { OpenOptions, Runtime } from "../../contract/runtime.ts";
import { openRuntime } from "../../runtimes/open.ts";
import { type ShowFlags, whileOpening } from "../while-opening.ts";
import { answers } from "./answers.ts";
import type { RunnerTarget } from "./target.ts";

/** A workspace as a runtime, by a runner. @throws auth.*, runner.*, workspace.*, what opening its place throws */
export function openByRunner(
  target: RunnerTarget,
  workspace: string,
  flags: ShowFlags,
  events: Pick<OpenOptions, "onEvent">,
): Promise<Runtime> {
  return whileOpening(flags, (shown) =>
    openRuntime({ type: "remote", url: target.url, workspace, token: target.token }, { ...shown, ...events }),
  );
}

/**
 * The same by the runner of this state directory; undefined where that does not work and the command itself may do better:
 * it can ask for a password, and has the ssh agent and the environment of its user. A runner that does not answer is not
 * waited for.
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
      return openRuntime(
        { type: "remote", url: target.url, workspace, token: target.token },
        { ...shown, ...events, signal: either },
      );
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
