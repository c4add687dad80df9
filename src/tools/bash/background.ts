import { berthError } from "../../contract/errors.ts";
import type { Done, RunningCall } from "../define.ts";
import type { BashInput, BashOutput } from "./bash.ts";
import type { Commands } from "./commands.ts";
import { commandReport } from "./report.ts";
import { keeping, startOptions } from "./run.ts";
import { called } from "./say.ts";
import { statusOf } from "./status.ts";

/**
 * Starts a command that goes on by itself, and returns as soon as it runs; with a pattern, when its output matches. It ends
 * with the tools, or by its lease when this client is gone, unless it is to stay.
 */
export async function startInBackground(
  commands: Commands,
  input: BashInput,
  call: RunningCall,
): Promise<Done<BashOutput>> {
  const { context, known } = commands;
  const stays = input.stays === true;
  // The signal is the call's, and the process outlives the call.
  const starting = new AbortController();
  const abort = () => starting.abort(call.signal.reason);
  call.signal.throwIfAborted();
  call.signal.addEventListener("abort", abort, { once: true });
  const process = await commands
    .start(() =>
      context.runtime.spawn(input.command, {
        ...startOptions(commands, input.cwd),
        stdin: "pipe",
        ...(input.tty === true ? { tty: true } : {}),
        ...(input.name === undefined ? {} : { name: input.name }),
        ...keeping(commands, stays),
        signal: starting.signal,
      }),
    )
    .finally(() => call.signal.removeEventListener("abort", abort));
  const before = known.get(process.id);
  const one = await known.add(process, 0, stays);
  if (input.wait_for !== undefined) {
    return await commandReport(commands, one, {
      wait: { pattern: input.wait_for },
      timeoutMs: input.timeout_ms ?? commands.timeoutMs,
      call,
    });
  }
  const name = called(process);
  const status =
    before === undefined
      ? `running in the background as ${name}`
      : `${name} is running already, by this command`;
  return {
    content: `[${status}]\nbash_output with process: "${process.name ?? process.id}" reads what it writes.`,
    output: {
      ...statusOf(process, undefined),
      output: "",
      cut: false,
      output_bytes: 0,
    },
  };
}

/** What is given to a command that is waited for, and means something only in the background. */
export function requireForeground(input: BashInput): void {
  const given = (["name", "tty", "stays", "wait_for"] as const).filter(
    (field) => input[field] !== undefined && input[field] !== false,
  );
  if (given.length === 0) return;
  throw berthError("tool.input_invalid", {
    message: `the input does not fit bash: ${given.join(", ")} ${given.length === 1 ? "is" : "are"} for background: true`,
  });
}
