import type { Command } from "commander";
import { formatDuration } from "../../contract/duration.ts";
import type { ProcessInfo } from "../../contract/process.ts";
import { addRuntimeOption, askedWorkspace, open, type RuntimeOptions } from "../options.ts";
import { clip, formatBytes, printJson, table } from "../print.ts";

/** What is shown of a command; `--json` has the whole. */
const COMMAND_COLUMNS = 100;

interface Flags extends RuntimeOptions {
  readonly all?: boolean;
}

export function addProcessesCommand(program: Command): void {
  const list = program.command("ps").description("list processes");
  addRuntimeOption(list)
    .option("-a, --all", "finished and lost ones too")
    .option("--json", "as JSON")
    .action(async (flags: Flags) => {
      await using runtime = await open(flags);
      const all = await runtime.processes();
      const shown = flags.all ? all : all.filter((info) => info.state === "running");
      if (flags.json) printJson(shown);
      else process.stdout.write(processTable(shown, askedWorkspace(flags) === undefined));
    });
  const remove = program
    .command("rm")
    .description("remove finished processes and their logs")
    .argument("<process...>", "ids or names");
  addRuntimeOption(remove).action(async (ids: string[], flags: RuntimeOptions) => {
    await using runtime = await open(flags);
    for (const id of ids) {
      const found = await runtime.process(id);
      await found.remove();
      process.stdout.write(`${id}\n`);
    }
  });
}

/** @param mixed processes of several workspaces may be among them */
function processTable(processes: readonly ProcessInfo[], mixed: boolean): string {
  const ofWorkspaces = mixed && processes.some(({ workspace }) => workspace !== undefined);
  const rows = processes.map((info) => [
    info.id,
    info.name ?? "",
    ...(ofWorkspaces ? [info.workspace ?? ""] : []),
    state(info),
    age(info),
    formatBytes(info.outputEnd),
    clip(info.command.join(" "), COMMAND_COLUMNS),
  ]);
  const head = ["ID", "NAME", ...(ofWorkspaces ? ["WORKSPACE"] : []), "STATE", "AGE", "OUTPUT", "COMMAND"];
  return table([head, ...rows]);
}

function state(info: ProcessInfo): string {
  if (info.exit === undefined) return info.state;
  if (info.exit.timedOut) return "timed out";
  return info.exit.signal ?? `exit ${info.exit.exitCode}`;
}

function age(info: ProcessInfo): string {
  return formatDuration(Math.max(0, Date.now() - Date.parse(info.startedAt)));
}
