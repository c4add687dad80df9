import type { BerthEventInput } from "../../contract/events.ts";
import type { OpenOptions } from "../../contract/runtime.ts";
import type { Workspace, WorkspaceProgress } from "../../contract/workspace.ts";
import type { WorkOptions } from "../api.ts";
import type { Registry } from "../registry/registry.ts";

/** What every verb works with. */
export interface Lifecycle {
  readonly registry: Registry;
  readonly stateDirectory: string;
  readonly onEvent: ((event: BerthEventInput) => void) | undefined;
}

/**
 * Something that happened to a workspace: into the log, and then to whoever listens. `onEvent` only listens: it hands
 * nothing to the log, which has it already.
 */
export async function record(
  lifecycle: Lifecycle,
  workspace: Pick<Workspace, "id" | "name">,
  type: string,
  message: string,
  data: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await lifecycle.registry.record(workspace.id, { type, message, data });
  const told = { ...data, workspace: workspace.id, name: workspace.name };
  lifecycle.onEvent?.({ type, message, workspace: workspace.id, data: told });
}

/** Where events of a workspace's place go that a call does not take for itself: the log, and whoever listens. */
export function sinkOf(lifecycle: Lifecycle, workspaceId?: string): (event: BerthEventInput) => void {
  return (event) => {
    const whole = workspaceId === undefined ? event : { workspace: workspaceId, ...event };
    lifecycle.registry.events.append(whole);
    lifecycle.onEvent?.(whole);
  };
}

export type Report = (step: WorkspaceProgress["step"], message: string) => void;

/** Tells what is done now. */
export function reporter(options: Pick<WorkOptions, "onProgress">): Report {
  return (step, message) => options.onProgress?.({ step, message });
}

/** How a place is opened for a call: its way there is a step of it. */
export function openOptions(lifecycle: Lifecycle, options: WorkOptions, workspaceId?: string): OpenOptions {
  const { signal, onPrompt, maxWaitMs, onWait, onProgress } = options;
  return {
    stateDirectory: lifecycle.stateDirectory,
    ...(signal === undefined ? {} : { signal }),
    ...(onPrompt === undefined ? {} : { onPrompt }),
    ...(maxWaitMs === undefined ? {} : { maxWaitMs }),
    ...(onWait === undefined ? {} : { onWait }),
    onEvent: sinkOf(lifecycle, workspaceId),
    ...(onProgress === undefined
      ? {}
      : {
          onProgress: ({ message, bytesDone, bytesTotal }) =>
            onProgress({ step: "place", message, bytesDone, bytesTotal }),
        }),
  };
}
