import type { Command } from "commander";
import type { ListeningPort } from "../../contract/listening.ts";
import { addRuntimeOption, open, type RuntimeOptions } from "../options.ts";
import { printJson, table } from "../print.ts";

export function addPortsCommand(program: Command): void {
  const command = program.command("ports").description("list what listens in the place");
  addRuntimeOption(command)
    .option("--json", "as JSON")
    .action(async (flags: RuntimeOptions) => {
      await using runtime = await open(flags);
      const ports = await runtime.ports();
      if (flags.json) printJson(ports);
      else if (ports.length === 0) process.stderr.write("Nothing listens there.\n");
      else process.stdout.write(table([["PORT", "ADDRESS", "PROCESS", "COMMAND"], ...ports.map(row)]));
    });
}

function row({ port, host, processId = "", command = "" }: ListeningPort): string[] {
  return [String(port), host, processId, command];
}
