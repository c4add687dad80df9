import { type Command, Option } from "commander";
import { isBerthError } from "../../contract/errors.ts";
import { within } from "../../contract/within.ts";
import { commandTimes, toolLimits } from "../../tools/limits.ts";
import { TOOL_NAMES, type ToolName, type ToolOptions } from "../../tools/tool.ts";
import { byteSize, collect, duration, wholeNumber } from "../arguments.ts";
import { closeCommandEvents } from "../command-events.ts";
import { usageError } from "../errors.ts";
import {
  addImageOptions,
  addRuntimeOption,
  askedWorkspace,
  environment,
  open,
  type RuntimeOptions,
  runtimeConfig,
} from "../options.ts";

interface Flags extends RuntimeOptions {
  readonly root?: string;
  readonly extraRoot?: string[];
  readonly tools?: string;
  readonly readOnly?: boolean;
  readonly timeout?: number;
  readonly maxTimeout?: number;
  readonly lease?: number;
  readonly maxBytes?: number;
  readonly maxLines?: number;
  readonly mask?: boolean;
  readonly ci?: boolean;
  readonly ansi?: "strip" | "keep";
  readonly env?: string[];
  readonly envFrom?: string[];
  readonly user?: string;
}

/** Behind the end of the client: for what runs in the place to be ended. Leases end what the place can't be told of. */
const CLOSE_MS = 15_000;
/** For a look whether a workspace is there, before the client is answered. */
const LOOK_MS = 5_000;

export function addMcpCommand(program: Command): void {
  const command = program
    .command("mcp")
    .description("serve the tools to an agent: an MCP server on stdin and stdout, for one client");
  addImageOptions(addRuntimeOption(command))
    .option(
      "--root <directory>",
      "where the tools work, and what the file tools stay in; default: the workdir",
    )
    .option("--extra-root <directory>", "another directory that the file tools may use (repeatable)", collect)
    .option("--tools <names>", `only these, separated by commas: ${TOOL_NAMES.join(",")}`)
    .option("--read-only", "only tools that change nothing: no commands either")
    .option("--timeout <duration>", "of a command that says none; default: 2m", duration)
    .option("--max-timeout <duration>", "that a command may ask for; default: 10m", duration)
    .option(
      "--lease <duration>",
      "that background commands live on when this server is killed; default: 30m",
      duration,
    )
    .option("--max-bytes <size>", "of the text of one result; default: 30000", byteSize)
    .option("--max-lines <count>", "of one result; default: 2000", wholeNumber)
    .option("--no-mask", "show secrets that Berth knows also where commands write them and files hold them")
    .option("--ci", "set CI=true for commands")
    .addOption(new Option("--ansi <what>", "colours in output").choices(["strip", "keep"]))
    .option(
      "-e, --env <name[=value]>",
      "environment variable of commands; without a value the one that it has here (repeatable)",
      collect,
    )
    .option("--env-from <file>", "environment variables, one NAME=VALUE a line (repeatable)", collect)
    .option("-u, --user <user>", "run commands as this user: name or uid[:gid]")
    .addHelpText(
      "after",
      "\nNot to be typed at a terminal: an agent's client starts it, and it ends with the client. Configurations: docs/mcp.md.",
    )
    .action(async (flags: Flags) => {
      await serve(flags);
    });
}

async function serve(flags: Flags): Promise<void> {
  const tools = toolOptions(flags);
  await lookFirst(flags);
  if (process.stdin.isTTY) {
    process.stderr.write("berth: waits for an MCP client on stdin; Ctrl-C ends it. See docs/mcp.md\n");
  }
  const stop = new AbortController();
  const forced = Promise.withResolvers<void>();
  let signals = 0;
  const onSignal = (): void => {
    signals += 1;
    stop.abort();
    if (signals > 1) forced.resolve();
  };
  const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const name of names) process.on(name, onSignal);
  const { serveStreams } = await import("../../mcp/stdio.ts");
  const serving = serveStreams({
    where: whereText(flags),
    open: async (signal) => {
      const runtime = await open({ ...flags, quiet: true, endOpening: signal });
      return { runtime, [Symbol.asyncDispose]: () => runtime.close() };
    },
    tools,
    usesRoots: flags.root === undefined && flags.runtime === undefined && flags.workspace === undefined,
    stdin: process.stdin,
    stdout: process.stdout,
    tell: (text) => void process.stderr.write(`berth: ${text}\n`),
    signal: stop.signal,
  });
  const ended = Promise.withResolvers<void>();
  const end = (): void => void setTimeout(ended.resolve, CLOSE_MS).unref();
  stop.signal.addEventListener("abort", end, { once: true });
  process.stdin.once("end", end).once("close", end);
  await Promise.race([serving, ended.promise, forced.promise]);
  await Promise.race([closeCommandEvents(), forced.promise]);
  // What is left (a connection that does not close) must not keep the process of a client that is gone.
  process.exit(0);
}

function whereText(flags: Flags): string {
  const workspace = askedWorkspace(flags);
  if (workspace !== undefined) return `the workspace ${workspace}`;
  return `the runtime ${flags.runtime ?? (process.env.BERTH_RUNTIME || "of this directory")}`;
}

/** What is wrong with the command line is told at once; a place that can't be reached now is tried when it is needed. */
async function lookFirst(flags: Flags): Promise<void> {
  const workspace = askedWorkspace(flags);
  if (workspace === undefined) {
    await runtimeConfig(flags);
    return;
  }
  const { withWorkspaces } = await import("../workspaces.ts");
  try {
    await within(
      LOOK_MS,
      withWorkspaces((workspaces) => workspaces.get(workspace), flags),
    );
  } catch (error) {
    if (!isBerthError(error) || !error.retryable) throw error;
  }
}

/** @throws cli.usage */
function toolOptions(flags: Flags): ToolOptions {
  const { maxBytes, maxLines, timeout, maxTimeout } = flags;
  const env = environment(flags.env, flags.envFrom);
  for (const path of [...(flags.root === undefined ? [] : [flags.root]), ...(flags.extraRoot ?? [])]) {
    if (!path.startsWith("/")) throw usageError(`"${path}" is not an absolute path of the place`);
  }
  const limits = {
    ...(maxBytes === undefined ? {} : { maxBytes }),
    ...(maxLines === undefined ? {} : { maxLines }),
  };
  toolLimits(limits);
  commandTimes({ timeoutMs: timeout, maxTimeoutMs: maxTimeout });
  return {
    ...(flags.tools === undefined ? {} : { tools: toolNames(flags.tools) }),
    ...(flags.root === undefined ? {} : { root: flags.root }),
    ...(flags.extraRoot === undefined ? {} : { extraRoots: flags.extraRoot }),
    ...(flags.readOnly ? { readOnly: true } : {}),
    ...(flags.mask === false ? { maskOutput: false } : {}),
    limits,
    bash: {
      ...(timeout === undefined ? {} : { timeoutMs: timeout }),
      ...(maxTimeout === undefined ? {} : { maxTimeoutMs: maxTimeout }),
      ...(flags.lease === undefined ? {} : { leaseMs: flags.lease }),
      ...(flags.ci ? { ci: true } : {}),
      ...(flags.ansi === undefined ? {} : { ansi: flags.ansi }),
      ...(Object.keys(env).length === 0 ? {} : { env }),
      ...(flags.user === undefined ? {} : { user: flags.user }),
    },
  };
}

function toolNames(text: string): ToolName[] {
  return text.split(",").map((word) => {
    const name = TOOL_NAMES.find((one) => one === word.trim());
    if (name !== undefined) return name;
    throw usageError(`there is no tool ${word.trim()}`, `There are: ${TOOL_NAMES.join(", ")}.`);
  });
}
