import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import { printJson, terminalColumns } from "../print.ts";
import { jsonFromRunner, PROMPT_MS } from "../runner/calls.ts";
import { addRunnerOptions, neededRunner, type RunnerFlags } from "../runner/target.ts";
import { headLines, type Overview, placeLines } from "../top/draw.ts";
import { showLive } from "../top/live.ts";

interface Flags extends RunnerFlags {
  readonly once?: boolean;
  readonly json?: boolean;
  readonly interval: number;
}

export function addTopCommand(program: Command): void {
  addRunnerOptions(
    program.command("top").description("how the runner, its places, processes and sessions are, live"),
  )
    .option("--once", "print it once; the default where standard output is no terminal")
    .option("--interval <seconds>", "between two looks", seconds, 2)
    .option("--json", "once, as JSON of the API's overview")
    .action(async (flags: Flags) => {
      const target = neededRunner(flags);
      const look = async (signal?: AbortSignal): Promise<Overview> =>
        (await jsonFromRunner(target, "/v1/overview", { signal, timeoutMs: PROMPT_MS })) as Overview;
      if (flags.json) return printJson(await look());
      if (flags.once || !process.stdout.isTTY) {
        const now = { at: 0, overview: await look() };
        const columns = terminalColumns();
        const { url } = target;
        const drawing = { url, now, before: undefined, sort: "name", time: Date.now(), columns } as const;
        process.stdout.write(`${[...headLines(drawing), "", ...placeLines(drawing)].join("\n")}\n`);
        return;
      }
      const { stdin: input, stdout: output } = process;
      const intervalMs = flags.interval * 1000;
      process.exitCode = await showLive({ url: target.url, intervalMs, input, output, look });
    });
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value >= 0.2 && value <= 3600)) throw new InvalidArgumentError("It has to be 0.2 to 3600.");
  return value;
}
