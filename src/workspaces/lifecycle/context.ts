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

/** Something that happened to a workspace: into its history, and to whoever listens. */
export async function record(
  lifecycle: Lifecycle,
  workspace: Pick<Workspace, "id" | "name">,
  type: string,
  message: string,
  data: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await lifecycle.registry.record(workspace.id, { type, message, data });
  lifecycle.onEvent?.({ type, message, data: { ...data, workspace: workspace.id, name: workspace.name } });
}

export type Report = (step: WorkspaceProgress["step"], message: string) => void;

/** Tells what is done now. */
export function reporter(options: Pick<WorkOptions, "onProgress">): Report {
  return (step, message) => options.onProgress?.({ step, message });
}

/** How a place is opened for a call: its way there is a step of it. */
export function openOptions(lifecycle: Lifecycle, options: WorkOptions): OpenOptions {
  const { signal, onPrompt, maxWaitMs, onWait, onProgress } = options;
  return {
    stateDirectory: lifecycle.stateDirectory,
    ...(signal === undefined ? {} : { signal }),
    ...(onPrompt === undefined ? {} : { onPrompt }),
    ...(maxWaitMs === undefined ? {} : { maxWaitMs }),
    ...(onWait === undefined ? {} : { onWait }),
    ...(lifecycle.onEvent === undefined ? {} : { onEvent: lifecycle.onEvent }),
    ...(onProgress === undefined
      ? {}
      : {
          onProgress: ({ message, bytesDone, bytesTotal }) =>
            onProgress({ step: "place", message, bytesDone, bytesTotal }),
        }),
  };
}
