import type { Command } from "commander";
import type { CheckReport, CheckStep } from "../../contract/runtime.ts";
import { checkRuntime } from "../../runtimes/check.ts";
import {
  addImageOptions,
  addRuntimeOption,
  askedWorkspace,
  type RuntimeOptions,
  runtimeConfig,
} from "../options.ts";
import { printJson, visible } from "../print.ts";
import { whileOpening } from "../while-opening.ts";

export function addCheckCommand(program: Command): void {
  const command = program.command("check").description("test the connection to a place, step by step");
  addImageOptions(addRuntimeOption(command))
    .option("--json", "as JSON")
    .action(async (flags: RuntimeOptions) => {
      const onStep = flags.json ? () => {} : printStep;
      const report = await check(flags, onStep);
      if (flags.json) printJson(report);
      process.exitCode = report.ok ? 0 : 1;
    });
}

/** Usage errors are thrown, as by every command; everything else is a step that failed. */
async function check(flags: RuntimeOptions, onStep: (step: CheckStep) => void): Promise<CheckReport> {
  const workspace = askedWorkspace(flags);
  const config =
    workspace === undefined
      ? await runtimeConfig(flags)
      : await (await import("../workspaces.ts")).withWorkspaces((all) => all.runtimeConfig(workspace));
  return whileOpening(flags, (options) => checkRuntime(config, { ...options, onStep }));
}

function printStep(step: CheckStep): void {
  const time = `${step.durationMs < 10 ? step.durationMs.toFixed(1) : Math.round(step.durationMs)} ms`;
  process.stdout.write(
    `${step.ok ? "ok  " : "FAIL"}  ${step.name.padEnd(14)} ${time.padStart(9)}  ${visible(step.detail)}${step.code === undefined ? "" : ` [${step.code}]`}\n`,
  );
  if (step.hint !== undefined && step.hint !== "")
    process.stdout.write(`      ${"".padEnd(14)} ${"".padStart(9)}  → ${visible(step.hint)}\n`);
}
