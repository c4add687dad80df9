import type { Command } from "commander";
import { toBerthError } from "../../contract/errors.ts";
import type { CheckReport, CheckStep } from "../../contract/runtime.ts";
import { addImageOptions, addRuntimeOption, open, type RuntimeOptions } from "../options.ts";
import { printJson, visible } from "../print.ts";

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

async function check(flags: RuntimeOptions, onStep: (step: CheckStep) => void): Promise<CheckReport> {
  const startedMs = performance.now();
  try {
    await using runtime = await open(flags);
    const step: CheckStep = {
      name: "open",
      ok: true,
      durationMs: performance.now() - startedMs,
      detail: runtime.description,
    };
    onStep(step);
    const report = await runtime.check({ onStep });
    return { ...report, steps: [step, ...report.steps] };
  } catch (cause) {
    const error = toBerthError(cause, "client");
    const step: CheckStep = {
      name: "open",
      ok: false,
      durationMs: performance.now() - startedMs,
      detail: error.message,
      code: error.code,
      hint: error.hint,
    };
    onStep(step);
    return { ok: false, runtime: error.runtime ?? flags.runtime ?? "", steps: [step] };
  }
}

function printStep(step: CheckStep): void {
  const time = `${step.durationMs < 10 ? step.durationMs.toFixed(1) : Math.round(step.durationMs)} ms`;
  process.stdout.write(
    `${step.ok ? "ok  " : "FAIL"}  ${step.name.padEnd(12)} ${time.padStart(9)}  ${visible(step.detail)}${step.code === undefined ? "" : ` [${step.code}]`}\n`,
  );
  if (step.hint !== undefined && step.hint !== "")
    process.stdout.write(`      ${"".padEnd(12)} ${"".padStart(9)}  → ${visible(step.hint)}\n`);
}
