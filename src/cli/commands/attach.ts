import type { Command } from "commander";
import type { Process } from "../../contract/process.ts";
import { wholeNumber } from "../arguments.ts";
import { usageError } from "../errors.ts";
import { addRuntimeOption, open, type RuntimeOptions } from "../options.ts";
import { exitCodeOfStatus, runSession, type SessionEnd } from "../session.ts";
import { followTerminal } from "../terminal.ts";

interface Flags extends RuntimeOptions {
  readonly from?: number;
  readonly stdin?: boolean;
  readonly detachKeys: string;
}

/** Keys that leave a terminal, as of `docker attach`. */
export const DETACH_KEYS = "ctrl-p,ctrl-q";

export function addAttachCommand(program: Command): void {
  const command = program
    .command("attach")
    .description("join a running process: its output, input, signals and window size")
    .argument("<process>", "id or name");
  addRuntimeOption(command)
    .option(
      "--from <cursor>",
      "byte of the output to start at; negative: from the end; default: what comes from now on, for a terminal its screen as it is",
      wholeNumber,
    )
    .option("-n, --no-stdin", "only look: no input")
    .option("--detach-keys <keys>", "keys that leave a terminal without ending it", DETACH_KEYS)
    .action(async (id: string, flags: Flags) => {
      const detachKeys = parseKeys(flags.detachKeys);
      await using runtime = await open(flags);
      const found = await runtime.process(id);
      const input = flags.stdin !== false;
      const isScreen = found.tty !== null && process.stdout.isTTY && flags.from === undefined;
      const end = isScreen
        ? await followTerminal(found, { input, detachKeys })
        : await follow(found, { from: flags.from, input, detachKeys });
      if ("exit" in end) process.exitCode = exitCodeOfStatus(end.exit);
      else process.stderr.write(`berth: detached; come back by \`berth attach ${id}\`\n`);
    });
}

/** The bytes as they come. */
async function follow(
  found: Process,
  options: { readonly from: number | undefined; readonly input: boolean; readonly detachKeys: Uint8Array },
): Promise<SessionEnd> {
  const info = await found.info();
  const start = options.from ?? info.outputEnd;
  return runSession(found, {
    from: start < 0 ? Math.max(0, info.outputEnd + start) : start,
    input: options.input && info.state === "running",
    detachKeys: options.detachKeys,
    endOnHangup: false,
  });
}

/** "ctrl-p,ctrl-q" or "ctrl-]" as bytes. */
export function parseKeys(text: string): Uint8Array {
  const bytes = text.split(",").map((key) => {
    const control = /^ctrl-([a-z@[\\\]^_])$/i.exec(key)?.[1];
    if (control !== undefined) return control.toUpperCase().charCodeAt(0) & 0x1f;
    if (/^[\x20-\x7e]$/.test(key)) return key.charCodeAt(0);
    throw usageError(`"${key}" is not a key`, "Give keys such as ctrl-p,ctrl-q or ctrl-].");
  });
  return Uint8Array.from(bytes);
}
