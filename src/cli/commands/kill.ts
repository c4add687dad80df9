import { type Command, InvalidArgumentError } from "commander";
import { isBerthError } from "../../contract/errors.ts";
import { parseSignal } from "../../contract/signals.ts";
import { duration } from "../arguments.ts";
import { addRuntimeOption, open, type RuntimeOptions } from "../options.ts";

interface Flags extends RuntimeOptions {
  readonly signal?: string;
  readonly grace?: number;
}

export function addKillCommand(program: Command): void {
  const command = program
    .command("kill")
    .description("end processes: TERM, after the grace KILL to everything of their trees")
    .argument("<process...>", "ids or names");
  addRuntimeOption(command)
    .option(
      "-s, --signal <name>",
      "only send this signal to the process group: HUP INT QUIT ABRT USR1 USR2 TERM KILL STOP CONT WINCH",
      signalArgument,
    )
    .option("--grace <duration>", "time between TERM and KILL (default: 2s)", duration)
    .action(async (ids: string[], flags: Flags) => {
      await using runtime = await open(flags);
      const grace = flags.grace === undefined ? {} : { graceMs: flags.grace };
      for (const id of ids) {
        const found = await runtime.process(id);
        if (flags.signal !== undefined) await found.signal(flags.signal);
        else {
          const { left } = await found.kill(undefined, grace);
          if (left > 0) {
            process.exitCode = 1;
            process.stderr.write(
              `berth: ${left} processes of ${id} could not be ended (another user's, or stuck in the kernel)\n`,
            );
          }
        }
        process.stdout.write(`${id}\n`);
      }
    });
}

function signalArgument(text: string): string {
  try {
    return parseSignal(text);
  } catch (cause) {
    throw new InvalidArgumentError(isBerthError(cause) ? cause.hint : String(cause));
  }
}
