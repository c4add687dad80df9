import { type Command, Option } from "commander";
import type { Process } from "../../contract/process.ts";
import { wholeNumber } from "../arguments.ts";
import { usageError } from "../errors.ts";
import { addRuntimeOption, open, type RuntimeOptions } from "../options.ts";
import { exitCodeOfStatus, runSession, type SessionEnd } from "../session.ts";
import { drawnTerminal, followTerminal } from "../terminal.ts";

interface Flags extends RuntimeOptions {
  readonly from?: number;
  readonly stdin?: boolean;
  readonly detachKeys: string;
  readonly viewer?: boolean;
  readonly takeover?: boolean;
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
    .option("--viewer", "by a runner: only look, beside its one writer")
    .addOption(
      new Option("--takeover", "by a runner: as its one writer, in the place of whoever is").conflicts(
        "viewer",
      ),
    )
    .option("--detach-keys <keys>", "keys that leave a terminal without ending it", DETACH_KEYS)
    .action(async (id: string, flags: Flags) => {
      const detachKeys = parseKeys(flags.detachKeys);
      if (flags.viewer || flags.takeover) {
        say(await attachByRunner(id, flags, detachKeys), id);
        return;
      }
      await using runtime = await open(flags);
      const found = await runtime.process(id);
      const input = flags.stdin !== false;
      const isScreen = found.tty !== null && process.stdout.isTTY && flags.from === undefined;
      const end = isScreen
        ? await followTerminal(found, { input, detachKeys })
        : await follow(found, { from: flags.from, input, detachKeys });
      say(end, id);
    });
}

function say(end: SessionEnd, id: string): void {
  if ("exit" in end) process.exitCode = exitCodeOfStatus(end.exit);
  else process.stderr.write(`berth: detached; come back by \`berth attach ${id}\`\n`);
}

/** By the attach protocol, which knows writers and viewers. */
async function attachByRunner(id: string, flags: Flags, detachKeys: Uint8Array): Promise<SessionEnd> {
  const [{ neededRunner }, { runAttached }] = await Promise.all([
    import("../runner/target.ts"),
    import("../runner/attached.ts"),
  ]);
  const target = neededRunner(flags);
  // A name is one of a workspace; the runner knows ids.
  await using runtime = await open(flags);
  const found = await runtime.process(id);
  const info = await found.info();
  const isScreen = info.tty !== null && process.stdout.isTTY && flags.from === undefined;
  const drawn = isScreen ? await drawnTerminal(found, info) : undefined;
  return await runAttached(target, info.id, {
    from: flags.from ?? drawn?.cursor ?? info.outputEnd,
    before: drawn?.before,
    role: flags.viewer ? "viewer" : "writer",
    takeover: flags.takeover ?? false,
    input: flags.stdin !== false && info.state === "running",
    detachKeys,
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
