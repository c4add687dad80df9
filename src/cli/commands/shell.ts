import type { Command } from "commander";
import { isBerthError } from "../../contract/errors.ts";
import type { Process } from "../../contract/process.ts";
import type { Runtime } from "../../contract/runtime.ts";
import { usageError } from "../errors.ts";
import {
  addImageOptions,
  addRuntimeOption,
  askedWorkspace,
  environment,
  explained,
  open,
} from "../options.ts";
import { exitCodeOfStatus, runSession, type SessionEnd, terminalSize } from "../session.ts";
import { followTerminal } from "../terminal.ts";
import { DETACH_KEYS, parseKeys } from "./attach.ts";
import { addCommandOptions, type CommandFlags } from "./exec.ts";

/** Name of a workspace's terminal that is given none. */
export const WORKSPACE_SHELL = "shell";

export interface ShellFlags extends CommandFlags {
  readonly new?: boolean;
  readonly detachKeys?: string;
}

export function addShellCommand(program: Command): void {
  const command = program
    .command("shell")
    .description(
      "open a terminal with the user's login shell in the place, or come back to the one of that name",
    );
  addShellOptions(addImageOptions(addCommandOptions(addRuntimeOption(command)))).action(
    async (flags: ShellFlags) => {
      await using runtime = await open(flags);
      const name = askedWorkspace(flags) === undefined ? undefined : WORKSPACE_SHELL;
      process.exitCode = await runShell(runtime, flags, name).catch((cause: unknown) => {
        throw explained(cause, flags);
      });
    },
  );
}

export function addShellOptions(command: Command): Command {
  return command
    .option(
      "--name <name>",
      `name it: a terminal of that name that runs is shown as it is (default in a workspace: ${WORKSPACE_SHELL})`,
    )
    .option("--new", "open another one: NAME-2, NAME-3, …")
    .option("--detach-keys <keys>", "keys that leave a named terminal without ending it", DETACH_KEYS);
}

/**
 * A login shell of the place in this terminal, until it ends or is left; with a name that a running terminal has, that
 * one with its screen as it is. Returns the exit code.
 */
export async function runShell(runtime: Runtime, flags: ShellFlags, defaultName?: string): Promise<number> {
  const detachKeys = parseKeys(flags.detachKeys ?? DETACH_KEYS);
  const asked = flags.name ?? defaultName;
  const name = flags.new === true ? await freeName(runtime, asked ?? WORKSPACE_SHELL) : asked;
  const running = name === undefined ? undefined : await findRunning(runtime, name);
  if (running !== undefined && running.tty === null) {
    throw usageError(
      `${name} is a process without a terminal`,
      `Choose another name, or see it by \`berth logs -f ${name}\`.`,
    );
  }
  if (running !== undefined && process.stdout.isTTY) {
    return finish(name, await followTerminal(running, { input: true, detachKeys }));
  }
  const shell =
    running ??
    (await runtime.shell({
      login: true,
      ...(flags.cwd === undefined ? {} : { cwd: flags.cwd }),
      env: environment(flags.env, flags.envFrom),
      ...(flags.user === undefined ? {} : { user: flags.user }),
      ...(name === undefined ? {} : { name }),
      tty: terminalSize(),
    }));
  const end = await runSession(shell, {
    input: true,
    detachKeys: name === undefined ? undefined : detachKeys,
    endOnHangup: name === undefined,
  });
  // Closing the runtime ends what this command started, unless it is told to stay.
  if ("detached" in end) await shell.detach();
  return finish(name, end);
}

function finish(name: string | undefined, end: SessionEnd): number {
  if ("exit" in end) return exitCodeOfStatus(end.exit);
  process.stderr.write(`berth: ${name} goes on; the same command brings it back\n`);
  return 0;
}

/** The live process of that name. */
async function findRunning(runtime: Runtime, name: string): Promise<Process | undefined> {
  try {
    const found = await runtime.process(name);
    return (await found.info()).state === "running" ? found : undefined;
  } catch (cause) {
    if (isBerthError(cause, "process.unknown") || isBerthError(cause, "process.reaped")) return undefined;
    throw cause;
  }
}

/** The name, or the first of NAME-2, NAME-3, … that no live process has. */
async function freeName(runtime: Runtime, name: string): Promise<string> {
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? name : `${name}-${number}`;
    if ((await findRunning(runtime, candidate)) === undefined) return candidate;
  }
}
