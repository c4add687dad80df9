import { checkReportToJson } from "../../api/json-workspaces.ts";
import type { RuntimeConfig } from "../../contract/config.ts";
import { berthError } from "../../contract/errors.ts";
import { checkRuntime } from "../../runtimes/check.ts";
import { availableKinds } from "../../runtimes/kinds.ts";
import type { RunnerContext } from "../context.ts";
import type { Handlers } from "../handlers.ts";
import { projectDirectory } from "./projects.ts";

export function runtimeHandlers(
  context: RunnerContext,
): Handlers<"listRuntimes" | "checkRuntime" | "suggestRuntimes" | "trustHostKey"> {
  const { stateDirectory } = context.options;
  return {
    listRuntimes: async () => {
      const items = (await availableKinds()).map(({ type, available, detail, hint }) => ({
        type,
        available,
        detail,
        hint: hint ?? null,
      }));
      return { status: 200, body: { items } };
    },
    checkRuntime: async ({ body, signal }) => {
      const { project } = body;
      // Names of berth.yaml are those of a project, never of the directory that the runner was started in.
      const projectDirectoryPath = project === undefined ? "/" : await projectDirectory(context, project);
      const report = await checkRuntime(body.runtime as RuntimeConfig | string, {
        stateDirectory,
        projectDirectory: projectDirectoryPath,
        signal,
        // How it is now: who asks tries again.
        maxWaitMs: 0,
      });
      return { status: 200, body: checkReportToJson(report) };
    },
    suggestRuntimes: () => {
      throw berthError("internal", { hop: "runner" });
    },
    trustHostKey: () => {
      throw berthError("internal", { hop: "runner" });
    },
  };
}
