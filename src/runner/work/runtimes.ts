import type { RuntimeConfig } from "../../contract/config.ts";
import { berthError } from "../../contract/errors.ts";
import { checkRuntime } from "../../runtimes/check.ts";
import { availableKinds } from "../../runtimes/kinds.ts";
import type { RunnerContext } from "../context.ts";
import type { Handlers } from "../handlers.ts";
import { answerOfCheck } from "./checks.ts";
import { namesOf } from "./projects.ts";

export function runtimeHandlers(
  context: RunnerContext,
): Handlers<"listRuntimes" | "checkRuntime" | "suggestRuntimes"> {
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
    checkRuntime: async ({ body, headers, signal }) => {
      const directory = await namesOf(context, body.project);
      return await answerOfCheck({ headers, signal }, (options) =>
        checkRuntime(body.runtime as RuntimeConfig | string, {
          stateDirectory,
          projectDirectory: directory,
          // How it is now: who asks tries again.
          maxWaitMs: 0,
          ...options,
        }),
      );
    },
    suggestRuntimes: () => {
      throw berthError("internal", { hop: "runner" });
    },
  };
}
