import type { Command } from "commander";
import type * as z from "zod";
import type { preview } from "../../api/ports.ts";
import { wholeNumber } from "../arguments.ts";
import { usageError } from "../errors.ts";
import { printJson } from "../print.ts";
import { callRunner, jsonFromRunner } from "../runner/calls.ts";
import { addRunnerOptions, neededRunner, type RunnerFlags } from "../runner/target.ts";

interface Flags extends RunnerFlags {
  readonly path?: string;
  readonly keepHost?: boolean;
  readonly delete?: boolean;
  readonly json?: boolean;
}

export function addPreviewCommand(program: Command): void {
  addRunnerOptions(
    program
      .command("preview")
      .description(
        "an address of its own for a server in a workspace, and a link that opens it in a browser once",
      ),
    "words",
  )
    .argument("<workspace>", "name, PROJECT/NAME or id")
    .argument("<port>", "port that the server listens on in the workspace", wholeNumber)
    .option("--path <path>", "where the link leads, such as /app?x=1", "/")
    .option("--keep-host", "the server gets the address's own Host, not localhost with its port")
    .option("--delete", "end the address, and whatever is open of it")
    .option("--json", "as JSON of the API")
    .addHelpText(
      "after",
      "\nThe link is written on standard output, and opens within a minute, once; the browser may come back by the address as long as the token is valid. Needs a runner: berth serve\nDocumentation: docs/security.md",
    )
    .action(async (workspace: string, port: number, flags: Flags) => {
      if (port < 1 || port > 65_535) throw usageError(`${port} is not a port`);
      const path = `/v1/workspaces/${encodeURIComponent(workspace)}/previews` as const;
      if (flags.delete) {
        await callRunner(neededRunner(flags), path, { method: "DELETE", query: { port } });
        return;
      }
      const body = { port, path: flags.path, host: flags.keepHost === true ? "preview" : "localhost" };
      const made = await jsonFromRunner(neededRunner(flags), path, { method: "POST", body });
      const { open_url, url } = made as z.infer<typeof preview>;
      if (flags.json) printJson(made);
      else {
        process.stdout.write(`${open_url}\n`);
        process.stderr.write(`berth: opens once, within a minute; then the address is ${url}\n`);
      }
    });
}
