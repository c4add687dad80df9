import type { RuntimeConfig } from "../contract/config.ts";
import { toBerthError } from "../contract/errors.ts";
import type { CheckOptions, CheckReport, OpenOptions } from "../contract/runtime.ts";
import { CheckSteps, StepFailed } from "./common/check-steps.ts";
import { createRuntime, embedDaemon } from "./factory.ts";
import { resolveRuntime } from "./open.ts";
import { stateDirectoryPath } from "./state-directory.ts";

export type CheckRuntimeOptions = OpenOptions & Pick<CheckOptions, "onStart" | "onStep">;

/**
 * "Test connection": opens a runtime step by step, looks at it, and closes it again. A step that fails is in the report
 * with its code and what to do, and nothing is thrown for it, whatever it is.
 */
export async function checkRuntime(
  runtime?: RuntimeConfig | string,
  options: CheckRuntimeOptions = {},
): Promise<CheckReport> {
  const { onStart, onStep, ...openOptions } = options;
  const told = { onStart, onStep };
  const steps = new CheckSteps(told);
  let description = typeof runtime === "string" ? runtime : (runtime?.type ?? "");
  const since = performance.now();
  try {
    const { config } = await resolveRuntime(runtime, openOptions);
    const context = {
      options: openOptions,
      stateDirectory: stateDirectoryPath(options.stateDirectory),
      baseDirectory: options.projectDirectory ?? process.cwd(),
    };
    if (config.type === "ssh") {
      const { checkSsh } = await import("./ssh/check.ts");
      return await checkSsh(config, { ...context, embed: embedDaemon }, told);
    }
    if (config.type === "remote") {
      const { checkRemote } = await import("./remote/check.ts");
      return await checkRemote(config, { ...context, embed: embedDaemon }, told);
    }
    await using opened = await steps.run(
      "open",
      () => createRuntime(config, context),
      (place) => ({ detail: place.description }),
    );
    ({ description } = opened);
    const report = await opened.check({
      signal: options.signal,
      onStart: (name) => steps.start(name),
      onStep: (step) => steps.add(step),
    });
    return { ...report, steps: steps.done };
  } catch (cause) {
    if (!(cause instanceof StepFailed)) steps.fail("configuration", since, cause);
    else description = toBerthError(cause, "client").runtime ?? description;
    return { ok: false, runtime: description, steps: steps.done };
  }
}
