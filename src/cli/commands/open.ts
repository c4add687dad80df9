import type { Command } from "commander";
import { printJson } from "../print.ts";
import { addRunnerOptions, neededRunner, type RunnerFlags } from "../runner/target.ts";

interface Flags extends RunnerFlags {
  readonly print?: boolean;
  readonly json?: boolean;
}

export function addOpenCommand(program: Command): void {
  addRunnerOptions(
    program.command("open").description("open the runner's page in your browser, signed in"),
    "words",
  )
    .option("--print", "print a link that signs in, and open nothing")
    .option("--json", "the same, as JSON of the API")
    .addHelpText(
      "after",
      "\nA link signs in once, within a minute. The browser stays signed in for 30 days from its last use, at most 90, and as long as the token is valid that this command used. By SSH the link is printed, and how to forward the port. Needs a runner: berth serve\nDocumentation: docs/runner.md, docs/security.md",
    )
    .action(async (flags: Flags) => {
      const target = neededRunner(flags);
      const { openPage, printLink, signInCode } = await import("../runner/open-page.ts");
      if (flags.json) printJson(await signInCode(target));
      else if (flags.print) await printLink(target);
      else {
        const why = await openPage(target);
        if (why !== undefined) await printLink(target, why);
        else process.stderr.write(`berth: the page of ${target.url} is open in your browser\n`);
      }
    });
}
