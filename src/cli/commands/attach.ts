import type { Command } from "commander";
import { wholeNumber } from "../arguments.ts";
import { usageError } from "../errors.ts";
import { addRuntimeOption, open, type RuntimeOptions } from "../options.ts";
import { exitCodeOfStatus, runSession, terminalSize } from "../session.ts";

interface Flags extends RuntimeOptions {
  readonly from?: number;
  readonly stdin?: boolean;
  readonly detachKeys: string;
}

/** Bytes of a terminal's screen and a little scrollback, replayed at attach so that a full-screen program shows. */
const TERMINAL_REPLAY_BYTES = 64 * 1024;

export function addAttachCommand(program: Command): void {
  const command = program
    .command("attach")
    .description("join a running process: its output, input, signals and window size")
    .argument("<process>", "id or name");
  addRuntimeOption(command)
    .option(
      "--from <cursor>",
      "byte of the output to start at; negative: from the end; default: what comes from now on, for a terminal its last screen",
      wholeNumber,
    )
    .option("-n, --no-stdin", "only look: no input")
    .option("--detach-keys <keys>", "keys that leave a terminal without ending it", "ctrl-p,ctrl-q")
    .action(async (id: string, flags: Flags) => {
      const detachKeys = parseKeys(flags.detachKeys);
      await using runtime = await open(flags);
      const found = await runtime.process(id);
      const info = await found.info();
      if (found.tty !== null && info.state === "running" && process.stdout.isTTY)
        await found.resize(terminalSize());
      const start = flags.from ?? (found.tty === null ? info.outputEnd : -TERMINAL_REPLAY_BYTES);
      const end = await runSession(found, {
        from: start < 0 ? Math.max(0, info.outputEnd + start) : start,
        input: flags.stdin !== false && info.state === "running",
        detachKeys,
        endOnHangup: false,
      });
      if ("exit" in end) process.exitCode = exitCodeOfStatus(end.exit);
      else process.stderr.write(`\r\nberth: detached; come back by \`berth attach ${id}\`\n`);
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
